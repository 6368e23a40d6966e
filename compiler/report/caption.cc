#include "compiler/report/caption.h"

#include <cmath>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/json.h"
#include "compiler/report/numbers.h"

namespace pprun {

TimeUnit UnitFor(Trace::Unit unit, double makespan) {
  if (unit == Trace::Unit::kOfCosts) return {};
  if (makespan >= 1) return {1, " s"};
  if (makespan >= 1e-3) return {1e3, " ms"};
  if (makespan >= 1e-6) return {1e6, " us"};
  return {1e9, " ns"};
}

std::string AxisLabel(const TimeUnit& unit) {
  return unit.suffix.empty() ? "cost units" : "time (" + unit.suffix.substr(1) + ")";
}

std::string TimeText(double time, const TimeUnit& unit) {
  return unit.suffix.empty() ? CostUnits(time * unit.factor)
                             : Compact(time * unit.factor) + unit.suffix;
}

std::string SubjectOf(const Plan& plan) {
  std::string text = plan.schedule + ", " + Counted(plan.stages, "stage");
  if (plan.Replicas() > 1) text += " x " + Counted(plan.Replicas(), "replica");
  text += ", " + WithThousands(plan.train.microbatches);
  return text + (plan.train.microbatches == 1 ? " microbatch" : " microbatches");
}

std::string FindingOf(const Trace& trace, double makespan, double bubble) {
  return std::string(trace.kind == Trace::Kind::kMeasured ? "measured" : "predicted") +
         " makespan " + TimeText(makespan, UnitFor(UnitOf(trace), makespan)) + ", bubble " +
         Percent(bubble);
}

std::string WorkOfText(WorkOf work_of) {
  switch (work_of) {
    case WorkOf::kMean:
      return "mean over ranks";
    case WorkOf::kLeastBusyRank:
      return "least busy rank: pairs overlap";
  }
  CHECK(false);
}

std::vector<std::string> LabelsOf(const Plan& plan, const Trace& trace,
                                  const std::vector<Row>& rows) {
  // A predicted row stands for all replicas of its position.
  const bool by_position = trace.kind == Trace::Kind::kPredicted && plan.Replicas() > 1;
  std::vector<std::string> labels;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    const PositionId position = CoordinatesOf(plan, row.rank).position;
    std::string label = by_position ? "position " + std::to_string(position.value)
                                    : "rank " + std::to_string(row.rank);
    const bool shared = (i > 0 && rows[i - 1].rank == row.rank) ||
                        (i + 1 < rows.size() && rows[i + 1].rank == row.rank);
    if (shared) label += " " + plan.positions[position.index()].streams[row.stream.index()].name;
    labels.push_back(label);
  }
  return labels;
}

std::string MarkupText(std::string_view text) {
  // JSON strings are always UTF-8.
  std::string json;
  AppendJsonString(json, text);
  std::string result;
  for (const char c : ParseJson(json).string) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else if (c == '"') {
      result += "&quot;";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += '?';
    } else {
      result += c;
    }
  }
  // U+FFFE and U+FFFF are UTF-8, but no characters of XML.
  for (const std::string_view none : {"\xef\xbf\xbe", "\xef\xbf\xbf"}) {
    for (size_t at = 0; (at = result.find(none)) != std::string::npos;) result.replace(at, 3, "?");
  }
  return result;
}

double RoundStep(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

}  // namespace pprun
