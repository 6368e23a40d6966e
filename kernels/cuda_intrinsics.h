// What has no name in C++: the instructions and the memory that kernels use of the GPU itself. All
// else in *_cuda.cu is plain code, so that tests/gpu/emulation can run the same kernels on the CPU
// with another version of this file. Tests: gpu/kernels_check.cc.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace pprun::kernels {

// The block's dynamic shared memory, aligned for 16-byte accesses.
__device__ __forceinline__ unsigned char* DynamicShared() {
  extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];
  return dynamic_shared_memory;
}

// Two floats as bf16, to nearest, ties to even; `low` in the low half, which is the first in
// memory.
__device__ __forceinline__ uint32_t PackBfloat16(float low, float high) {
  uint32_t packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

// 16 and 8 aligned bytes to device memory as one access: within loops the compiler splits what is
// written as one assignment into four.
__device__ __forceinline__ void StoreVector(void* to, uint4 value) {
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};"
               :
               : "l"(__cvta_generic_to_global(to)), "r"(value.x), "r"(value.y), "r"(value.z),
                 "r"(value.w)
               : "memory");
}
__device__ __forceinline__ void StoreVector(void* to, uint2 value) {
  asm volatile("st.global.v2.b32 [%0], {%1, %2};"
               :
               : "l"(__cvta_generic_to_global(to)), "r"(value.x), "r"(value.y)
               : "memory");
}

// 16 bytes to shared memory.
__device__ __forceinline__ void StoreSharedVector(void* to, uint4 value) {
  const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(to));
  asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};"
               :
               : "r"(address), "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w)
               : "memory");
}

// Starts a copy of `bytes`, 16 or none, from device to 16 bytes of shared memory, past the
// registers; what is not copied becomes zeros. It has ended for the thread after AwaitCopies, for
// others after a barrier, too (PTX ISA, cp.async).
__device__ __forceinline__ void StartCopy(void* to, const void* from, int bytes) {
  const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(address), "l"(__cvta_generic_to_global(from)), "r"(bytes)
               : "memory");
}
__device__ __forceinline__ void AwaitCopies() { asm volatile("cp.async.wait_all;" : : : "memory"); }

// 2^x, within 2^-22 of the true value, relatively; 0 for what is below 2^-126.
__device__ __forceinline__ float PowerOfTwo(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Four 8 x 8 matrices of 16-bit elements: lane l gives the address of row l mod 8 of matrix l / 8,
// 16 bytes in shared memory, and receives elements 2 (l mod 4) and the next of row l / 4 of each
// matrix (PTX ISA, ldmatrix).
__device__ __forceinline__ void LoadMatrices(const void* row, uint32_t (&to)[4]) {
  const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address)
               : "memory");
}

// The same with each matrix transposed on the way.
__device__ __forceinline__ void LoadMatricesTransposed(const void* row, uint32_t (&to)[4]) {
  const uint32_t address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address)
               : "memory");
}

// sum[16, 8] += a[16, 16] b[16, 8], a and b bf16, sums f32, one warp (PTX ISA, mma.m16n8k16). With
// g = lane / 4 and t = 2 (lane mod 4): a holds rows g, g + 8, g, g + 8 at columns t, t, t + 8, t +
// 8 (and the next); b rows t, t + 8 (and the next) of column g; sum columns t, t + 1 of row g, then
// of row g + 8.
__device__ __forceinline__ void MultiplyMatrices(float (&sum)[4], const uint32_t (&a)[4],
                                                 uint32_t b0, uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace pprun::kernels
