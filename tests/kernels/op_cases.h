// Operands for any operation at given sizes, so that what holds for every kind is tested for every
// kind.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/plan/operation.h"
#include "kernels/cpu_queue.h"
#include "tests/kernels/arrays.h"
#include "tests/kernels/op_types.h"

namespace pprun::kernels {

struct OpCase {
  OpKind kind = OpKind::kAdd;
  OpAttributes attributes;
  std::vector<Array> operands;  // in the signature's order; read ones random, the others poisoned

  Array& Named(std::string_view name);
};

OpCase MakeOpCase(OpKind kind, const OpSizes& sizes, uint32_t seed);

// Runs the case's operation on its operands, as step 5 with seed 11, from sample `first_sample` of
// the batch.
void RunOpCase(const CpuQueue& queue, OpCase& op, int64_t first_sample = 0);

inline std::string NameOfParameter(const testing::TestParamInfo<OpKind>& test) {
  return std::string(Name(test.param));
}

}  // namespace pprun::kernels
