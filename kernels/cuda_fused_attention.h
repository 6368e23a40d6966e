// Attention by a library's fused kernels on CUDA: cuDNN's, of bf16, where it is built in. Sizes,
// GPUs and addresses that the library does not take are left to our own kernels; what it took, and
// why it did not, can be asked for. A plan is made by the first call of its sizes, without timing:
// the choice depends on the sizes, the GPU and the library alone. Tests:
// gpu/cudnn_plans_test.cc, gpu/cuda_queue_test.cc, gpu/kernels_check.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/kernel.h"

namespace pprun::kernels {

struct AttentionSizes;
struct CudaQueue;

// What a queue's attention may be computed by.
enum class AttentionPolicy : uint8_t {
  kDeterministic,  // the library, in ways that give the same bits every time; else our own kernels
  kAnyOrder,       // the library's gradient adds up in any order, which needs less memory
  kOwnKernels,
};

// The most memory that a plan may work in; one that needs more is refused.
inline constexpr int64_t kMostAttentionWorkspace = int64_t{1} << 30;

class CudaFusedAttention {
 public:
  virtual ~CudaFusedAttention() = default;
  // As attention.h has them, of bf16 with an lse of f32. False, and nothing is launched, where the
  // library does not take this call.
  virtual bool Forward(const CudaQueue& queue, const AttentionSizes& sizes, const Tensor& qkv,
                       const Tensor& y, const Tensor& lse) = 0;
  virtual bool Backward(const CudaQueue& queue, const AttentionSizes& sizes, const Tensor& qkv,
                        const Tensor& y, const Tensor& lse, const Tensor& dy,
                        const Tensor& dqkv) = 0;
  // A line for each size it was asked for: which plan serves it, or why our own kernels do.
  virtual std::vector<std::string> Decisions() const = 0;
};

// On the current device; null where no library is built in, and for kOwnKernels.
std::unique_ptr<CudaFusedAttention> MakeCudaFusedAttention(AttentionPolicy policy);

// What serves attention of these sizes.
struct FusedAttentionPlan {
  std::string name;       // the library's
  int64_t workspace = 0;  // bytes
  std::string refusal;    // why there is no plan
};
enum class AttentionDirection : uint8_t { kForward, kBackward };

// The plan for a GPU that need not be there: `gpu` is cuDNN's description of it as JSON,
// `architecture` 90 for sm_90. For tests.
FusedAttentionPlan PlanFusedAttention(AttentionDirection direction, const AttentionSizes& sizes,
                                      AttentionPolicy policy, const std::string& gpu,
                                      int architecture);

}  // namespace pprun::kernels
