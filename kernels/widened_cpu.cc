#include <algorithm>
#include <vector>

#include "kernels/cpu_queue.h"
#include "kernels/elementwise.h"
#include "kernels/widened.h"

namespace pprun::kernels {
namespace {

bool IsProduct(OpKind kind) {
  return kind == OpKind::kLinear || kind == OpKind::kLinearInputGrad ||
         kind == OpKind::kLinearWeightGrad;
}

// Operands start on cache lines of their own.
constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(float));

int64_t RoomFor(const Tensor& tensor) {
  return (tensor.shape.Elements() + kLine - 1) / kLine * kLine;
}

}  // namespace

bool HasParts(OpKind kind) {
  return kind == OpKind::kLinearAdd || kind == OpKind::kLinearGeluTanh ||
         kind == OpKind::kLinearInputGradGeluTanh || kind == OpKind::kAddLayerNorm ||
         kind == OpKind::kAddRmsNorm;
}

bool WantsWidening(const CpuQueue& queue, OpKind kind, std::span<const Tensor> operands) {
  const bool has_bfloat16 = std::ranges::any_of(
      operands, [](const Tensor& tensor) { return tensor && tensor.dtype == DType::kBF16; });
  if (!has_bfloat16 || HasParts(kind)) return false;
  return !IsProduct(kind) || !queue.linear_algebra->Multiplies(DType::kBF16);
}

void LaunchWidened(const CpuQueue& queue, OpKind kind, std::span<const Tensor> operands,
                   const std::function<void(std::span<const Tensor>)>& launch) {
  int64_t room = 0;
  for (const Tensor& tensor : operands) {
    if (tensor && tensor.dtype == DType::kBF16) room += RoomFor(tensor);
  }
  float* next = ScratchWidened(queue, room);
  std::vector<Tensor>& floats = queue.scratch->widened_operands;
  floats.assign(operands.begin(), operands.end());
  for (Tensor& tensor : floats) {
    if (!tensor || tensor.dtype != DType::kBF16) continue;
    tensor.dtype = DType::kF32;
    tensor.data = next;
    next += RoomFor(tensor);
  }
  const std::span<const OperandSignature> signature = Signature(kind).operands;
  for (size_t i = 0; i < floats.size(); ++i) {
    if (floats[i].data == operands[i].data || signature[i].access == Access::kWrite) continue;
    LaunchCast(queue, operands[i], floats[i]);
  }
  launch(floats);
  for (size_t i = 0; i < floats.size(); ++i) {
    if (floats[i].data == operands[i].data || signature[i].access == Access::kRead) continue;
    LaunchCast(queue, floats[i], operands[i]);
  }
}

}  // namespace pprun::kernels
