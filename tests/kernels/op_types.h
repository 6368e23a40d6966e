// The type of any operand of any operation at given sizes, and which operand another may share its
// memory with; without GoogleTest, since GPU machines may have none.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "compiler/plan/operation.h"
#include "compiler/plan/types.h"

namespace pprun::kernels {

struct OpSizes {
  int64_t samples = 2;
  int64_t positions = 7;
  int64_t heads = 2;
  int64_t kv_heads = 1;
  int64_t head_width = 6;
  int64_t outputs = 19;
  int64_t vocabulary = 23;
};

// Everything that may be of another type than f32 in bf16 is f32 here.
TensorType OperandType(OpKind kind, std::string_view name, const OpSizes& sizes);

// Whether the operand of that name is f32 in bf16 too, where the others become bf16; of norms
// weight and bias may be either.
bool IsAlwaysFloat(std::string_view name);

OpAttributes AttributesOf(const OpSizes& sizes);

std::vector<OpKind> AllOpKinds();

}  // namespace pprun::kernels
