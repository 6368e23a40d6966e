// libFuzzer target: any bytes through the plan file's reader, the verifier, its messages and the
// text form never crash, leak or hang. Inputs are sealed first, so that the content hash hides
// nothing. Seeds: plans written by `ppc -o`.
//
//   plan_fuzz -max_total_time=60 -max_len=65536 seeds/
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compiler/plan/file.h"
#include "compiler/plan/text.h"
#include "compiler/verify/verify.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> input = std::as_bytes(std::span(data, size));
  std::vector<std::byte> bytes(input.begin(), input.end());
  constexpr size_t kSmallest = 64;
  if (bytes.size() >= kSmallest) pprun::SealPlanFile(bytes);
  try {
    const pprun::Plan plan = pprun::Deserialise(bytes);
    for (const pprun::Finding& finding : pprun::Verify(plan)) {
      if (pprun::Render(plan, finding).empty()) __builtin_trap();
    }
    if (pprun::ToText(plan).empty()) __builtin_trap();
  } catch (const pprun::PlanFileError&) {
    return 0;
  }
  return 0;
}
