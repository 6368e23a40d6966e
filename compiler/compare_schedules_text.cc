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

// "a", "a and b", "a, b and c"; of more their number alone.
std::string Listed(const std::vector<std::string>& names) {
  constexpr size_t kMostNames = 3;
  if (names.size() > kMostNames) return std::to_string(names.size()) + " others";
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  }
  return text;
}

}  // namespace

std::string WhyBest(const ScheduleComparison& comparison) {
  const std::vector<ComparedSchedule>& rows = comparison.schedules;
  if (rows.size() < 2 || rows[1].step > rows.front().step) return "the shortest predicted step";
  const bool study = comparison.purpose == Purpose::kStudy;
  const ComparedSchedule& best = rows.front();
  std::vector<std::string> alike;
  for (size_t i = 1; i < rows.size() && rows[i].step <= best.step; ++i) {
    const bool same =
        study ? rows[i].activations <= best.activations : rows[i].memory <= best.memory;
    if (same) alike.push_back(rows[i].name);
  }
  if (!alike.empty()) {
    return "as fast as " + Listed(alike) + ", with as " +
           (study ? "few activations" : "little memory");
  }
  return std::string("the ") + (study ? "fewest activations" : "least memory") +
         " of those as fast";
}

std::string ToText(const ScheduleComparison& comparison) {
  const std::vector<ComparedSchedule>& rows = comparison.schedules;
  const bool study = comparison.purpose == Purpose::kStudy;
  const TimeUnit unit = UnitFor(comparison.unit, rows.back().step);
  size_t width = 10;
  for (const ComparedSchedule& row : rows) width = std::max(width, row.name.size() + 2);
  const bool several = comparison.steps > 1;
  const bool more = several || std::ranges::any_of(rows, [](const ComparedSchedule& row) {
                      return row.step > row.makespan * (1 + 1e-6);
                    });
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
  text += "\n";
  if (several) {
    const std::string steps = std::to_string(comparison.steps);
    text += "step: what one of " + steps + " in a row takes; makespan and bubble are of all " +
            steps +
            (comparison.barrier == "as_planned" ? "" : "; `--barrier " + comparison.barrier + "`") +
            "\n";
  }
  text += "bubble: what of the makespan is not work, " + WorkText(rows) + "\n";
  text += "best: " + rows.front().name + ", " + WhyBest(comparison) + "\n";
  const bool chunks =
      std::ranges::any_of(rows, [](const ComparedSchedule& row) { return row.share < 1; });
  if (chunks && comparison.unit == Trace::Unit::kOfCosts) {
    text +=
        "note: times and activations are of a rank's whole share of the model; `simulate` of a "
        "schedule with several chunks a rank, whose costs are of a chunk, gives other numbers\n";
  }
  for (const std::string& note : comparison.notes) text += "note: " + note + "\n";
  if (!comparison.refused.empty()) text += "\nnot possible here:\n";
  for (const auto& [name, reason] : comparison.refused) text += "  " + name + ": " + reason + "\n";
  return text;
}

}  // namespace pprun
