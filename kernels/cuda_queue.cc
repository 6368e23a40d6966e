#include "kernels/cuda_queue.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "compiler/plan/base/check.h"
#include "kernels/cuda_check.h"

namespace pprun::kernels {
namespace {

// What products ask for and what lies beside them, so that the first block is as a rule the last.
constexpr int64_t kSmallestBlock = kProductWorkspace + (int64_t{1} << 20);

}  // namespace

CudaAllocation::CudaAllocation(int64_t bytes) : bytes_(bytes) {
  CHECK(bytes > 0);
  void* memory = nullptr;
  CheckCuda(cudaMalloc(&memory, static_cast<size_t>(bytes)), "cudaMalloc");
  data_ = static_cast<std::byte*>(memory);
}

CudaAllocation::CudaAllocation(CudaAllocation&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

CudaAllocation::~CudaAllocation() {
  if (data_ != nullptr) cudaFree(data_);
}

std::byte* CudaScratch::AtLeast(int64_t bytes) {
  if (!blocks_.empty() && blocks_.back().bytes() >= bytes) return blocks_.back().data();
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  CheckCuda(cudaStreamIsCapturing(stream_, &capture), "cudaStreamIsCapturing");
  if (capture != cudaStreamCaptureStatusNone) {
    throw std::runtime_error("a captured kernel needs " + std::to_string(bytes) +
                             " bytes of scratch memory, which no kernel before the capture did");
  }
  // Twice the last, so that all blocks together are at most twice the largest.
  const int64_t last = blocks_.empty() ? 0 : blocks_.back().bytes();
  blocks_.emplace_back(std::max({bytes, 2 * last, kSmallestBlock}));
  return blocks_.back().data();
}

int64_t CudaScratch::bytes() const {
  int64_t sum = 0;
  for (const CudaAllocation& block : blocks_) sum += block.bytes();
  return sum;
}

CudaQueue::CudaQueue(cudaStream_t stream_used, AttentionPolicy attention,
                     BiasGradPolicy bias_grad_used)
    : stream(stream_used),
      scratch(std::make_unique<CudaScratch>(stream_used)),
      products(MakeCudaProducts()),
      fused_attention(MakeCudaFusedAttention(attention)),
      bias_grad(bias_grad_used) {}

}  // namespace pprun::kernels
