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
#include "compiler/report/numbers.h"
#include "compiler/report/palette.h"
#include "compiler/report/rows.h"
#include "compiler/report/timeline.h"
#include "compiler/simulate/simulate.h"

namespace pprun {
namespace {

using Colour = TimelineOptions::Colour;

constexpr std::string_view kEdge = "│";
constexpr std::string_view kIdle = "·";

struct Look {
  std::string_view fill;  // of the box, without colours
  int background = 0;     // of the box, in the palette of 256 colours
};

const Look& LookOf(TaskKind kind) {
  static constexpr std::array<Look, kTaskKindCount> kLooks = {
      {{" ", 75}, {"░", 215}, {"▒", 80}, {"▓", 114}, {"╱", 183}}};
  return kLooks[static_cast<size_t>(kind)];
}

// One column of one row: a glyph, and the kind of task that it belongs to.
struct Cell {
  static constexpr int kNoTask = -1;

  std::string glyph;
  int kind = kNoTask;
};
using Cells = std::vector<Cell>;

std::string Paint(const Cells& cells, Colour colour) {
  std::string text;
  int current = Cell::kNoTask;
  for (const Cell& cell : cells) {
    if (colour == Colour::kAnsi && cell.kind != current) {
      current = cell.kind;
      text += "\033[0m";
      if (current != Cell::kNoTask) {
        const int background = LookOf(static_cast<TaskKind>(current)).background;
        text += "\033[30;48;5;" + std::to_string(background) + "m";
      }
    }
    text += cell.glyph;
  }
  if (current != Cell::kNoTask) text += "\033[0m";
  return text;
}

// Columns, not bytes: all our labels are ASCII.
std::string Padded(std::string text, size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string RightTrimmed(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

struct Layout {
  double origin = 0;
  double columns_per_unit = 0;
  int columns = 0;
  enum class Detail : uint8_t { kBoxes, kLetters } detail = Detail::kBoxes;

  int Column(double time) const {
    return static_cast<int>(std::lround((time - origin) * columns_per_unit));
  }
};

// The largest unit that all boundaries of boxes are multiples of; 0 if there is none that matters.
double CommonUnit(const std::vector<Row>& rows, double origin, double makespan) {
  const double tolerance = makespan * 1e-9;
  double unit = makespan;
  const auto include = [&](double time) {
    double rest = time - origin;
    while (rest > tolerance && unit > tolerance) {
      unit = std::exchange(rest, std::abs(unit - std::round(unit / rest) * rest));
    }
  };
  for (const Row& row : rows) {
    for (const Box& box : row.boxes) {
      include(box.begin);
      include(box.end);
    }
  }
  return unit > makespan * 1e-4 ? unit : 0;
}

// The duration that half of the boxes reach.
double TypicalDuration(const std::vector<Row>& rows) {
  std::vector<double> durations;
  for (const Row& row : rows) {
    for (const Box& box : row.boxes) durations.push_back(box.end - box.begin);
  }
  CHECK(!durations.empty());
  const auto middle = durations.begin() + static_cast<std::ptrdiff_t>((durations.size() - 1) / 2);
  std::nth_element(durations.begin(), middle, durations.end());
  return *middle;
}

int Digits(const std::vector<Row>& rows) {
  int32_t largest = 0;
  for (const Row& row : rows) {
    for (const Box& box : row.boxes) largest = std::max(largest, box.microbatch.value);
  }
  return static_cast<int>(std::to_string(largest).size());
}

Layout ChooseLayout(const std::vector<Row>& rows, double origin, double makespan, int available) {
  const double typical = TypicalDuration(rows);
  const double unit = CommonUnit(rows, origin, makespan);
  // An edge, and the number with a blank on each side. Twice that for irregular times, which have
  // short boxes and gaps to show.
  const int wide_enough = (Digits(rows) + 3) * (unit > 0 ? 1 : 2);
  Layout layout{.origin = origin};
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
  if (typical * layout.columns_per_unit < 1.5) layout.detail = Layout::Detail::kLetters;
  return layout;
}

// A box [begin, end): an edge, then the number in the middle. Where only edge and number fit, the
// box's fill is its edge.
void DrawBox(Cells& cells, const Box& box, int begin, int end, Colour colour) {
  const std::string number = std::to_string(box.microbatch.value);
  const int digits = static_cast<int>(number.size());
  const int width = end - begin;
  const std::string_view fill =
      colour == Colour::kAnsi ? LookOf(TaskKind::kForward).fill : LookOf(box.kind).fill;
  for (int i = begin; i < end; ++i) {
    cells[static_cast<size_t>(i)] = {std::string(fill), static_cast<int>(box.kind)};
  }
  if (width <= 0) return;
  const bool fill_is_edge = width <= digits + 1 && fill != " ";
  if (!fill_is_edge) cells[static_cast<size_t>(begin)].glyph = kEdge;
  if (width < digits + 1) return;
  const int at = begin + 1 + (width - 1 - digits) / 2;
  for (int i = 0; i < digits; ++i) {
    cells[static_cast<size_t>(at + i)].glyph = number.substr(static_cast<size_t>(i), 1);
  }
}

Cells DrawBoxes(const Row& row, const Layout& layout, Colour colour) {
  // One more column than there is time, for the edge that closes the last box.
  Cells cells(static_cast<size_t>(layout.columns) + 1, {std::string(kIdle), Cell::kNoTask});
  cells.back().glyph = " ";
  for (const Box& box : row.boxes) {
    const int end = layout.Column(box.end);
    DrawBox(cells, box, layout.Column(box.begin), end, colour);
    Cell& after = cells[static_cast<size_t>(end)];
    if (colour == Colour::kNever) after = {std::string(kEdge), Cell::kNoTask};
  }
  return cells;
}

// One letter a column. Where several kinds share a column, what one is denied it has good in the
// next, so that the letters are in proportion to the times.
Cells DrawLetters(const Row& row, const Layout& layout) {
  using Shares = std::array<double, kTaskKindCount>;
  std::vector<Shares> columns(static_cast<size_t>(layout.columns));
  for (const Box& box : row.boxes) {
    const double begin = (box.begin - layout.origin) * layout.columns_per_unit;
    const double end = (box.end - layout.origin) * layout.columns_per_unit;
    const int last = std::min(layout.columns, static_cast<int>(std::ceil(end)));
    for (int i = static_cast<int>(begin); i < last; ++i) {
      const double share = std::min(end, i + 1.0) - std::max(begin, static_cast<double>(i));
      columns[static_cast<size_t>(i)][static_cast<size_t>(box.kind)] += share;
    }
  }
  Cells cells;
  Shares credit{};
  for (const Shares& shares : columns) {
    const double busy = std::accumulate(shares.begin(), shares.end(), 0.0);
    if (busy < 0.5) {
      cells.push_back({std::string(kIdle), Cell::kNoTask});
      continue;
    }
    size_t chosen = 0;
    double most = -std::numeric_limits<double>::infinity();
    for (size_t kind = 0; kind < shares.size(); ++kind) {
      credit[kind] += shares[kind];
      if (shares[kind] <= 0 || credit[kind] <= most) continue;
      chosen = kind;
      most = credit[kind];
    }
    credit[chosen] -= busy;
    const char letter = Letter(static_cast<TaskKind>(chosen));
    cells.push_back({std::string(1, letter), static_cast<int>(chosen)});
  }
  return cells;
}

std::string Title(const Plan& plan, const Trace& trace, const TimelineOptions& options,
                  const Figures& figures) {
  std::string text = SubjectOf(plan);
  const size_t repeats = RepeatsOf(trace).size();
  if (options.repeat == kAllRepeats) {
    if (repeats > 1) text += ", " + Counted(static_cast<int64_t>(repeats), "step");
  } else if (trace.kind == Trace::Kind::kMeasured) {
    text += ", step " + std::to_string(options.repeat);
  }
  return text + ": " + FindingOf(trace, figures.makespan, figures.bubble_of_makespan) + "\n";
}

// Times below the columns where they are.
std::string TimeAxis(const Layout& layout, const TimeUnit& unit) {
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

std::string Legend(const std::vector<Row>& rows, Layout::Detail detail, Colour colour) {
  std::array<bool, kTaskKindCount> seen{};
  for (const Row& row : rows) {
    for (const Box& box : row.boxes) seen[static_cast<size_t>(box.kind)] = true;
  }
  std::string text;
  for (int kind = 0; kind < kTaskKindCount; ++kind) {
    if (!seen[static_cast<size_t>(kind)]) continue;
    const Look& look = LookOf(static_cast<TaskKind>(kind));
    Cells sample;
    if (detail == Layout::Detail::kLetters) {
      sample = {{std::string(1, Letter(static_cast<TaskKind>(kind))), kind}};
    } else if (colour == Colour::kAnsi) {
      sample = {{" ", kind}, {"i", kind}, {" ", kind}};
    } else {
      const std::string fill(look.fill);
      sample = {{std::string(kEdge), kind},
                {fill, kind},
                {"i", kind},
                {fill, kind},
                {std::string(kEdge), kind}};
    }
    text +=
        Paint(sample, colour) + " " + std::string(TaskName(static_cast<TaskKind>(kind))) + "   ";
  }
  text += std::string(kIdle) + " idle   ";
  return text + (detail == Layout::Detail::kLetters ? "(letters in proportion to the time)"
                                                    : "i: microbatch");
}

// Labels, rows, the time axis and the legend; from `origin`, for `makespan`.
std::string Drawn(const std::vector<Row>& rows, const std::vector<std::string>& labels,
                  double origin, double makespan, const TimeUnit& unit,
                  const TimelineOptions& options) {
  size_t label_width = 0;
  for (const std::string& label : labels) label_width = std::max(label_width, label.size() + 1);
  constexpr int kLeastColumns = 10;
  const int available = std::max(kLeastColumns, options.width - static_cast<int>(label_width) - 1);
  const Layout layout = ChooseLayout(rows, origin, makespan, available);

  std::string text;
  for (size_t i = 0; i < rows.size(); ++i) {
    const Cells cells = layout.detail == Layout::Detail::kBoxes
                            ? DrawBoxes(rows[i], layout, options.colour)
                            : DrawLetters(rows[i], layout);
    text += RightTrimmed(Padded(labels[i], label_width) + Paint(cells, options.colour)) + "\n";
  }
  text += Padded("time", label_width) + TimeAxis(layout, unit) + "\n\n";
  return text + Legend(rows, layout.detail, options.colour) + "\n";
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
    const std::string which =
        options.repeat == kAllRepeats ? "the step" : "step " + std::to_string(options.repeat);
    return "nothing to draw: " + which + " takes no time\n";
  }
  double origin = std::numeric_limits<double>::infinity();
  for (const Row& row : rows) origin = std::min(origin, row.boxes.front().begin);
  return Title(plan, trace, options, figures) + "\n" +
         Drawn(rows, LabelsOf(plan, trace, rows), origin, figures.makespan,
               UnitFor(UnitOf(trace), figures.makespan), options);
}

std::string TextTimeline(const Plan& plan, const Trace& predicted, const Trace& measured,
                         const TraceComparison& comparison, const TimelineOptions& options) {
  std::vector<Row> above = RowsOf(plan, predicted, RepeatsOf(predicted).back());
  std::vector<Row> below = RowsOf(plan, measured, comparison.repeat);
  const double makespan = std::max(comparison.predicted.end - comparison.predicted.begin,
                                   comparison.measured.end - comparison.measured.begin);
  if (makespan <= 0) {
    return "nothing to draw: step " + std::to_string(comparison.repeat) + " takes no time\n";
  }
  const std::vector<std::string> names = LabelsOf(plan, measured, below);
  size_t width = 0;
  for (const std::string& name : names) width = std::max(width, name.size() + 1);
  Place(above, comparison.unit);
  Place(below, 1);
  std::vector<Row> rows;
  std::vector<std::string> labels;
  for (size_t i = 0; i < below.size(); ++i) {
    const auto twin = std::ranges::find_if(above, [&](const Row& row) {
      return row.rank == PredictedRankOf(plan, below[i].rank) && row.stream == below[i].stream;
    });
    CHECK(twin != above.end());
    labels.push_back(Padded(names[i], width) + "predicted");
    rows.push_back(*twin);
    labels.push_back(Padded("", width) + "measured");
    rows.push_back(std::move(below[i]));
  }
  return Drawn(rows, labels, 0, makespan, UnitFor(Trace::Unit::kSecond, makespan), options);
}

}  // namespace pprun
