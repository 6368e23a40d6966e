#include "compiler/passes/issued_tasks.h"

#include <algorithm>
#include <variant>

#include "compiler/plan/base/check.h"

namespace pprun {

std::vector<IssuedTask> IssuedTasks(const Draft& draft, PositionId position, ProgramKind program) {
  const std::vector<PlacedTask>& placed =
      draft.positions[position.index()].tasks[static_cast<size_t>(program)];
  const std::vector<Instruction>& instructions =
      draft.plan.positions[position.index()].programs[static_cast<size_t>(program)].instructions;
  std::vector<IssuedTask> issued;
  issued.reserve(placed.size());
  size_t at = 0;
  const auto next_run = [&] {
    while (at < instructions.size() && !std::holds_alternative<Run>(instructions[at].operands)) {
      ++at;
    }
    CHECK(at < instructions.size());
    return at++;
  };
  // The task before, if it has runs.
  int32_t before = -1;
  for (const PlacedTask& each : placed) {
    if (each.count == 0) {
      before = -1;
      continue;
    }
    const size_t first = next_run();
    size_t last = first;
    for (int32_t run = 1; run < each.count; ++run) last = next_run();
    IssuedTask task{.task = &each.task,
                    .stream = instructions[first].stream,
                    .first = static_cast<int32_t>(first),
                    .last = static_cast<int32_t>(last)};
    const int32_t now = static_cast<int32_t>(issued.size());
    if (before >= 0 && each.task.overlap_pair >= 0 &&
        issued.back().task->overlap_pair == each.task.overlap_pair) {
      task.partner = before;
      issued.back().partner = now;
    }
    issued.push_back(task);
    before = now;
  }
  return issued;
}

bool HasPairs(const Draft& draft, PositionId position, ProgramKind program) {
  const std::vector<PlacedTask>& placed =
      draft.positions[position.index()].tasks[static_cast<size_t>(program)];
  return std::ranges::any_of(placed,
                             [](const PlacedTask& each) { return each.task.overlap_pair >= 0; });
}

}  // namespace pprun
