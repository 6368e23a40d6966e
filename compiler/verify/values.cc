#include "compiler/verify/values.h"

#include "compiler/plan/base/check.h"
#include "compiler/plan/text_pieces.h"

namespace pprun {

int32_t Makers::Find(LayerId layer, FunctionId function) {
  const uint64_t key = static_cast<uint64_t>(layer.index()) << 32 | function.index();
  const auto [found, added] = index_.try_emplace(key, static_cast<int32_t>(makers_.size()));
  if (added) makers_.push_back({layer, function});
  return found->second;
}

std::string Describe(const Plan& plan, const Makers& makers, Value value) {
  const auto layer = [&] { return NameOr(plan.layers, LayerId(value.index()), "layer"); };
  const auto parameter = [&] {
    return "`" + NameOr(plan.parameters, ParameterId(value.index()), "parameter") + "`";
  };
  const auto microbatch = [&] { return "microbatch " + std::to_string(value.number()); };
  const auto saved = [&](Role role) {
    return "the " + std::string(Name(role)) + " of " +
           NameOr(plan.layers, makers[value.index()].layer, "layer") + ", " + microbatch();
  };
  switch (value.kind()) {
    case ValueKind::kNothing:
      return "nothing";
    case ValueKind::kZero:
      return "zeros";
    case ValueKind::kScratch:
      return "nothing that is meant to be read";
    case ValueKind::kPieces:
      return "several values";
    case ValueKind::kTokens:
      return "the tokens of " + microbatch();
    case ValueKind::kTargets:
      return "the targets of " + microbatch();
    case ValueKind::kActivation:
      return "the activation out of " + layer() + ", " + microbatch();
    case ValueKind::kActivationGradient:
      return "the gradient of what comes out of " + layer() + ", " + microbatch();
    case ValueKind::kFrameInput:
      return saved(Role::kFrameInput);
    case ValueKind::kFrameWeight:
      return saved(Role::kFrameWeight);
    case ValueKind::kStash:
      return saved(Role::kStash);
    case ValueKind::kLoss:
      return "the loss of " + microbatch();
    case ValueKind::kParameter:
      return "the parameter " + parameter();
    case ValueKind::kUpdatedParameter:
      return "the parameter " + parameter() + " after its update";
    case ValueKind::kRoundedParameter:
      return "the parameter " + parameter() + ", rounded";
    case ValueKind::kUpdatedRounded:
      return "the parameter " + parameter() + " after its update, rounded";
    case ValueKind::kFirstMoment:
      return "the first moment of " + parameter();
    case ValueKind::kSecondMoment:
      return "the second moment of " + parameter();
    case ValueKind::kPartials:
      return "the square sums of " + parameter();
    case ValueKind::kClipFactor:
      return "the clip factor";
    case ValueKind::kGradient:
      return "a parameter's gradient";
  }
  CHECK(false);
}

uint32_t AxisBits(const Plan& plan, const std::vector<AxisId>& axes) {
  uint32_t bits = 0;
  for (const AxisId axis : axes) {
    if (plan.mesh[axis.index()].size > 1) bits |= uint32_t{1} << axis.index();
  }
  return bits;
}

}  // namespace pprun
