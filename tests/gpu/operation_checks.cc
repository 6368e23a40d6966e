#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kernels/dispatch.h"
#include "tests/gpu/check_case.h"
#include "tests/gpu/checks.h"
#include "tests/gpu/device_array.h"
#include "tests/gpu/graph_run.h"
#include "tests/kernels/op_types.h"

namespace pprun::gpu {
namespace {

using kernels::OpSizes;
using kernels::Tensor;

constexpr int64_t kStep = 5;
constexpr int64_t kMostTableRows = 5003;

// How a case departs from the plain one.
enum class Variant : uint8_t { kPlain, kUnaligned, kInPlace, kWithoutOptional, kFloatWeights };
constexpr Variant kVariants[] = {Variant::kPlain, Variant::kUnaligned, Variant::kInPlace,
                                 Variant::kWithoutOptional, Variant::kFloatWeights};

std::string_view NameOf(Variant variant) {
  switch (variant) {
    case Variant::kPlain:
      return "plain";
    case Variant::kUnaligned:
      return "unaligned";
    case Variant::kInPlace:
      return "in place";
    case Variant::kWithoutOptional:
      return "without optional operands";
    case Variant::kFloatWeights:
      return "f32 weights";
  }
  return "";
}

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

bool IsNorm(OpKind kind) {
  return kind == OpKind::kLayerNorm || kind == OpKind::kLayerNormInputGrad ||
         kind == OpKind::kAddLayerNorm || kind == OpKind::kRmsNorm ||
         kind == OpKind::kRmsNormInputGrad || kind == OpKind::kAddRmsNorm;
}

// The operand that a written one may share its memory with, if any.
std::optional<std::string_view> InPlaceOf(OpKind kind, std::string_view written) {
  switch (kind) {
    case OpKind::kGelu:
    case OpKind::kGeluTanh:
    case OpKind::kSilu:
    case OpKind::kRelu:
    case OpKind::kRope:
    case OpKind::kRopeGrad:
    case OpKind::kDropout:
    case OpKind::kLayerNorm:
    case OpKind::kRmsNorm:
    case OpKind::kPositions:
      if (written == "y") return "x";
      return std::nullopt;
    case OpKind::kAdd:
      return "a";
    case OpKind::kGeluGrad:
    case OpKind::kGeluTanhGrad:
    case OpKind::kSiluGrad:
    case OpKind::kReluGrad:
    case OpKind::kLayerNormInputGrad:
    case OpKind::kRmsNormInputGrad:
      return "dy";
    case OpKind::kSwiglu:
      return "gate";
    case OpKind::kSwigluGrad:
      return written == "dgate" ? "gate" : "up";
    case OpKind::kCrossEntropyGrad:
      return "logits";
    case OpKind::kCrossEntropyWithGrad:
      if (written == "dlogits") return "logits";
      return std::nullopt;
    case OpKind::kMeanSquaredErrorGrad:
      return "x";
    default:
      return std::nullopt;
  }
}

bool Applies(Variant variant, OpKind kind, DType dtype) {
  const auto operands = Signature(kind).operands;
  switch (variant) {
    case Variant::kPlain:
    case Variant::kUnaligned:
      return true;
    case Variant::kInPlace:
      return std::ranges::any_of(operands, [&](const OperandSignature& operand) {
        return operand.access == Access::kWrite && InPlaceOf(kind, operand.name).has_value();
      });
    case Variant::kWithoutOptional:
      return std::ranges::any_of(operands, [](const OperandSignature& operand) {
        return operand.presence == OperandSignature::Presence::kOptional;
      });
    case Variant::kFloatWeights:
      return dtype == DType::kBF16 && IsNorm(kind);
  }
  return false;
}

OpSizes Of(int64_t samples, int64_t positions, int64_t heads, int64_t kv_heads, int64_t head_width,
           int64_t outputs, int64_t vocabulary) {
  return {.samples = samples,
          .positions = positions,
          .heads = heads,
          .kv_heads = kv_heads,
          .head_width = head_width,
          .outputs = outputs,
          .vocabulary = vocabulary};
}

std::vector<OpSizes> SizesFor(Extent extent) {
  std::vector<OpSizes> sizes = {
      {},
      Of(1, 1, 1, 1, 2, 1, 1),
      Of(2, 33, 4, 2, 16, 40, 129),
      Of(1, 70, 2, 2, 64, 24, 320),
      Of(1, 37, 2, 1, 80, 8, 1000),
      Of(1, 9, 1, 1, 132, 3, 77),
      // Norms by a warp that keeps many pieces, by a block, and by one with fewer threads than
      // pieces.
      Of(1, 3, 5, 5, 256, 8, 5),
      Of(1, 2, 17, 17, 256, 40, 3),
      // Tokens that come more often than a warp has lanes.
      Of(2, 40, 1, 1, 8, 3, 2),
      // Vocabularies whose rows fit shared memory in bf16 alone, and in no type.
      Of(1, 2, 1, 1, 8, 3, 26001),
      Of(1, 2, 1, 1, 8, 3, 51003),
  };
  if (extent == Extent::kSmall) return sizes;
  sizes.push_back(Of(1, 131, 12, 12, 64, 3072, 50257));
  sizes.push_back(Of(2, 256, 8, 2, 128, 2816, 32000));
  sizes.push_back(Of(2, 1024, 12, 12, 64, 2304, 256));
  sizes.push_back(Of(1, 200, 2, 2, 256, 8192, 8192));
  return sizes;
}

std::string Describe(const OpSizes& n, Variant variant, std::string_view operand) {
  const auto text = [](int64_t value) { return std::to_string(value); };
  return "`" + std::string(operand) + "`, " + std::string(NameOf(variant)) + ", samples " +
         text(n.samples) + ", positions " + text(n.positions) + ", heads " + text(n.heads) + "/" +
         text(n.kv_heads) + " of " + text(n.head_width) + ", outputs " + text(n.outputs) +
         ", vocabulary " + text(n.vocabulary);
}

struct Operand {
  OperandSignature signature;
  HostArray host;      // as the device has it
  HostArray expected;  // as the CPU has it, as a rule of f32 where the device has bf16
  size_t memory = 0;   // index of the operand whose device memory it has
  bool is_absent = false;
};

std::vector<Operand> MakeOperands(OpKind kind, const OpSizes& sizes, DType dtype, Variant variant,
                                  std::mt19937& generator) {
  std::vector<Operand> operands;
  for (const OperandSignature& signature : Signature(kind).operands) {
    const TensorType type = OperandType(kind, signature.name, sizes);
    const bool is_float_weight =
        variant == Variant::kFloatWeights && IsOneOf(signature.name, {"weight", "bias"});
    const DType own =
        type.dtype == DType::kF32 && !kernels::IsAlwaysFloat(signature.name) && !is_float_weight
            ? dtype
            : type.dtype;
    Operand operand = {.signature = signature, .memory = operands.size()};
    if (signature.access == Access::kWrite) {
      operand.host = Poison(own, type.shape);
    } else if (type.dtype == DType::kI32) {
      operand.host = RandomIntegers(type.shape, generator, static_cast<int32_t>(sizes.vocabulary));
    } else {
      const bool is_rstd = signature.name == "rstd";
      const bool is_lse = signature.name == "lse";
      operand.host = RandomReals(own, type.shape, generator,
                                 is_rstd  ? 0.5
                                 : is_lse ? 2
                                          : -2,
                                 is_lse ? 4 : 2, Rounding::kNone);
    }
    // What is rounded between two parts of an operation is rounded on the CPU too: a norm of a few
    // elements, or gelu far below zero, makes much of a last bit.
    const bool rounds = kind == OpKind::kAddLayerNorm || kind == OpKind::kAddRmsNorm ||
                        kind == OpKind::kLinearAdd || kind == OpKind::kLinearGeluTanh;
    operand.expected = rounds ? operand.host : As(type.dtype, operand.host);
    operand.is_absent = variant == Variant::kWithoutOptional &&
                        signature.presence == OperandSignature::Presence::kOptional;
    operands.push_back(std::move(operand));
  }
  if (variant != Variant::kInPlace) return operands;
  for (Operand& operand : operands) {
    if (operand.signature.access != Access::kWrite) continue;
    const auto shared = InPlaceOf(kind, operand.signature.name);
    for (size_t i = 0; shared && i < operands.size(); ++i) {
      if (operands[i].signature.name == *shared) operand.memory = i;
    }
  }
  return operands;
}

class Case {
 public:
  Case(const CheckContext& context, OpKind kind, const OpSizes& sizes, DType dtype, Variant variant,
       std::mt19937& generator)
      : context_(context),
        kind_(kind),
        sizes_(sizes),
        variant_(variant),
        operands_(MakeOperands(kind, sizes, dtype, variant, generator)),
        key_{.seed = 11,
             .layer = 0x1234567890ABCDEF,
             .operation = kernels::AttributesOf(sizes).random_key,
             .first_sample = 5} {}

