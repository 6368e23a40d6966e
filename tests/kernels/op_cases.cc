#include "tests/kernels/op_cases.h"

#include <stdexcept>
#include <string>

#include "kernels/dispatch.h"

namespace pprun::kernels {
Array& OpCase::Named(std::string_view name) {
  const auto signature = Signature(kind).operands;
  for (size_t i = 0; i < signature.size(); ++i) {
    if (signature[i].name == name) return operands[i];
  }
  throw std::runtime_error("no operand `" + std::string(name) + "`");
}

OpCase MakeOpCase(OpKind kind, const OpSizes& sizes, uint32_t seed) {
  OpCase op = {.kind = kind, .attributes = AttributesOf(sizes), .operands = {}};
  for (const OperandSignature& operand : Signature(kind).operands) {
    const TensorType type = OperandType(kind, operand.name, sizes);
    ++seed;
    if (operand.access != Access::kRead) {
      op.operands.push_back(Poisoned(type.dtype, type.shape));
    } else if (type.dtype == DType::kI32) {
      op.operands.push_back(
          RandomIntegers(type.shape, seed, static_cast<int32_t>(sizes.vocabulary)));
    } else if (operand.name == "rstd") {
      op.operands.push_back(RandomFloats(type.shape, seed, 0.5F, 2.0F));
    } else if (operand.name == "lse") {
      op.operands.push_back(RandomFloats(type.shape, seed, 2.0F, 4.0F));
    } else {
      op.operands.push_back(RandomFloats(type.shape, seed));
    }
  }
  return op;
}

void RunOpCase(const CpuQueue& queue, OpCase& op, int64_t first_sample) {
  const StepState state = {.step = 5, .learning_rate = 0};
  std::vector<Tensor> operands;
  for (Array& operand : op.operands) operands.push_back(operand.View());
  LaunchOnCpu(queue, op.kind, op.attributes, operands,
              {.seed = 11,
               .layer = 0x1234567890ABCDEF,
               .operation = op.attributes.random_key,
               .first_sample = first_sample,
               .state = &state});
}

}  // namespace pprun::kernels
