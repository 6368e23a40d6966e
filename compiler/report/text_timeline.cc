// Draws a trace as text. The scale makes the boxes as wide as the picture allows, up to what their
// numbers need; where the times are multiples of one unit, so are the columns. Boxes too narrow to
// be told apart give way to one letter a column. Tests: text_timeline_test.cc.
#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/plan/base/check.h"
#include "compiler/report/caption.h"
#include "compiler/report/looks.h"
#include "compiler/report/numbers.h"
#include "compiler/report/palette.h"
#include "compiler/report/rows.h"
#include "compiler/report/text_cells.h"
#include "compiler/report/timeline.h"
#include "compiler/simulate/simulate.h"

namespace pprun {
namespace {

using Colour = TimelineOptions::Colour;

// Columns, not bytes: all our labels are ASCII.
std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string RightTrimmed(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

// The largest unit that all boundaries of boxes are multiples of; 0 if there is none that matters.
double CommonUnit(const std::vector<TextRow>& rows, double origin, double makespan) {
  const double tolerance = makespan * 1e-9;
  double unit = makespan;
  const auto include = [&](double time) {
    double rest = time - origin;
    while (rest > tolerance && unit > tolerance) {
      unit = std::exchange(rest, std::abs(unit - std::round(unit / rest) * rest));
    }
  };
  for (const TextRow& row : rows) {
    for (const TextBox& box : row.boxes) {
      include(box.begin);
      include(box.end);
    }
  }
  return unit > makespan * 1e-4 ? unit : 0;
}

// The duration that half of the boxes reach.
double TypicalDuration(const std::vector<TextRow>& rows) {
  std::vector<double> durations;
  for (const TextRow& row : rows) {
    for (const TextBox& box : row.boxes) durations.push_back(box.end - box.begin);
  }
  CHECK(!durations.empty());
  const auto middle = durations.begin() + static_cast<std::ptrdiff_t>((durations.size() - 1) / 2);
  std::nth_element(durations.begin(), middle, durations.end());
  return *middle;
}

// Of the numbers and their marks.
struct LabelWidth {
  int digits = 0;
  int mark = 0;
};
LabelWidth WidestLabel(const std::vector<TextRow>& rows) {
  int32_t largest = 0;
  LabelWidth width;
  for (const TextRow& row : rows) {
    for (const TextBox& box : row.boxes) {
      largest = std::max(largest, box.microbatch);
      width.mark = std::max(width.mark, ChunkMarkWidth(box.chunk));
    }
  }
  width.digits = static_cast<int>(std::to_string(largest).size());
  return width;
}

TextLayout ChooseLayout(const std::vector<TextRow>& rows, double origin, double makespan,
                        int available) {
  const double typical = TypicalDuration(rows);
  const double unit = CommonUnit(rows, origin, makespan);
  // An edge, and the number with a blank on each side. Twice that for irregular times, which have
  // short boxes and gaps to show.
  const LabelWidth label = WidestLabel(rows);
  const int wide_enough = (label.digits + label.mark + 3) * (unit > 0 ? 1 : 2);
  TextLayout layout{.origin = origin};
  layout.columns_per_unit = available / makespan;
  if (typical > 0) {
    layout.columns_per_unit = std::min(layout.columns_per_unit, wide_enough / typical);
  }
  if (unit > 0) {
    // One part in a million more: a product that should be whole may fall short of it.
    const double whole = std::floor(layout.columns_per_unit * unit * (1 + 1e-6));
    if (whole >= 1) layout.columns_per_unit = whole / unit;
  }
  layout.columns = std::max(1, layout.Column(origin + makespan));
  // Numbers without room for their marks would say less than letters.
  const double least = label.mark > 0 ? 2.5 : 1.5;
  if (typical * layout.columns_per_unit < least) layout.detail = TextLayout::Detail::kLetters;
  return layout;
}

// What is drawn: from `origin`, for `makespan`.
struct Drawing {
  std::vector<TextRow> rows;
  double origin = 0;
  double makespan = 0;
  TimeUnit unit;
  int64_t ranks_a_row = 1;
  enum class Pipes : uint8_t { kOne, kSeveral } pipes = Pipes::kOne;
};

TextRow TextRowOf(const Plan& plan, const Looks& looks, const Row& row, std::string label) {
  TextRow text{.label = std::move(label), .boxes = {}};
  const PositionId position = CoordinatesOf(plan, row.rank).position;
  for (const Box& box : row.boxes) {
    const auto shade = looks.shades.find({position, box.chunk});
    text.boxes.push_back({.kind = box.kind,
                          .microbatch = box.microbatch.value,
                          .chunk = shade == looks.shades.end() ? 0 : shade->second,
                          .begin = box.begin,
                          .end = box.end});
  }
  return text;
}

Drawing::Pipes PipesOf(const Looks& looks) {
  return looks.pipe_count > 1 ? Drawing::Pipes::kSeveral : Drawing::Pipes::kOne;
}

std::string Title(const Plan& plan, const Trace& trace, const TimelineOptions& options,
                  const Figures& figures) {
  std::string text = SubjectOf(plan);
  const size_t repeats = RepeatsOf(trace).size();
  if (options.repeat == kAllRepeats) {
    if (repeats > 1) text += ", " + Counted(static_cast<int64_t>(repeats), "step");
  } else if (trace.kind == Trace::Kind::kMeasured) {
    text += ", step " + std::to_string(NumberOfRun(options.repeat));
  }
  return text + ": " + FindingOf(trace, figures.makespan, figures.bubble_of_makespan) + "\n";
}

// Times below the columns where they are.
std::string TimeAxis(const TextLayout& layout, const TimeUnit& unit) {
  constexpr double kColumnsBetween = 8;
  const double step = RoundStep(kColumnsBetween / layout.columns_per_unit * unit.factor);
  const double end = layout.columns / layout.columns_per_unit * unit.factor;
  std::string text;
  for (int tick = 0; tick * step <= end * (1 + 1e-9); ++tick) {
    const double time = tick * step;
    const int column = layout.Column(layout.origin + time / unit.factor);
    text = Padded(text, static_cast<size_t>(column)) + Compact(time);
  }
  return text + unit.suffix;
}

// What marks mean: "   i₁: of chunk 1", or "   f, b: of chunk 1".
std::string ChunkLegend(const Drawing& drawing, TextLayout::Detail detail) {
  int most = 0;
  std::array<bool, kTaskKindCount> marked{};
  for (const TextRow& row : drawing.rows) {
    for (const TextBox& box : row.boxes) {
      most = std::max(most, box.chunk);
      if (box.chunk > 0) marked[static_cast<size_t>(box.kind)] = true;
    }
  }
  if (most == 0) return "";
  std::string text;
  const auto add = [&text](const std::string& sample) {
    text += (text.empty() ? "   " : ", ") + sample;
  };
  if (detail == TextLayout::Detail::kLetters) {
    for (int kind = 0; kind < kTaskKindCount; ++kind) {
      if (marked[static_cast<size_t>(kind)]) add(TaskLetter(static_cast<TaskKind>(kind), 1));
    }
    text += most > 1 ? ": of further chunks" : ": of chunk 1";
  } else {
    add("i" + ChunkMark(1));
    if (most > 1) add("i" + ChunkMark(2));
    if (most > 2) add("..");
    text += most == 1 ? ": of chunk 1" : most == 2 ? ": of chunks 1, 2" : ": of chunks 1, 2, ..";
  }
  return text + (drawing.pipes == Drawing::Pipes::kSeveral ? " of its pipe" : "");
}

std::string Legend(const Drawing& drawing, TextLayout::Detail detail, Colour colour) {
  std::array<bool, kTaskKindCount> seen{};
  for (const TextRow& row : drawing.rows) {
    for (const TextBox& box : row.boxes) seen[static_cast<size_t>(box.kind)] = true;
  }
  const bool letters = detail == TextLayout::Detail::kLetters;
  std::string text;
  for (int kind = 0; kind < kTaskKindCount; ++kind) {
    if (!seen[static_cast<size_t>(kind)]) continue;
    const TaskKind task = static_cast<TaskKind>(kind);
    TextCells sample;
    if (letters) {
      sample = {{TaskLetter(task, 0), kind}};
    } else if (colour == Colour::kAnsi) {
      sample = {{" ", kind}, {"i", kind}, {" ", kind}};
    } else {
      const std::string fill(TextFill(task)), edge(kTextEdge);
      sample = {{edge, kind}, {fill, kind}, {"i", kind}, {fill, kind}, {edge, kind}};
    }
    text += Paint(sample, colour) + " " + std::string(TaskName(task)) + "   ";
  }
  text += std::string(kTextIdle) + " idle   ";
  text += letters ? "(letters in proportion to the time)" : "i: microbatch";
  text += ChunkLegend(drawing, detail);
  if (drawing.ranks_a_row > 1) {
    text += "   position: " + Counted(drawing.ranks_a_row, "rank") + " alike";
  }
  return text;
}

// Labels, rows, the time axis and the legend.
std::string Drawn(const Drawing& drawing, const TimelineOptions& options) {
  size_t label_width = 0;
  for (const TextRow& row : drawing.rows) label_width = std::max(label_width, row.label.size() + 1);
  constexpr int kLeastColumns = 10;
  const int available = std::max(kLeastColumns, options.width - static_cast<int>(label_width) - 1);
  const TextLayout layout = ChooseLayout(drawing.rows, drawing.origin, drawing.makespan, available);

  std::string text;
  for (const TextRow& row : drawing.rows) {
    const TextCells cells = DrawCells(row, layout, options.colour);
    text += RightTrimmed(Padded(row.label, label_width) + Paint(cells, options.colour)) + "\n";
  }
  text += Padded(drawing.unit.suffix.empty() ? "units" : "time", label_width) +
          TimeAxis(layout, drawing.unit) + "\n\n";
  return text + Legend(drawing, layout.detail, options.colour) + "\n";
}

// Of all runs of the step.
std::vector<Row> AllRows(const Plan& plan, const Trace& trace) {
  std::vector<Row> all;
  for (const int64_t repeat : RepeatsOf(trace)) {
    for (Row& row : RowsOf(plan, trace, repeat)) {
      const auto known = std::ranges::find_if(all, [&](const Row& other) {
        return other.rank == row.rank && other.stream == row.stream;
      });
      if (known == all.end()) {
        all.push_back(std::move(row));
      } else {
        std::ranges::move(row.boxes, std::back_inserter(known->boxes));
      }
    }
  }
  return all;
}

// Times from the first task on, in seconds.
void Place(std::vector<Row>& rows, double unit) {
  double origin = std::numeric_limits<double>::infinity();
  for (const Row& row : rows) origin = std::min(origin, row.boxes.front().begin);
  for (Row& row : rows) {
    for (Box& box : row.boxes) {
      box.begin = (box.begin - origin) * unit;
      box.end = (box.end - origin) * unit;
    }
  }
}

}  // namespace

std::string TextTimeline(const Plan& plan, const Trace& trace, const TimelineOptions& options) {
  const Figures figures = Summarise(plan, trace, options.repeat);
  const std::vector<Row> rows =
      options.repeat == kAllRepeats ? AllRows(plan, trace) : RowsOf(plan, trace, options.repeat);
  if (figures.makespan <= 0) {
    const std::string which = options.repeat == kAllRepeats
                                  ? "the step"
                                  : "step " + std::to_string(NumberOfRun(options.repeat));
    return "nothing to draw: " + which + " takes no time\n";
  }
  Drawing drawing{.rows = {},
                  .origin = std::numeric_limits<double>::infinity(),
                  .makespan = figures.makespan,
                  .unit = UnitFor(UnitOf(trace), figures.makespan)};
  const Looks looks = LooksOf(plan);
  drawing.pipes = PipesOf(looks);
  // A predicted row stands for all replicas.
  if (trace.kind == Trace::Kind::kPredicted) drawing.ranks_a_row = plan.Replicas();
  const std::vector<std::string> labels = LabelsOf(plan, trace, rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    drawing.origin = std::min(drawing.origin, rows[i].boxes.front().begin);
    drawing.rows.push_back(TextRowOf(plan, looks, rows[i], labels[i]));
  }
  return Title(plan, trace, options, figures) + "\n" + Drawn(drawing, options);
}

std::string TextTimeline(const Plan& plan, const Trace& predicted, const Trace& measured,
                         const TraceComparison& comparison, const TimelineOptions& options) {
  std::vector<Row> above = RowsOf(plan, predicted, RepeatsOf(predicted).back());
  std::vector<Row> below = RowsOf(plan, measured, comparison.repeat);
  const double makespan = std::max(comparison.predicted.end - comparison.predicted.begin,
                                   comparison.measured.end - comparison.measured.begin);
  if (makespan <= 0) {
    return "nothing to draw: step " + std::to_string(NumberOfRun(comparison.repeat)) +
           " takes no time\n";
  }
  const std::vector<std::string> names = LabelsOf(plan, measured, below);
  size_t width = 0;
  for (const std::string& name : names) width = std::max(width, name.size() + 1);
  Place(above, comparison.unit);
  Place(below, 1);
  const Looks looks = LooksOf(plan);
  Drawing drawing{.rows = {},
                  .makespan = makespan,
                  .unit = UnitFor(Trace::Unit::kSecond, makespan),
                  .pipes = PipesOf(looks)};
  for (size_t i = 0; i < below.size(); ++i) {
    const auto twin = std::ranges::find_if(above, [&](const Row& row) {
      return row.rank == PredictedRankOf(plan, below[i].rank) && row.stream == below[i].stream;
    });
    CHECK(twin != above.end());
    drawing.rows.push_back(TextRowOf(plan, looks, *twin, Padded(names[i], width) + "predicted"));
    drawing.rows.push_back(TextRowOf(plan, looks, below[i], Padded("", width) + "measured"));
  }
  return Drawn(drawing, options);
}

}  // namespace pprun
