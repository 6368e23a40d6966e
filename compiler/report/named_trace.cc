#include "compiler/report/named_trace.h"

#include "compiler/plan/base/check.h"

namespace pprun {

SharedAxis AxisOf(const std::vector<NamedTrace>& traces, std::optional<int64_t> repeat) {
  SharedAxis axis;
  for (const NamedTrace& named : traces) {
    CHECK(named.plan != nullptr && named.predicted != nullptr);
    axis.comparisons.emplace_back();
    if (named.measured == nullptr) {
      if (UnitOf(*named.predicted) == Trace::Unit::kSecond) axis.shown = Trace::Unit::kSecond;
      continue;
    }
    axis.comparisons.back() =
        Compare(*named.plan, *named.predicted, *named.measured, {.repeat = repeat});
    // Where units of costs stand beside seconds, they are as long as in the first comparison.
    if (axis.shown == Trace::Unit::kOfCosts) axis.unit = axis.comparisons.back()->unit;
    axis.shown = Trace::Unit::kSecond;
  }
  return axis;
}

}  // namespace pprun