  void Run(CheckRow& row) {
    std::vector<std::unique_ptr<DeviceArray>> device;
    for (const Operand& operand : operands_) {
      device.push_back(
          std::make_unique<DeviceArray>(operand.host, variant_ == Variant::kUnaligned ? 1 : 0));
    }
    RunOnCpu();
    const std::vector<HostArray> first = RunOnCuda(device, Issue::kEager, kStep);
    const std::vector<HostArray> second = RunOnCuda(device, Issue::kEager, kStep);
    // A graph that was captured in one step computes the next one.
    const std::vector<HostArray> next = RunOnCuda(device, Issue::kEager, kStep + 1);
    const std::vector<HostArray> graph = RunOnCuda(device, Issue::kGraph, kStep + 1);
    bool is_repeated = true;
    bool is_in_graph = true;
    bool is_within = true;
    for (size_t i = 0; i < operands_.size(); ++i) {
      const Operand& operand = operands_[i];
      is_within = is_within && device[i]->GuardsHold();
      if (operand.is_absent) continue;
      is_repeated = is_repeated && std::ranges::equal(first[i].Data(), second[i].Data());
      is_in_graph = is_in_graph && std::ranges::equal(next[i].Data(), graph[i].Data());
      if (operand.signature.access == Access::kRead) {
        const bool is_shared = std::ranges::any_of(operands_, [&](const Operand& other) {
          return &other != &operand && other.memory == i;
        });
        is_within =
            is_within && (is_shared || std::ranges::equal(first[i].Data(), operand.host.Data()));
        continue;
      }
      const double error = RelativeError(first[i], operand.expected);
      if (error > row.worst || row.worst_case.empty()) {
        row.worst = error;
        row.worst_case = Describe(sizes_, variant_, operand.signature.name);
      }
    }
    row.not_repeated += is_repeated ? 0 : 1;
    row.not_in_graph += is_in_graph ? 0 : 1;
    row.out_of_bounds += is_within ? 0 : 1;
    ++row.cases;
  }

