#include "compiler/report/compare_traces.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <variant>

#include "compiler/plan/text.h"
#include "compiler/report/caption.h"
#include "compiler/report/instruction_text.h"
#include "compiler/report/numbers.h"
#include "compiler/report/rows.h"

namespace pprun {
namespace {

int64_t RepeatOf(const Trace& trace, std::optional<int64_t> wanted, const std::string& which) {
  const std::vector<int64_t> repeats = RepeatsOf(trace);
  if (repeats.empty()) throw std::runtime_error("the " + which + " trace has no step");
  if (!wanted) return repeats.back();
  if (!std::ranges::binary_search(repeats, *wanted)) {
    throw std::runtime_error("the " + which + " trace has no step " +
                             std::to_string(NumberOfRun(*wanted)) + "; it has " +
                             std::to_string(NumberOfRun(repeats.front())) + " to " +
                             std::to_string(NumberOfRun(repeats.back())));
  }
  return *wanted;
}

double MeanBusy(const RunTimes& times) {
  double sum = 0;
  for (const RankTime& rank : times.ranks) sum += rank.busy;
  return times.ranks.empty() ? 0 : sum / static_cast<double>(times.ranks.size());
}

void ScaleTimes(RunTimes& times, double unit) {
  times.begin *= unit;
  times.end *= unit;
  for (RankTime& rank : times.ranks) {
    rank.busy *= unit;
    for (double& idle : rank.idle) idle *= unit;
  }
}

// A table of words, in columns without a header or first, and of numbers.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  std::string Text() const {
    std::vector<size_t> widths;
    for (const std::vector<std::string>& row : rows_) {
      widths.resize(std::max(widths.size(), row.size()));
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const std::vector<std::string>& row : rows_) {
      if (std::ranges::all_of(row, &std::string::empty)) continue;
      for (size_t i = 0; i < row.size(); ++i) {
        const std::string fill(widths[i] - row[i].size(), ' ');
        const bool words = i == 0 || rows_.front()[i].empty();
        text += (i == 0 ? "" : "  ") + (words ? row[i] + fill : fill + row[i]);
      }
      text.erase(text.find_last_not_of(' ') + 1);
      text += '\n';
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

double Makespan(const RunTimes& times) { return times.end - times.begin; }

// As in Figures.
double Work(const RunTimes& times, WorkOf work_of) {
  if (work_of == WorkOf::kMean || times.ranks.empty()) return MeanBusy(times);
  return std::ranges::min_element(times.ranks, {}, &RankTime::busy)->busy;
}

std::string Bubble(const RunTimes& times, WorkOf work_of) {
  return Percent(Makespan(times) > 0 ? 1 - Work(times, work_of) / Makespan(times) : 0);
}

TimeUnit UnitOf(const TraceComparison& comparison) {
  return UnitFor(Trace::Unit::kSecond, Makespan(comparison.measured));
}

// After the point, so that what is short beside the run can still be told apart.
int DigitsFor(const TraceComparison& comparison, const TimeUnit& unit) {
  const double size = std::max(Makespan(comparison.measured) * unit.factor, 1.0);
  return std::max(0, 4 - static_cast<int>(std::floor(std::log10(size))));
}

std::string RanksText(const TraceComparison& comparison, const TimeUnit& unit) {
  std::vector<std::string> header = {"", "", "busy"};
  for (int cause = 0; cause < kIdleCauseCount; ++cause) {
    header.emplace_back(Name(static_cast<IdleCause>(cause)));
  }
  TextTable table(header);
  const int digits = DigitsFor(comparison, unit);
  const auto add = [&](const std::string& name, const std::string& which, const RankTime& time) {
    std::vector<std::string> row = {name, which, Fixed(time.busy * unit.factor, digits)};
    for (const double idle : time.idle) row.push_back(Fixed(idle * unit.factor, digits));
    table.Add(row);
  };
  for (size_t i = 0; i < comparison.measured.ranks.size(); ++i) {
    const std::string name = "rank " + std::to_string(comparison.measured.ranks[i].rank);
    add(name, "predicted", comparison.predicted.ranks[i]);
    add("", "measured", comparison.measured.ranks[i]);
  }
  TextTable meanings({"", ""});
  for (int cause = 0; cause < kIdleCauseCount; ++cause) {
    const IdleCause one = static_cast<IdleCause>(cause);
    meanings.Add({"  " + std::string(Name(one)), std::string(Meaning(one))});
  }
  return table.Text() + meanings.Text();
}

struct KindTimes {
  int64_t count = 0;
  double predicted = 0;
  double measured = 0;
  double shortest = 0;
  double longest = 0;
};

// Kinds that take time, by what they take as measured. What streams wait for each other is idle
// time, and has its causes.
std::string KindsText(const Plan& plan, const TraceComparison& comparison) {
  std::map<std::string, KindTimes> kinds;
  for (const ComparedInstruction& compared : comparison.instructions) {
    const Instruction& instruction = StepInstruction(plan, compared.rank, compared.instruction);
    if (std::holds_alternative<Record>(instruction.operands) ||
        std::holds_alternative<Wait>(instruction.operands)) {
      continue;
    }
    const double measured = compared.measured_end - compared.measured_begin;
    KindTimes& kind = kinds[KindText(plan, instruction)];
    kind.shortest = kind.count == 0 ? measured : std::min(kind.shortest, measured);
    kind.longest = std::max(kind.longest, measured);
    kind.predicted += compared.predicted_end - compared.predicted_begin;
    kind.measured += measured;
    ++kind.count;
  }
  std::vector<std::pair<std::string, KindTimes>> sorted(kinds.begin(), kinds.end());
  std::ranges::stable_sort(
      sorted, [](const auto& a, const auto& b) { return a.second.measured > b.second.measured; });
  TextTable table(
      {"", "count", "predicted", "measured", "shortest", "longest", "measured/predicted"});
  for (const auto& [name, kind] : sorted) {
    const double count = static_cast<double>(kind.count);
    table.Add({name, WithThousands(kind.count), HumanTime(kind.predicted / count),
               HumanTime(kind.measured / count), HumanTime(kind.shortest), HumanTime(kind.longest),
               kind.predicted > 0 ? Compact(kind.measured / kind.predicted) : "-"});
  }
  return table.Text();
}

std::string InstructionsText(const Plan& plan, const TraceComparison& comparison,
                             const TimeUnit& unit) {
  std::string text;
  const int digits = DigitsFor(comparison, unit);
  const auto time = [&](double seconds) { return Fixed(seconds * unit.factor, digits); };
  for (size_t i = 0; i < comparison.instructions.size();) {
    const int64_t rank = comparison.instructions[i].rank;
    TextTable table(
        {"rank " + std::to_string(rank), "predicted at", "for", "measured at", "for", ""});
    for (; i < comparison.instructions.size() && comparison.instructions[i].rank == rank; ++i) {
      const ComparedInstruction& compared = comparison.instructions[i];
      table.Add({std::to_string(compared.instruction), time(compared.predicted_begin),
                 HumanTime(compared.predicted_end - compared.predicted_begin),
                 time(compared.measured_begin),
                 HumanTime(compared.measured_end - compared.measured_begin),
                 InstructionText(plan, rank, compared.instruction)});
    }
    text += "\n" + table.Text();
  }
  return text;
}

}  // namespace

int64_t PredictedRankOf(const Plan& plan, int64_t rank) {
  std::vector<int32_t> axes = CoordinatesOf(plan, rank).axes;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (plan.mesh[i].name != "pp") axes[i] = 0;
  }
  return RankAt(plan, axes);
}

TraceComparison Compare(const Plan& plan, const Trace& predicted, const Trace& measured,
                        const TraceCompareOptions& options) {
  TraceComparison comparison;
  comparison.repeat = RepeatOf(measured, options.repeat, "measured");
  const LinkedRun expected = LinkRun(plan, predicted, RepeatOf(predicted, {}, "predicted"));
  const LinkedRun found = LinkRun(plan, measured, comparison.repeat);
  comparison.measured = TimesOf(found);

  // Of the prediction, the ranks that stand for those measured.
  const RunTimes all = TimesOf(expected);
  comparison.predicted = {.begin = all.begin, .end = all.end, .ranks = {}};
  for (const RankTime& rank : comparison.measured.ranks) {
    const int64_t stand_in = PredictedRankOf(plan, rank.rank);
    const auto time = std::ranges::find(all.ranks, stand_in, &RankTime::rank);
    if (time == all.ranks.end()) {
      throw std::runtime_error("the predicted trace has no rank " + std::to_string(stand_in));
    }
    comparison.predicted.ranks.push_back(*time);
    comparison.predicted.ranks.back().rank = rank.rank;
  }
  comparison.counts = UnitOf(predicted);
  comparison.work_of = WorkOfPlan(plan);
  const double work = MeanBusy(comparison.predicted);
  if (comparison.counts == Trace::Unit::kOfCosts && work > 0) {
    comparison.unit = MeanBusy(comparison.measured) / work;
  }
  ScaleTimes(comparison.predicted, comparison.unit);

  std::map<std::pair<int64_t, int32_t>, const TraceEvent*> predictions;
  for (const LinkedEvent& linked : expected.events) {
    predictions[{linked.event.rank, linked.event.instruction}] = &linked.event;
  }
  for (const LinkedEvent& linked : found.events) {
    const TraceEvent& event = linked.event;
    const auto other = predictions.find({PredictedRankOf(plan, event.rank), event.instruction});
    if (other == predictions.end()) continue;
    comparison.instructions.push_back(
        {.rank = event.rank,
         .instruction = event.instruction,
         .predicted_begin = other->second->begin * comparison.unit - comparison.predicted.begin,
         .predicted_end = other->second->end * comparison.unit - comparison.predicted.begin,
         .measured_begin = event.begin - comparison.measured.begin,
         .measured_end = event.end - comparison.measured.begin});
  }
  std::ranges::sort(comparison.instructions, {}, [](const ComparedInstruction& compared) {
    return std::pair(compared.rank, compared.instruction);
  });
  return comparison;
}

std::string ScaleText(const TraceComparison& comparison) {
  if (comparison.counts != Trace::Unit::kOfCosts) return "";
  const TimeUnit unit = UnitOf(comparison);
  return "a unit of the costs taken as " + Compact(comparison.unit * unit.factor) + unit.suffix;
}

std::string ComparisonHead(const Plan& plan, const TraceComparison& comparison) {
  const TimeUnit unit = UnitOf(comparison);
  const auto finding = [&](const RunTimes& times) {
    return Compact(Makespan(times) * unit.factor) + unit.suffix + ", bubble " +
           Bubble(times, comparison.work_of);
  };
  std::string text =
      SubjectOf(plan) + ", step " + std::to_string(NumberOfRun(comparison.repeat)) + "\n";
  text += "predicted makespan " + finding(comparison.predicted);
  if (const std::string scale = ScaleText(comparison); !scale.empty()) {
    text += " (" + scale + ", which makes the work as long as measured)";
  }
  return text + "\nmeasured makespan  " + finding(comparison.measured) + "\n";
}

std::string ComparisonTables(const Plan& plan, const TraceComparison& comparison,
                             ComparisonDetail detail) {
  const TimeUnit unit = UnitOf(comparison);
  std::string text =
      "where each rank's time went, in" + unit.suffix + "\n" + RanksText(comparison, unit);
  text += "\nwhat instructions take in the mean, waiting for partners included\n" +
          KindsText(plan, comparison);
  if (detail == ComparisonDetail::kInstructions) text += InstructionsText(plan, comparison, unit);
  return text;
}

}  // namespace pprun
