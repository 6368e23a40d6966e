// Tests: schedule_errors_test.cc.
#include "compiler/schedule/task_names.h"

#include <algorithm>
#include <array>

namespace pprun {

namespace {

constexpr std::array<std::string_view, kTaskKindCount> kNames = {
    "forward", "backward", "input_grad", "weight_grad", "recompute"};

}  // namespace

std::optional<TaskKind> TaskKindNamed(std::string_view name) {
  auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<TaskKind>(found - kNames.begin());
}

std::string_view CallName(TaskKind kind) { return kNames[static_cast<size_t>(kind)]; }

std::string CallText(TaskKind kind, int64_t microbatch, int64_t chunk, int32_t chunks) {
  std::string text = "`" + std::string(CallName(kind)) + "(" + std::to_string(microbatch);
  if (chunks > 1) text += ", chunk = " + std::to_string(chunk);
  return text + ")`";
}

}  // namespace pprun
