// The comparison as a table. Tests: compare_schedules_test.cc.
#include <algorithm>
#include <string>
#include <utility>

#include "compiler/compare_schedules.h"
#include "compiler/plan/text.h"
#include "compiler/report/caption.h"
#include "compiler/report/numbers.h"

namespace pprun {
namespace {

using Purpose = ScheduleComparison::Purpose;

std::string Padded(std::string text, size_t width, bool right) {
  const std::string space(width > text.size() ? width - text.size() : 0, ' ');
  return right ? space + text : text + space;
}

// What counts as work, which not all rows may agree on.
std::string WorkText(const std::vector<ComparedSchedule>& rows) {
  std::string pairs;
  size_t count = 0;
  for (const ComparedSchedule& row : rows) {
    if (row.work_of == WorkOf::kMean) continue;
    pairs += (pairs.empty() ? "" : ", ") + row.name;
    ++count;
  }
  const std::string least = "the busy time of the least busy rank, since pairs overlap";
  if (count == rows.size()) return least;
  return "the mean busy time of the ranks" + (pairs.empty() ? "" : "; of " + pairs + " " + least);
}

}  // namespace

std::string WhyBest(const ScheduleComparison& comparison) {
  const std::vector<ComparedSchedule>& rows = comparison.schedules;
  if (rows.size() < 2 || rows[1].step > rows.front().step) return "the shortest predicted step";
  const bool study = comparison.purpose == Purpose::kStudy;
  return std::string("the ") + (study ? "fewest activations" : "least memory") +
         " of those as fast";
}

std::string ToText(const ScheduleComparison& comparison) {
  const std::vector<ComparedSchedule>& rows = comparison.schedules;
  const bool study = comparison.purpose == Purpose::kStudy;
  const TimeUnit unit = UnitFor(comparison.unit, rows.back().step);
  size_t width = 10;
  for (const ComparedSchedule& row : rows) width = std::max(width, row.name.size() + 2);
  const bool more = std::ranges::any_of(
      rows, [](const ComparedSchedule& row) { return row.step > row.makespan * (1 + 1e-6); });
  size_t time_width = 10;
  for (const ComparedSchedule& row : rows) {
    for (const double shown : {row.step, row.makespan}) {
      time_width = std::max(time_width, TimeText(shown, unit).size() + 2);
    }
  }
  const auto time = [&](const std::string& words) { return Padded(words, time_width, true); };
  std::string text = Padded("schedule", width, false) + (more ? time("step") : "") +
                     time("makespan") + "    bubble" + (study ? "" : "      memory") +
                     "  activations  messages\n";
  for (const ComparedSchedule& row : rows) {
    text += Padded(row.name, width, false) + (more ? time(TimeText(row.step, unit)) : "") +
            time(TimeText(row.makespan, unit)) + Padded(Percent(row.bubble), 10, true) +
            (study ? "" : Padded(HumanBytes(row.memory), 12, true)) +
            Padded(Compact(row.activations), 13, true) +
            Padded(WithThousands(row.messages), 10, true) + "\n";
  }
  text += "\nbubble: what of the makespan is not work, " + WorkText(rows) + "\n";
  text += "best: " + rows.front().name + ", " + WhyBest(comparison) + "\n";
  for (const std::string& note : comparison.notes) text += "note: " + note + "\n";
  if (!comparison.refused.empty()) text += "\nnot possible here:\n";
  for (const auto& [name, reason] : comparison.refused) text += "  " + name + ": " + reason + "\n";
  return text;
}

}  // namespace pprun
