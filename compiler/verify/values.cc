#include "compiler/verify/values.h"

#include "compiler/plan/base/check.h"
#include "compiler/plan/text_pieces.h"

namespace pprun {

std::string Describe(const Plan& plan, const Value& value) {
  const auto layer = [&] { return NameOr(plan.layers, value.layer, "layer"); };
  const auto parameter = [&] {
    return "`" + NameOr(plan.parameters, value.parameter, "parameter") + "`";
  };
  const auto microbatch = [&] { return "microbatch " + std::to_string(value.microbatch.value); };
  switch (value.kind) {
    case Value::Kind::kZero:
      return "zeros";
    case Value::Kind::kScratch:
      return "nothing that is meant to be read";
    case Value::Kind::kTokens:
      return "the tokens of " + microbatch();
    case Value::Kind::kTargets:
      return "the targets of " + microbatch();
    case Value::Kind::kActivation:
      return "the activation out of " + layer() + ", " + microbatch();
    case Value::Kind::kActivationGradient:
      return "the gradient of what comes out of " + layer() + ", " + microbatch();
    case Value::Kind::kSaved:
      return "the " + std::string(Name(value.role)) + " of " + layer() + ", " + microbatch();
    case Value::Kind::kLoss:
      return "the loss of " + microbatch();
    case Value::Kind::kParameter:
      return "the parameter " + parameter();
    case Value::Kind::kUpdatedParameter:
      return "the parameter " + parameter() + " after its update";
    case Value::Kind::kFirstMoment:
      return "the first moment of " + parameter();
    case Value::Kind::kSecondMoment:
      return "the second moment of " + parameter();
    case Value::Kind::kPartials:
      return "the square sums of " + parameter();
    case Value::Kind::kClipFactor:
      return "the clip factor";
    case Value::Kind::kContribution:
    case Value::Kind::kSumOverAxes:
    case Value::Kind::kSum:
    case Value::Kind::kScaled:
      return "a parameter's gradient";
  }
  CHECK(false);
}

bool IsGradient(const Value& value) {
  return value.kind == Value::Kind::kZero || value.kind == Value::Kind::kContribution ||
         value.kind == Value::Kind::kSumOverAxes || value.kind == Value::Kind::kSum ||
         value.kind == Value::Kind::kScaled;
}

uint32_t AxisBits(const Plan& plan, const std::vector<AxisId>& axes) {
  uint32_t bits = 0;
  for (const AxisId axis : axes) {
    if (plan.mesh[axis.index()].size > 1) bits |= uint32_t{1} << axis.index();
  }
  return bits;
}

}  // namespace pprun
