#include "compiler/report/svg_timeline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/report/caption.h"
#include "compiler/report/looks.h"
#include "compiler/report/numbers.h"
#include "compiler/report/palette.h"
#include "compiler/report/rank_rows.h"
#include "compiler/simulate/simulate.h"

namespace pprun {
namespace {

// In pixels.
constexpr double kMargin = 16;
constexpr double kHeader = 58;  // title and finding
constexpr double kRowHeight = 28;
constexpr double kRowGap = 6;
constexpr double kAxisHeight = 34;
constexpr double kLegendHeight = 30;
constexpr double kLabelCharacter = 6.7;  // width, at the labels' size
constexpr double kDigit = 0.86;          // width of a digit with air, in parts of the font's size
constexpr double kLargestNumber = 12;
constexpr double kLeastNumber = 6;

// At most two digits after the point: a hundredth of a pixel.
std::string Pixels(double value) {
  const int64_t hundredths = std::llround(value * 100);
  std::string text = std::to_string(hundredths / 100);
  if (hundredths < 0 && hundredths > -100) text = "-0";
  const int64_t rest = std::abs(hundredths % 100);
  if (rest == 0) return text;
  text += '.' + std::to_string(rest / 10);
  if (rest % 10 != 0) text += std::to_string(rest % 10);
  return text;
}

class Figure {
 public:
  Figure(std::ostream& out, const Plan& plan, const Trace& trace, const SvgOptions& options)
      : out_(out),
        plan_(plan),
        trace_(trace),
        looks_(LooksOf(plan)),
        rows_(RankRowsOf(plan, trace, options.repeat)),
        width_(std::max(options.width, 320.0)) {
    size_t characters = AxisLabel().size();
    for (const RankRow& row : rows_.rows) characters = std::max(characters, row.label.size());
    left_ = kMargin + kLabelCharacter * static_cast<double>(characters) + 10;
    scale_ = (width_ - kMargin - left_) / std::max(rows_.end - rows_.begin, 1e-300);
    top_ = kHeader + (rows_.repeats.size() > 1 ? 14 : 0);
    bottom_ = top_ + static_cast<double>(rows_.rows.size()) * (kRowHeight + kRowGap);
    height_ = bottom_ + kAxisHeight + kLegendHeight;
  }

  void Write() {
    Head();
    if (rows_.rows.empty()) {
      Text(kMargin, kHeader, "", "nothing to draw: the step takes no time");
    } else {
      Grid();
      for (size_t i = 0; i < rows_.rows.size(); ++i) WriteRow(rows_.rows[i], RowTop(i));
      Steps();
      Legend();
    }
    out_ << "</svg>\n";
  }

 private:
  std::string AxisLabel() const {
    const TimeUnit unit = UnitFor(trace_.kind, rows_.end - rows_.begin);
    return unit.suffix.empty() ? "time" : "time (" + unit.suffix.substr(1) + ")";
  }
  double X(double time) const { return left_ + (time - rows_.begin) * scale_; }
  double RowTop(size_t row) const {
    return top_ + static_cast<double>(row) * (kRowHeight + kRowGap);
  }

  void Rect(double x, double y, double width, double height, std::string_view attributes) {
    out_ << "<rect x=\"" << Pixels(x) << "\" y=\"" << Pixels(y) << "\" width=\"" << Pixels(width)
         << "\" height=\"" << Pixels(height) << "\" " << attributes << "/>\n";
  }
  void Line(double x1, double y1, double x2, double y2, std::string_view css_class) {
    out_ << "<line x1=\"" << Pixels(x1) << "\" y1=\"" << Pixels(y1) << "\" x2=\"" << Pixels(x2)
         << "\" y2=\"" << Pixels(y2) << "\" class=\"" << css_class << "\"/>\n";
  }
  void Text(double x, double y, std::string_view attributes, std::string_view text) {
    out_ << "<text x=\"" << Pixels(x) << "\" y=\"" << Pixels(y) << "\""
         << (attributes.empty() ? "" : " ") << attributes << ">" << MarkupText(text) << "</text>\n";
  }

