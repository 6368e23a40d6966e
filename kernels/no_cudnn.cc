// In the place of cuda_fused_attention_cudnn.cc where cuDNN is not built in. Tests:
// gpu/cuda_queue_test.cc.
#include "kernels/cuda_fused_attention.h"

namespace pprun::kernels {

std::unique_ptr<CudaFusedAttention> MakeCudaFusedAttention(AttentionPolicy /*policy*/) {
  return nullptr;
}

FusedAttentionPlan PlanFusedAttention(AttentionDirection /*direction*/,
                                      const AttentionSizes& /*sizes*/, AttentionPolicy /*policy*/,
                                      const std::string& /*gpu*/, int /*architecture*/) {
  return {.refusal =
              "this build is without cuDNN: cudnn_frontend.h or libcudnn.so.9 was not found"};
}

}  // namespace pprun::kernels
