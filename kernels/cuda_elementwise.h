// The frame of every element-by-element kernel. A body has its pointers, the number of elements
// that a thread takes (kWidth, 32 bytes of the widest operand: two loads in flight for each) and
//   template <int kCount> __device__ void Run(int64_t first) const
// which loads kCount elements of each operand, computes, and stores: an output may be an input.
// Memory that is not aligned to 16 bytes is taken an element at a time. Included by *_cuda.cu only.
// Tests: gpu/kernels_check.cc, cuda_geometry_test.cc.
#pragma once

#include "kernels/cuda_element.h"
#include "kernels/cuda_launch.h"
#include "kernels/cuda_vector.h"

namespace pprun::kernels {

template <int kWidth, class Body>
__global__ void __launch_bounds__(kElementThreads)
    ElementwiseKernel(int64_t elements, const Body body) {
  const int64_t chunks = elements / kWidth;
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * kElementThreads + threadIdx.x;
  const int64_t threads = static_cast<int64_t>(gridDim.x) * kElementThreads;
  for (int64_t chunk = thread; chunk < chunks; chunk += threads)
    body.template Run<kWidth>(chunk * kWidth);
  // The ragged end: fewer than kWidth elements, one each for the first threads.
  const int64_t rest = chunks * kWidth + thread;
  if (rest < elements) body.template Run<1>(rest);
}

template <class Body>
void LaunchElementwise(const CudaQueue& queue, const char* what, int64_t elements,
                       Alignment alignment, const Body& body) {
  if (alignment == Alignment::kSixteenBytes) {
    LaunchKernel(queue, what, ElementGeometry(elements, Body::kWidth),
                 ElementwiseKernel<Body::kWidth, Body>, elements, body);
  } else {
    LaunchKernel(queue, what, ElementGeometry(elements, 1), ElementwiseKernel<1, Body>, elements,
                 body);
  }
}

}  // namespace pprun::kernels