 private:
  void RunOnCpu() {
    const kernels::StepState state = {.step = kStep};
    kernels::RandomKey key = key_;
    key.state = &state;
    std::vector<Tensor> tensors;
    for (Operand& operand : operands_)
      tensors.push_back(operand.is_absent ? Tensor{} : operand.expected.View());
    kernels::LaunchOnCpu(context_.cpu, kind_, kernels::AttributesOf(sizes_), tensors, key);
  }

  static HostArray StateAt(int64_t step) {
    HostArray state(DType::kF64, {2});
    const kernels::StepState values = {.step = step};
    static_assert(sizeof(values) == 16);
    std::memcpy(state.Data().data(), &values, sizeof(values));
    return state;
  }

  std::vector<HostArray> RunOnCuda(const std::vector<std::unique_ptr<DeviceArray>>& device,
                                   Issue issue, int64_t step) {
    const DeviceArray device_state(StateAt(kStep), 0);
    kernels::RandomKey key = key_;
    key.state = static_cast<const kernels::StepState*>(device_state.View().data);
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < operands_.size(); ++i) {
      device[i]->Upload(operands_[i].host);
      tensors.push_back(operands_[i].is_absent ? Tensor{} : device[operands_[i].memory]->View());
    }
    RunWork(
        context_.cuda.stream, issue,
        [&] {
          kernels::LaunchOnCuda(context_.cuda, kind_, kernels::AttributesOf(sizes_), tensors, key);
        },
        [&] { device_state.Upload(StateAt(step)); });
    std::vector<HostArray> results;
    for (const Operand& operand : operands_) results.push_back(device[operand.memory]->Download());
    return results;
  }

  const CheckContext& context_;
  OpKind kind_;
  OpSizes sizes_;
  Variant variant_;
  std::vector<Operand> operands_;
  kernels::RandomKey key_;
};

void CheckOperation(const CheckContext& context, const std::string& name, OpKind kind, DType dtype,
                    std::mt19937& generator) {
  RunRow(context, name, std::string(Name(dtype)),
         dtype == DType::kF32 ? kFloatTolerance : kBfloat16Tolerance, [&](CheckRow& row) {
           for (OpSizes sizes : SizesFor(context.extent)) {
             // Copies of a model's whole table would take most of the time of all checks.
             if (IsOneOf(Name(kind), {"embedding", "embedding_weight_grad"}))
               sizes.vocabulary = std::min(sizes.vocabulary, kMostTableRows);
             for (const Variant variant : kVariants) {
               if (!Applies(variant, kind, dtype)) continue;
               Case(context, kind, sizes, dtype, variant, generator).Run(row);
             }
           }
         });
}

}  // namespace

void CheckOperations(const CheckContext& context) {
  std::mt19937 generator(context.seed);
  for (const OpKind kind : kernels::AllOpKinds()) {
    for (const DType dtype : {DType::kF32, DType::kBF16})
      CheckOperation(context, std::string(Name(kind)), kind, dtype, generator);
  }
}

void CheckOwnAttention(const CheckContext& context) {
  std::mt19937 generator(context.seed);
  for (const OpKind kind : {OpKind::kAttention, OpKind::kAttentionGrad}) {
    CheckOperation(context, "own " + std::string(Name(kind)), kind, DType::kBF16, generator);
  }
}

void CheckOwnBiasGrad(const CheckContext& context) {
  std::mt19937 generator(context.seed);
  for (const DType dtype : {DType::kF32, DType::kBF16})
    CheckOperation(context, "own linear_weight_grad", OpKind::kLinearWeightGrad, dtype, generator);
}

}  // namespace pprun::gpu
