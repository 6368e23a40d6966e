// CUDA C++ as plain C++: the threads of a block are fibers of one thread, blocks run one after the
// other, and what a warp does together is done by the lane that comes last. Tests:
// gpu/emulation_test.cc.
//
// A warp runs as far ahead of the others as barriers let it, so a missing barrier does not make
// results random: it makes them wrong in one of the two orders in which warps and lanes can be run
// (emulation.h), since what one thread writes another reads, or overwrites, too early in one of
// them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "cuda_runtime_api.h"
#include "emulation.h"

#define __global__
#define __device__
#define __host__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
// One block runs at a time.
#define __shared__ static
#define __launch_bounds__(...)

struct dim3 {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
  dim3() = default;
  explicit dim3(unsigned width) : x(width) {}
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};
struct alignas(8) uint2 {
  uint32_t x, y;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) { return {x, y, z, w}; }
inline uint2 make_uint2(uint32_t x, uint32_t y) { return {x, y}; }

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

// Of the fiber that runs.
extern dim3 threadIdx;
extern dim3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;

inline void __syncthreads() { pprun::emulation::AwaitBlock(); }

inline void __syncwarp() {
  pprun::emulation::DoWithWarp([](void* const*) {}, nullptr);
}

template <class Value>
Value __shfl_xor_sync(unsigned /*mask*/, Value value, int distance) {
  struct Lane {
    Value value;
    int distance;
    Value result;
  } own = {value, distance, Value{}};
  pprun::emulation::DoWithWarp(
      [](void* const* lanes) {
        for (int lane = 0; lane < 32; ++lane) {
          Lane& to = *static_cast<Lane*>(lanes[lane]);
          to.result = static_cast<Lane*>(lanes[lane ^ to.distance])->value;
        }
      },
      &own);
  return own.result;
}

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  const auto body = [kernel, ... own = static_cast<Parameters>(arguments)] { kernel(own...); };
  return config->stream->Do([config = *config, kernel, body] {
    return pprun::emulation::RunGrid(config, reinterpret_cast<const void*>(kernel), body);
  });
}
