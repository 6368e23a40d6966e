// What every kernel is given: tensors, a queue, and the step it belongs to.
//
// A launcher reads and writes only the tensors it is given, allocates nothing that lives on, and
// never synchronises. On the CPU the queue is the calling worker thread with its linear algebra; on
// CUDA it is a stream. What changes from step to step is read through `state`, which lives in the
// device's memory, so that a captured graph can be replayed.
#pragma once

#include <cstdint>

#include "compiler/plan/types.h"
#include "kernels/formulas/bfloat16.h"

namespace pprun::kernels {

// A dense row-major tensor in device memory.
struct Tensor {
  void* data = nullptr;  // null: an optional operand that is absent
  DType dtype = DType::kF32;
  Shape shape;

  explicit operator bool() const { return data != nullptr; }
  float* f32() const { return static_cast<float*>(data); }
  Bfloat16* bf16() const { return static_cast<Bfloat16*>(data); }
  double* f64() const { return static_cast<double*>(data); }
  int32_t* i32() const { return static_cast<int32_t*>(data); }
};

// Written by the host before each step, read by kernels.
struct StepState {
  int64_t step = 0;  // 0-based
  float learning_rate = 0;
};

// What a random operation is keyed by, so that no mesh changes a bit.
struct RandomKey {
  uint64_t seed = 0;
  uint64_t layer = 0;        // hash of the layer's name
  uint32_t operation = 0;    // OpAttributes::random_key
  int64_t first_sample = 0;  // of the tensor's first row, within the batch
  const StepState* state = nullptr;
};

}  // namespace pprun::kernels
