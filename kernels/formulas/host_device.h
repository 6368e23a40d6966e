// Marks a formula as one that CPU and CUDA kernels share. Without nvcc the mark is empty.
#pragma once

#ifdef __CUDACC__
#define PPRUN_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define PPRUN_HOST_DEVICE inline __attribute__((always_inline))
#endif
