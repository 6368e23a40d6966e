// What kernels share on the device: loads and stores of several elements by 16-byte accesses, with
// arithmetic in float whatever the type in memory, and sums over a warp and a block in a fixed
// order. Included by *_cuda.cu only. Tests: gpu/kernels_check.cc.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/cuda_geometry.h"
#include "kernels/cuda_intrinsics.h"
#include "kernels/formulas/bfloat16.h"

namespace pprun::kernels {

inline constexpr int kVectorBytes = 16;
inline constexpr unsigned kAllLanes = 0xFFFFFFFFU;

// Elements of one 16-byte access.
template <class T>
inline constexpr int kVector = kVectorBytes / static_cast<int>(sizeof(T));

__device__ __forceinline__ float ToFloat(float value) { return value; }
__device__ __forceinline__ float ToFloat(Bfloat16 value) { return FloatOfBfloat16(value.bits); }
template <class T>
__device__ __forceinline__ T FromFloat(float value);
template <>
__device__ __forceinline__ float FromFloat<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ Bfloat16 FromFloat<Bfloat16>(float value) {
  return {static_cast<uint16_t>(PackBfloat16(value, 0.0F))};
}

// kWidth elements: by 16-byte or 8-byte accesses where they are that many bytes, and then aligned.
template <int kWidth>
__device__ __forceinline__ void Load(const float* from, float (&to)[kWidth]) {
  if constexpr (kWidth % 4 == 0) {
#pragma unroll
    for (int i = 0; i < kWidth / 4; ++i) {
      const float4 part = reinterpret_cast<const float4*>(from)[i];
      to[4 * i] = part.x;
      to[4 * i + 1] = part.y;
      to[4 * i + 2] = part.z;
      to[4 * i + 3] = part.w;
    }
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) to[i] = from[i];
  }
}

__device__ __forceinline__ uint32_t WordOf(float value) {
  return static_cast<uint32_t>(BitsOf(value));
}

// To device memory, as Load.
template <int kWidth>
__device__ __forceinline__ void Store(float* to, const float (&from)[kWidth]) {
  if constexpr (kWidth % 4 == 0) {
#pragma unroll
    for (int i = 0; i < kWidth / 4; ++i) {
      StoreVector(to + 4 * i, make_uint4(WordOf(from[4 * i]), WordOf(from[4 * i + 1]),
                                         WordOf(from[4 * i + 2]), WordOf(from[4 * i + 3])));
    }
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) to[i] = from[i];
  }
}

__device__ __forceinline__ void Unpack(uint32_t packed, float& low, float& high) {
  low = FloatOf(static_cast<int32_t>(packed << 16));
  high = FloatOf(static_cast<int32_t>(packed & 0xFFFF0000U));
}

template <int kWidth>
__device__ __forceinline__ void Load(const Bfloat16* from, float (&to)[kWidth]) {
  if constexpr (kWidth % 8 == 0) {
#pragma unroll
    for (int i = 0; i < kWidth / 8; ++i) {
      const uint4 part = reinterpret_cast<const uint4*>(from)[i];
      Unpack(part.x, to[8 * i], to[8 * i + 1]);
      Unpack(part.y, to[8 * i + 2], to[8 * i + 3]);
      Unpack(part.z, to[8 * i + 4], to[8 * i + 5]);
      Unpack(part.w, to[8 * i + 6], to[8 * i + 7]);
    }
  } else if constexpr (kWidth == 4) {
    const uint2 part = *reinterpret_cast<const uint2*>(from);
    Unpack(part.x, to[0], to[1]);
    Unpack(part.y, to[2], to[3]);
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) to[i] = ToFloat(from[i]);
  }
}

template <int kWidth>
__device__ __forceinline__ void Store(Bfloat16* to, const float (&from)[kWidth]) {
  if constexpr (kWidth % 8 == 0) {
#pragma unroll
    for (int i = 0; i < kWidth / 8; ++i) {
      StoreVector(to + 8 * i, make_uint4(PackBfloat16(from[8 * i], from[8 * i + 1]),
                                         PackBfloat16(from[8 * i + 2], from[8 * i + 3]),
                                         PackBfloat16(from[8 * i + 4], from[8 * i + 5]),
                                         PackBfloat16(from[8 * i + 6], from[8 * i + 7])));
    }
  } else if constexpr (kWidth == 4) {
    StoreVector(to, make_uint2(PackBfloat16(from[0], from[1]), PackBfloat16(from[2], from[3])));
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) to[i] = FromFloat<Bfloat16>(from[i]);
  }
}

// kWidth elements as they lie in memory: 16 bytes, or one element.
template <int kWidth, class T>
struct Piece {
  static_assert(kWidth == kVector<T>);
  uint4 memory = {};

  __device__ void LoadFrom(const T* from) { memory = *reinterpret_cast<const uint4*>(from); }
  __device__ void StoreTo(T* to) const { StoreVector(to, memory); }
  __device__ void Get(float (&to)[kWidth]) const {
    if constexpr (kWidth == 4) {
      to[0] = FloatOf(static_cast<int32_t>(memory.x));
      to[1] = FloatOf(static_cast<int32_t>(memory.y));
      to[2] = FloatOf(static_cast<int32_t>(memory.z));
      to[3] = FloatOf(static_cast<int32_t>(memory.w));
    } else {
      Unpack(memory.x, to[0], to[1]);
      Unpack(memory.y, to[2], to[3]);
      Unpack(memory.z, to[4], to[5]);
      Unpack(memory.w, to[6], to[7]);
    }
  }
  __device__ void Set(const float (&from)[kWidth]) {
    if constexpr (kWidth == 4) {
      memory = make_uint4(WordOf(from[0]), WordOf(from[1]), WordOf(from[2]), WordOf(from[3]));
    } else {
      memory = make_uint4(PackBfloat16(from[0], from[1]), PackBfloat16(from[2], from[3]),
                          PackBfloat16(from[4], from[5]), PackBfloat16(from[6], from[7]));
    }
  }
};
template <class T>
struct Piece<1, T> {
  T memory = {};

  __device__ void LoadFrom(const T* from) { memory = *from; }
  __device__ void StoreTo(T* to) const { *to = memory; }
  __device__ void Get(float (&to)[1]) const { to[0] = ToFloat(memory); }
  __device__ void Set(const float (&from)[1]) { memory = FromFloat<T>(from[0]); }
};

// Every lane gets the same bits, since each step adds the same two numbers on both sides.
template <class Value>
__device__ __forceinline__ Value WarpSum(Value value) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

__device__ __forceinline__ float WarpMaximum(float value) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2)
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, distance));
  return value;
}

// The sum over a block of whole warps, for every thread. `parts` is shared memory with an element
// for each warp, which may be used again at once.
template <class Value>
__device__ __forceinline__ Value BlockSum(Value value, Value* parts) {
  value = WarpSum(value);
  __syncthreads();
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = value;
  __syncthreads();
  Value sum = parts[0];
  for (unsigned warp = 1; warp < blockDim.x / kWarp; ++warp) sum += parts[warp];
  return sum;
}

__device__ __forceinline__ float BlockMaximum(float value, float* parts) {
  value = WarpMaximum(value);
  __syncthreads();
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = value;
  __syncthreads();
  float largest = parts[0];
  for (unsigned warp = 1; warp < blockDim.x / kWarp; ++warp) largest = fmaxf(largest, parts[warp]);
  return largest;
}

}  // namespace pprun::kernels
