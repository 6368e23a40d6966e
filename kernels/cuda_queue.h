// The queue that CUDA launchers are given: a stream with its scratch memory, its matrix products
// and, where a library has it, its fused attention. A launcher only appends to the stream: it never
// waits, so all of them can be captured into a graph.
//
// Scratch memory, the algorithms of products and the plans of attention are chosen by the first
// call of each size and then stay, wherever they are: one uncaptured step makes everything that its
// captured copy needs. One thread at a time uses a queue, with the stream's device current; graphs
// that were captured through it are destroyed before it. Tests: cuda_queue_test.cc,
// gpu/kernels_check.cc.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/cuda_fused_attention.h"
#include "kernels/cuda_products.h"

namespace pprun::kernels {

// Memory of the current device, freed with its owner.
class CudaAllocation {
 public:
  explicit CudaAllocation(int64_t bytes);
  CudaAllocation(CudaAllocation&& other) noexcept;
  CudaAllocation& operator=(CudaAllocation&&) = delete;
  ~CudaAllocation();

  std::byte* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  int64_t bytes_ = 0;
};

// Memory whose contents mean nothing between launchers. It grows to what the largest call needs; a
// smaller block is kept too, since work that is under way, or a graph, may still use it.
class CudaScratch {
 public:
  explicit CudaScratch(cudaStream_t stream) : stream_(stream) {}

  // Aligned for every type. Throws where memory would have to be allocated during a capture.
  std::byte* AtLeast(int64_t bytes);
  // All that is held.
  int64_t bytes() const;

 private:
  cudaStream_t stream_;
  std::vector<CudaAllocation> blocks_;
};

struct CudaQueue {
  // The stream outlives the queue.
  explicit CudaQueue(cudaStream_t stream_used,
                     AttentionPolicy attention = AttentionPolicy::kDeterministic,
                     BiasGradPolicy bias_grad_used = BiasGradPolicy::kEpilogue);

  cudaStream_t stream = nullptr;
  std::unique_ptr<CudaScratch> scratch;
  std::unique_ptr<CudaProducts> products;
  // Null where our own kernels serve everything.
  std::unique_ptr<CudaFusedAttention> fused_attention;
  BiasGradPolicy bias_grad = BiasGradPolicy::kEpilogue;
};

// At least `count` elements, uninitialised. The next call takes the same memory.
template <class Element>
Element* ScratchOf(const CudaQueue& queue, int64_t count) {
  return reinterpret_cast<Element*>(
      queue.scratch->AtLeast(count * static_cast<int64_t>(sizeof(Element))));
}

// The same behind what a product works in, so that the next product may fill it.
template <class Element>
Element* ScratchBesideProduct(const CudaQueue& queue, int64_t count) {
  return reinterpret_cast<Element*>(
      queue.scratch->AtLeast(kProductWorkspace + count * static_cast<int64_t>(sizeof(Element))) +
      kProductWorkspace);
}

}  // namespace pprun::kernels
