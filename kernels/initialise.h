// initialise: a parameter's first values, f32. Element e of a parameter depends on (seed, the
// parameter's global name, e) alone, where e counts the elements of the unsharded tensor, so no
// mesh changes a bit. normal: Box and Muller 1958 on two Philox words, in double. Tests:
// initialise_test.cc.
#pragma once

#include "kernels/kernel.h"

namespace pprun::kernels {

struct CpuQueue;
struct CudaQueue;

struct Distribution {
  enum class Kind : uint8_t { kZeros, kOnes, kNormal } kind = Kind::kZeros;
  float stddev = 0;  // normal: around 0
};

struct InitialiseKey {
  uint64_t seed = 0;
  uint64_t name = 0;          // hash of the global name
  int64_t first_element = 0;  // global index of the tensor's first element
};

void LaunchInitialise(const CpuQueue& queue, const Tensor& target, const Distribution& distribution,
                      const InitialiseKey& key);

// On CUDA: f32 or bf16 activations and compute weights, see README.md.
void LaunchInitialise(const CudaQueue& queue, const Tensor& target,
                      const Distribution& distribution, const InitialiseKey& key);

}  // namespace pprun::kernels
