#include "compiler/verify/check_optimizer.h"

#include <algorithm>

#include "compiler/plan/base/amount.h"

namespace pprun {
namespace {

using Problem = std::optional<std::string>;

// The clip factor and the norm.
const TensorType kClipType = {DType::kF32, {2}};

const TensorType* TypeOf(const Position& position, BufferId id) {
  const bool exists = id.valid() && id.index() < position.buffers.size();
  return exists ? &position.buffers[id.index()].type : nullptr;
}

bool Exists(const Plan& plan, ParameterId id) {
  return id.valid() && id.index() < plan.parameters.size();
}

Problem RowProblem(const Plan& plan, const Position& position, const ParameterSquares& row) {
  const Problem problem = ParameterProblem(plan, position, row.parameter, {row.gradient});
  if (problem) return problem;
  const int64_t elements = plan.parameters[row.parameter.index()].type.shape.Elements();
  const int64_t blocks = (elements + kNormBlockElements - 1) / kNormBlockElements;
  const TensorType* partials = TypeOf(position, row.partials);
  if (partials == nullptr) return "has no buffer";
  if (*partials != TensorType{DType::kF64, {blocks}}) {
    return "leaves " + Amount(blocks, "sum") + " in " + ToString(*partials);
  }
  return std::nullopt;
}

Problem RowProblem(const Plan& plan, const Position& position, const ParameterUpdate& row) {
  const auto of_parameter = [&](std::initializer_list<BufferId> buffers) {
    return ParameterProblem(plan, position, row.parameter, buffers);
  };
  if (const auto problem = of_parameter({row.value, row.gradient})) return problem;
  const OptimizerSpec& optimizer = plan.train.optimizer;
  const bool adam = optimizer.kind != OptimizerSpec::Kind::kSgd;
  const bool needs_first = adam || optimizer.momentum > 0;
  if (row.first_moment.valid() != needs_first || row.second_moment.valid() != adam) {
    return "has not the moments that its optimizer keeps";
  }
  if (needs_first) {
    if (const auto first = of_parameter({row.first_moment})) return first;
  }
  if (adam) {
    if (const auto second = of_parameter({row.second_moment})) return second;
  }
  if (row.rounded.valid()) {
    const TensorType wanted{DType::kBF16, plan.parameters[row.parameter.index()].type.shape};
    const TensorType* type = TypeOf(position, row.rounded);
    if (type == nullptr) return "has no buffer";
    if (*type != wanted) return "rounds into " + ToString(*type) + ", not " + ToString(wanted);
  }
  return std::nullopt;
}

// Of an instruction with rows.
template <typename Instruction>
Problem RowsProblem(const Plan& plan, const Position& position, const Instruction& instruction) {
  const auto rows = RowsOf(position, instruction);
  if (instruction.first < 0 || instruction.count < 1 ||
      static_cast<size_t>(instruction.count) != rows.size()) {
    return "has rows that do not exist";
  }
  for (const auto& row : rows) {
    if (const auto problem = RowProblem(plan, position, row)) return problem;
  }
  return std::nullopt;
}

}  // namespace

Problem ParameterProblem(const Plan& plan, const Position& position, ParameterId parameter,
                         std::initializer_list<BufferId> buffers) {
  if (!Exists(plan, parameter)) return "is of a parameter that does not exist";
  const TensorType& wanted = plan.parameters[parameter.index()].type;
  for (const BufferId buffer : buffers) {
    const TensorType* type = TypeOf(position, buffer);
    if (type == nullptr) return "has no buffer";
    if (*type != wanted) return "works on " + ToString(*type) + ", not " + ToString(wanted);
  }
  return std::nullopt;
}

Problem OptimizerProblem(const Plan& plan, const Position& position, const SquareSum& sum) {
  return RowsProblem(plan, position, sum);
}

Problem OptimizerProblem(const Plan& plan, const Position& position, const ClipFactor& clip) {
  const TensorType* partials = TypeOf(position, clip.partials);
  const TensorType* target = TypeOf(position, clip.target);
  if (partials == nullptr || target == nullptr) return "has no buffer";
  if (*target != kClipType) return "has a target of " + ToString(*target);
  if (partials->dtype != DType::kF64) return "adds " + ToString(*partials);
  const int64_t count = partials->shape.Elements();
  const bool inside = std::ranges::all_of(plan.norm_order, [&](const NormBlocks& blocks) {
    return Exists(plan, blocks.parameter) && blocks.first >= 0 && blocks.count >= 0 &&
           int64_t{blocks.first} + blocks.count <= count;
  });
  if (!inside) return "adds partial sums that do not exist";
  return std::nullopt;
}

Problem OptimizerProblem(const Plan& plan, const Position& position, const Update& update) {
  const bool clips = plan.train.optimizer.clip > 0;
  if (update.clip.valid() != clips) {
    return clips ? "has no clip factor" : "has a clip factor where nothing is clipped";
  }
  if (clips) {
    const TensorType* clip = TypeOf(position, update.clip);
    if (clip == nullptr) return "has no buffer";
    if (*clip != kClipType) return "has a clip factor of " + ToString(*clip);
  }
  return RowsProblem(plan, position, update);
}

}  // namespace pprun
