#include "compiler/report/panels.h"

#include <algorithm>
#include <utility>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// Puts a run's times on the axis. The events of the boxes keep theirs.
void Place(RankRows& rows, double unit) {
  const auto place = [&](double& time) { time = (time - rows.begin) * unit; };
  for (RankRow& row : rows.rows) {
    for (Piece& piece : row.pieces) {
      place(piece.box.begin);
      place(piece.box.end);
    }
    for (double& begin : row.begins) place(begin);
  }
  rows.end = (rows.end - rows.begin) * unit;
  rows.begin = 0;
}

std::string StepsText(const std::vector<int64_t>& repeats) {
  const std::string first = std::to_string(NumberOfRun(repeats.front()));
  const std::string last = std::to_string(NumberOfRun(repeats.back()));
  return first == last ? ", step " + first : ", steps " + first + " to " + last;
}

Panel AlonePanel(const NamedTrace& named, std::optional<int64_t> repeat, double unit,
                 double& extent) {
  const Trace& trace = *named.predicted;
  Panel panel = {.subject = SubjectOf(*named.plan), .looks = LooksOf(*named.plan)};
  RankRows rows = RankRowsOf(*named.plan, trace, repeat);
  panel.repeats = rows.repeats;
  if (trace.kind == Trace::Kind::kMeasured && !rows.repeats.empty()) {
    panel.subject += StepsText(rows.repeats);
  }
  panel.findings = {FindingOf(trace, rows.end - rows.begin, rows.bubble)};
  Place(rows, unit);
  extent = std::max(extent, rows.end);
  for (RankRow& row : rows.rows) panel.rows.push_back({.row = std::move(row)});
  return panel;
}

Panel ComparedPanel(const NamedTrace& named, const TraceComparison& comparison, double& extent) {
  const Plan& plan = *named.plan;
  Panel panel = {.subject = SubjectOf(plan) + StepsText({comparison.repeat}),
                 .looks = LooksOf(plan),
                 .repeats = {comparison.repeat}};
  RankRows predicted = RankRowsOf(plan, *named.predicted, RepeatsOf(*named.predicted).back());
  RankRows measured = RankRowsOf(plan, *named.measured, comparison.repeat);
  Place(predicted, comparison.unit);
  Place(measured, 1);
  // Both in seconds by now.
  const Trace in_seconds = {.unit = Trace::Unit::kSecond, .events = {}};
  panel.findings = {FindingOf(in_seconds, predicted.end, predicted.bubble),
                    FindingOf(*named.measured, measured.end, measured.bubble)};
  if (const std::string scale = ScaleText(comparison); !scale.empty()) {
    panel.findings.front() += " (" + scale + ")";
  }
  extent = std::max({extent, predicted.end, measured.end});
  for (RankRow& row : measured.rows) {
    const auto above =
        std::ranges::find(predicted.rows, PredictedRankOf(plan, row.rank), &RankRow::rank);
    CHECK(above != predicted.rows.end());
    panel.rows.push_back({.row = *above});
    panel.rows.back().row.label = row.label + " predicted";
    row.label = "measured";
    panel.rows.push_back({.row = std::move(row), .place = PanelRow::Place::kBelow});
  }
  return panel;
}

}  // namespace

Panels PanelsOf(const std::vector<NamedTrace>& traces, std::optional<int64_t> repeat) {
  Panels result;
  const SharedAxis axis = AxisOf(traces, repeat);
  for (size_t i = 0; i < traces.size(); ++i) {
    Panel panel = axis.comparisons[i]
                      ? ComparedPanel(traces[i], *axis.comparisons[i], result.extent)
                      : AlonePanel(traces[i], repeat, axis.unit, result.extent);
    panel.name = traces[i].name.empty() ? traces[i].plan->schedule : traces[i].name;
    result.panels.push_back(std::move(panel));
  }
  result.unit = UnitFor(axis.shown, result.extent);
  return result;
}

}  // namespace pprun
