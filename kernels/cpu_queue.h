// The queue that CPU launchers are given: the calling worker thread with its linear algebra, its
// number of threads and its scratch memory. One queue belongs to one worker thread, which alone
// passes it to launchers; when a launcher returns, its work is done. Tests: threads_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/kernel.h"
#include "kernels/linear_algebra.h"

namespace pprun::kernels {

// The cosines and sines of rotary embeddings, f32[s, c / 2] each, kept while the sizes stay the
// same.
struct RotationTable {
  int64_t positions = 0;
  int64_t head_width = 0;
  float theta = 0;
  std::vector<float> cosine;
  std::vector<float> sine;
};

// Memory that grows to what the largest call needs and then stays. Its contents mean nothing
// between calls, except the rotation table's.
struct Scratch {
  std::vector<float> floats;
  std::vector<float> widened;  // of bf16 operands: see widened.h
  std::vector<Tensor> widened_operands;
  std::vector<double> doubles;
  RotationTable rotation;
};

struct CpuQueue {
  explicit CpuQueue(int thread_count);
  // With linear algebra of the caller's choice.
  CpuQueue(int thread_count, std::unique_ptr<LinearAlgebra> algebra);

  int threads = 1;
  std::unique_ptr<LinearAlgebra> linear_algebra;
  std::unique_ptr<Scratch> scratch;
};

// At least `count` elements, uninitialised. The next call takes the same memory.
float* ScratchFloats(const CpuQueue& queue, int64_t count);
float* ScratchWidened(const CpuQueue& queue, int64_t count);
double* ScratchDoubles(const CpuQueue& queue, int64_t count);

}  // namespace pprun::kernels
