#include "compiler/report/compare_traces.h"

#include <algorithm>
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
    throw std::runtime_error("the " + which + " trace has no step " + std::to_string(*wanted) +
                             "; it has " + std::to_string(repeats.front()) + " to " +
                             std::to_string(repeats.back()));
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

std::string Bubble(const RunTimes& times) { return Percent(1 - MeanBusy(times) / Makespan(times)); }

std::string RanksText(const TraceComparison& comparison, const TimeUnit& unit) {
  std::vector<std::string> header = {"", "", "busy"};
  for (int cause = 0; cause < kIdleCauseCount; ++cause) {
    header.emplace_back(Name(static_cast<IdleCause>(cause)));
  }
  TextTable table(header);
  const auto add = [&](const std::string& name, const std::string& which, const RankTime& time) {
    std::vector<std::string> row = {name, which, Compact(time.busy * unit.factor)};
    for (const double idle : time.idle) row.push_back(Compact(idle * unit.factor));
    table.Add(row);
  };
  for (size_t i = 0; i < comparison.measured.ranks.size(); ++i) {
    const std::string name = "rank " + std::to_string(comparison.measured.ranks[i].rank);
    add(name, "predicted", comparison.predicted.ranks[i]);
    add("", "measured", comparison.measured.ranks[i]);
  }
  return table.Text();
}

struct KindTimes {
  int64_t count = 0;
  double predicted = 0;
  double measured = 0;
  double shortest = 0;
  double longest = 0;
};

// Kinds that take time, by what they take as measured.
std::string KindsText(const Plan& plan, const TraceComparison& comparison, const TimeUnit& unit) {
  std::map<std::string, KindTimes> kinds;
  for (const ComparedInstruction& compared : comparison.instructions) {
    const Instruction& instruction = StepInstruction(plan, compared.rank, compared.instruction);
    if (std::holds_alternative<Record>(instruction.operands)) continue;
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
    const auto time = [&](double seconds) { return Compact(seconds * unit.factor); };
    const double count = static_cast<double>(kind.count);
    table.Add({name, WithThousands(kind.count), time(kind.predicted / count),
               time(kind.measured / count), time(kind.shortest), time(kind.longest),
               kind.predicted > 0 ? Compact(kind.measured / kind.predicted) : "-"});
  }
  return table.Text();
}

std::string InstructionsText(const Plan& plan, const TraceComparison& comparison,
                             const TimeUnit& unit) {
  std::string text;
  const auto time = [&](double seconds) { return Compact(seconds * unit.factor); };
  for (size_t i = 0; i < comparison.instructions.size();) {
    const int64_t rank = comparison.instructions[i].rank;
    TextTable table({"rank " + std::to_string(rank), "predicted at", "for", "measured at", "for"});
    for (; i < comparison.instructions.size() && comparison.instructions[i].rank == rank; ++i) {
      const ComparedInstruction& compared = comparison.instructions[i];
      table.Add(
          {std::to_string(compared.instruction) + "  " +
               InstructionText(plan, rank, compared.instruction),
           time(compared.predicted_begin), time(compared.predicted_end - compared.predicted_begin),
           time(compared.measured_begin), time(compared.measured_end - compared.measured_begin)});
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
  const double work = MeanBusy(comparison.predicted);
  if (options.unit == TraceCompareOptions::Unit::kSameWork && work > 0) {
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

std::string CompareTraces(const Plan& plan, const Trace& predicted, const Trace& measured,
                          const TraceCompareOptions& options) {
  const TraceComparison comparison = Compare(plan, predicted, measured, options);
  if (comparison.measured.ranks.empty()) return "nothing to compare: the step takes no time\n";
  const double makespan = Makespan(comparison.measured);
  const TimeUnit unit = UnitFor(Trace::Kind::kMeasured, makespan);
  std::string text = SubjectOf(plan) + ", step " + std::to_string(comparison.repeat) + "\n";
  text += "predicted makespan " + Compact(Makespan(comparison.predicted) * unit.factor) +
          unit.suffix + ", bubble " + Bubble(comparison.predicted) + "\n";
  text += "measured makespan  " + Compact(makespan * unit.factor) + unit.suffix + ", bubble " +
          Bubble(comparison.measured) + "\n";
  if (options.unit == TraceCompareOptions::Unit::kSameWork) {
    text += "a unit of the prediction is " + Compact(comparison.unit * unit.factor) + unit.suffix +
            ", so that both do the same work\n";
  }
  text += "\nwhere each rank's time went, in" + unit.suffix + "\n" + RanksText(comparison, unit);
  text += "\nwhat instructions take, in" + unit.suffix + ", waiting for partners included\n" +
          KindsText(plan, comparison, unit);
  if (options.detail == TraceCompareOptions::Detail::kInstructions) {
    text += InstructionsText(plan, comparison, unit);
  }
  return text;
}

}  // namespace pprun
