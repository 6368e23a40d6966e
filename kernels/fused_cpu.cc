// Operations that are one pass over memory on a GPU are their parts here, one after the other: a
// row or a tile that fits the cache gains little, and the bits are those of the parts. Each part
// widens bf16 by itself, so what lies between them is rounded as if they stood alone. Tests:
// fused_test.cc.
#include <array>

#include "kernels/cpu_queue.h"
#include "kernels/dispatch.h"
#include "kernels/layer_norm.h"
#include "kernels/linear.h"
#include "kernels/rms_norm.h"

namespace pprun::kernels {
namespace {

template <size_t kOperands>
void Launch(const CpuQueue& queue, OpKind kind, const OpAttributes& attributes,
            const std::array<Tensor, kOperands>& operands) {
  LaunchOnCpu(queue, kind, attributes, operands, {});
}

}  // namespace

void LaunchLinearAdd(const CpuQueue& queue, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, const Tensor& a, const Tensor& y) {
  Launch<4>(queue, OpKind::kLinear, {}, {x, weight, bias, y});
  Launch<3>(queue, OpKind::kAdd, {}, {y, a, y});
}

void LaunchLinearGeluTanh(const CpuQueue& queue, const Tensor& x, const Tensor& weight,
                          const Tensor& bias, const Tensor& pre, const Tensor& y) {
  Launch<4>(queue, OpKind::kLinear, {}, {x, weight, bias, pre});
  Launch<2>(queue, OpKind::kGeluTanh, {}, {pre, y});
}

void LaunchLinearInputGradGeluTanh(const CpuQueue& queue, const Tensor& dy, const Tensor& weight,
                                   const Tensor& pre, const Tensor& dpre) {
  Launch<3>(queue, OpKind::kLinearInputGrad, {}, {dy, weight, dpre});
  Launch<3>(queue, OpKind::kGeluTanhGrad, {}, {pre, dpre, dpre});
}

void LaunchAddLayerNorm(const CpuQueue& queue, const Tensor& a, const Tensor& b,
                        const Tensor& weight, const Tensor& bias, const Tensor& sum,
                        const Tensor& y, const Tensor& mean, const Tensor& rstd, float epsilon) {
  Launch<3>(queue, OpKind::kAdd, {}, {a, b, sum});
  Launch<6>(queue, OpKind::kLayerNorm, {.epsilon = epsilon}, {sum, weight, bias, y, mean, rstd});
}

void LaunchAddRmsNorm(const CpuQueue& queue, const Tensor& a, const Tensor& b, const Tensor& weight,
                      const Tensor& sum, const Tensor& y, const Tensor& rstd, float epsilon) {
  Launch<3>(queue, OpKind::kAdd, {}, {a, b, sum});
  Launch<4>(queue, OpKind::kRmsNorm, {.epsilon = epsilon}, {sum, weight, y, rstd});
}

}  // namespace pprun::kernels
