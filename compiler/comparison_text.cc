// A comparison as a table. Tests: compare_schedules_test.cc.
#include <algorithm>

#include "compiler/compare_schedules.h"
#include "compiler/plan/text.h"
#include "compiler/report/caption.h"
#include "compiler/report/numbers.h"

namespace pprun {
namespace {

std::string Padded(std::string text, size_t width, bool right) {
  const std::string space(width > text.size() ? width - text.size() : 0, ' ');
  return right ? space + text : text + space;
}

}  // namespace

std::string ToText(const ScheduleComparison& comparison) {
  const std::vector<ComparedSchedule>& rows = comparison.schedules;
  const bool study = comparison.purpose == ScheduleComparison::Purpose::kStudy;
  const TimeUnit unit = UnitFor(comparison.unit, rows.back().makespan);
  size_t width = 10;
  for (const ComparedSchedule& row : rows) width = std::max(width, row.name.size() + 2);
  const bool more = std::ranges::any_of(
      rows, [](const ComparedSchedule& row) { return row.step > row.makespan * (1 + 1e-6); });
  std::string text = Padded("schedule", width, false) + (more ? "      step" : "") +
                     "  makespan    bubble" + (study ? "" : "      memory") +
                     "  activations  messages\n";
  for (const ComparedSchedule& row : rows) {
    text += Padded(row.name, width, false) +
            (more ? Padded(Compact(row.step * unit.factor) + unit.suffix, 10, true) : "") +
            Padded(Compact(row.makespan * unit.factor) + unit.suffix, 10, true) +
            Padded(Percent(row.bubble), 10, true) +
            (study ? "" : Padded(HumanBytes(row.memory), 12, true)) +
            Padded(Compact(row.activations), 13, true) +
            Padded(WithThousands(row.messages), 10, true) + "\n";
  }
  text += "\nbest: " + rows.front().name;
  text += rows.size() > 1 && rows[1].step == rows.front().step
              ? std::string(", the ") + (study ? "fewest activations" : "least memory") +
                    " of those as fast\n"
              : ", the shortest predicted step\n";
  for (const std::string& note : comparison.notes) text += "note: " + note + "\n";
  if (!comparison.refused.empty()) text += "\nnot possible here:\n";
  for (const auto& [name, reason] : comparison.refused) text += "  " + name + ": " + reason + "\n";
  return text;
}

}  // namespace pprun