  void Head() {
    const std::string size = Pixels(width_) + "\" height=\"" + Pixels(height_);
    const std::string view = "0 0 " + Pixels(width_) + " " + Pixels(height_);
    std::string subject = SubjectOf(plan_);
    if (!rows_.repeats.empty() && trace_.kind == Trace::Kind::kMeasured) {
      const int64_t first = rows_.repeats.front(), last = rows_.repeats.back();
      subject += first == last ? ", step " + std::to_string(first)
                               : ", steps " + std::to_string(first) + " to " + std::to_string(last);
    }
    const std::string finding = FindingOf(trace_.kind, rows_.end - rows_.begin, rows_.bubble);
    out_ << R"(<?xml version="1.0" encoding="UTF-8"?>)"
         << "\n"
         << R"(<svg xmlns="http://www.w3.org/2000/svg" width=")" << size << R"(" viewBox=")" << view
         << R"(" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="12">)"
         << "\n"
         << "<title>" << MarkupText(subject + ": " + finding) << "</title>\n"
         << R"(<style>
.box { stroke: #ffffff; stroke-width: 0.8; }
.number { text-anchor: middle; }
.label { text-anchor: end; fill: #222222; }
.quiet { fill: #555555; }
.tick { text-anchor: middle; fill: #555555; font-size: 11px; }
.grid { stroke: #e4e6ea; stroke-width: 1; }
.axis { stroke: #999999; stroke-width: 1; }
.step { stroke: #222222; stroke-width: 1.4; stroke-dasharray: 3 2; }
.frame { fill: none; stroke: #c9ccd2; stroke-width: 1; }
</style>
)";
    if (looks_.pipe_count > 1) {
      out_
          << R"(<defs><pattern id="second-pipe" width="6" height="6" patternUnits="userSpaceOnUse")"
          << R"svg( patternTransform="rotate(45)"><rect width="2" height="6" fill="#ffffff")svg"
          << R"( fill-opacity="0.45"/></pattern></defs>)"
          << "\n";
    }
    Rect(0, 0, width_, height_, R"(fill="#ffffff")");
    Text(kMargin, 24, R"(font-size="16" font-weight="bold" fill="#111111")", subject);
    Text(kMargin, 43, R"(font-size="13" class="quiet")", finding);
  }

  void Grid() {
    const TimeUnit unit = UnitFor(trace_.kind, rows_.end - rows_.begin);
    constexpr double kPixelsBetween = 70;
    const double step = RoundStep(kPixelsBetween / scale_ * unit.factor);
    const double end = (rows_.end - rows_.begin) * unit.factor;
    for (int tick = 0; tick * step <= end * (1 + 1e-9); ++tick) {
      const double x = X(rows_.begin + tick * step / unit.factor);
      Line(x, top_ - 2, x, bottom_ + 4, "grid");
      Text(x, bottom_ + 18, "class=\"tick\"", Compact(tick * step));
    }
    Line(left_, bottom_, width_ - kMargin, bottom_, "axis");
    Text(left_ - 10, bottom_ + 18, "class=\"label\"", "time" + unit.suffix);
  }

  void WriteRow(const RankRow& row, double top) {
    Text(left_ - 10, top + kRowHeight / 2 + 4, "class=\"label\"", row.label);
    for (const Piece& piece : Condensed(row, scale_)) {
      const double height = kRowHeight / piece.lanes;
      const double y = top + height * piece.lane;
      const double x = X(piece.box.begin), width = (piece.box.end - piece.box.begin) * scale_;
      const BoxLook look = LookOf(looks_, row.position, piece.box);
      const std::string fill = "fill=\"" + Hex(look.fill) + "\"";
      const bool edged = width >= 3;
      Rect(x, y, width, height, edged ? fill + " class=\"box\"" : fill);
      if (look.hatch == BoxLook::Hatch::kDiagonal && edged) {
        Rect(x, y, width, height, "fill=\"url(#second-pipe)\"");
      }
      if (piece.tasks == 1) WriteNumber(piece, x + width / 2, y + height / 2, width, look.fill);
    }
    Rect(left_, top, width_ - kMargin - left_, kRowHeight, "class=\"frame\"");
  }

  void WriteNumber(const Piece& piece, double x, double y, double width, Rgb fill) {
    if (!piece.box.microbatch.valid()) return;
    const std::string number = std::to_string(piece.box.microbatch.value);
    const double fits = width / (kDigit * static_cast<double>(number.size()));
    const double size = std::min({fits, kLargestNumber, kRowHeight / piece.lanes - 3});
    if (size < kLeastNumber) return;
    Text(x, y + size * 0.36,
         "class=\"number\" font-size=\"" + Pixels(size) + "\" fill=\"" + Hex(TextOn(fill)) + "\"",
         number);
  }

  // Where each rank begins a further run of the step: without a barrier between the ranks this is a
  // staircase.
  void Steps() {
    if (rows_.repeats.size() < 2) return;
    for (size_t step = 0; step < rows_.repeats.size(); ++step) {
      double earliest = std::numeric_limits<double>::infinity();
      for (size_t i = 0; i < rows_.rows.size(); ++i) {
        const double begin = rows_.rows[i].begins[step];
        if (!std::isfinite(begin)) continue;
        earliest = std::min(earliest, begin);
        if (step > 0) Line(X(begin), RowTop(i) - 3, X(begin), RowTop(i) + kRowHeight + 3, "step");
      }
      if (!std::isfinite(earliest)) continue;
      Text(X(earliest), top_ - 6, "font-size=\"11\" class=\"quiet\"",
           "step " + std::to_string(rows_.repeats[step]));
    }
  }

  void Legend() {
    std::array<bool, kTaskKindCount> seen{};
    for (const RankRow& row : rows_.rows) {
      for (const Piece& piece : row.pieces) seen[static_cast<size_t>(piece.box.kind)] = true;
    }
    const double y = bottom_ + kAxisHeight;
    double x = left_;
    const auto entry = [&](std::string_view text, const auto& draw_sample) {
      draw_sample(x);
      Text(x + 24, y + 11, "fill=\"#222222\"", text);
      x += 24 + kLabelCharacter * static_cast<double>(text.size()) + 16;
    };
    for (int kind = 0; kind < kTaskKindCount; ++kind) {
      if (!seen[static_cast<size_t>(kind)]) continue;
      const TaskKind task = static_cast<TaskKind>(kind);
      entry(TaskName(task), [&](double at) {
        // One stripe a chunk.
        const double stripe = 18.0 / looks_.chunk_count;
        for (int chunk = 0; chunk < looks_.chunk_count; ++chunk) {
          const Rgb fill = ForChunk(ColourOf(task), chunk, looks_.chunk_count);
          Rect(at + stripe * chunk, y, stripe, 14, "fill=\"" + Hex(fill) + "\"");
        }
      });
    }
    entry("idle", [&](double at) { Rect(at + 0.5, y + 0.5, 17, 13, "class=\"frame\""); });
    if (looks_.pipe_count > 1) {
      entry("second pipe", [&](double at) {
        Rect(at, y, 18, 14, "fill=\"" + Hex(ColourOf(TaskKind::kForward)) + "\"");
        Rect(at, y, 18, 14, "fill=\"url(#second-pipe)\"");
      });
    }
    if (looks_.chunk_count > 1) {
      Text(x, y + 11, "class=\"quiet\"", "further chunks lighter");
    }
  }

  std::ostream& out_;
  const Plan& plan_;
  const Trace& trace_;
  const Looks looks_;
  const RankRows rows_;
  const double width_;
  double left_ = 0;
  double scale_ = 0;  // pixels of a unit of time
  double top_ = 0;    // of the first row
  double bottom_ = 0;
  double height_ = 0;
};

}  // namespace

void WriteSvgTimeline(std::ostream& out, const Plan& plan, const Trace& trace,
                      const SvgOptions& options) {
  Figure(out, plan, trace, options).Write();
}

}  // namespace pprun
