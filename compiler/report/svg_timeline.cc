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
#include "compiler/report/panels.h"
#include "compiler/report/rank_rows.h"
#include "compiler/report/svg_elements.h"

namespace pprun {
namespace {

// In pixels.
constexpr double kMargin = 16;
constexpr double kHeader = 58;   // title and finding
constexpr double kFinding = 16;  // each further finding
constexpr double kRowHeight = 28;
constexpr double kRowGap = 6;
// Where one picture has several schedules: the rows are lower, and each panel has a line of words.
constexpr double kLowRowHeight = 22;
constexpr double kLowRowGap = 4;
constexpr double kPanelHeader = 22;
constexpr double kPanelGap = 12;
// Between a prediction and the measured row below it.
constexpr double kPairGap = 1;
constexpr double kAxisHeight = 34;
constexpr double kLegendHeight = 30;
constexpr double kLabelCharacter = 6.7;  // width, at the labels' size
constexpr double kDigit = 0.86;          // width of a digit with air, in parts of the font's size
constexpr double kEdged = 3;             // least width of a box with edges
constexpr double kLargestNumber = 12;
constexpr double kLeastNumber = 6;

class Figure {
 public:
  Figure(std::ostream& out, const std::vector<NamedTrace>& traces, const SvgOptions& options)
      : svg_(out),
        figure_(PanelsOf(traces, options.repeat)),
        width_(std::max(options.width, 320.0)) {
    size_t characters = AxisLabel(figure_.unit).size();
    bool pairs = false;
    for (const Panel& panel : figure_.panels) {
      chunks_ = std::max(chunks_, panel.looks.chunk_count);
      pipes_ = std::max(pipes_, panel.looks.pipe_count);
      for (const PanelRow& row : panel.rows) {
        characters = std::max(characters, row.row.label.size());
        pairs = pairs || row.place == PanelRow::Place::kBelow;
      }
    }
    const bool low = Several() || pairs;
    row_height_ = low ? kLowRowHeight : kRowHeight;
    row_gap_ = low && !pairs ? kLowRowGap : kRowGap;
    left_ = kMargin + kLabelCharacter * static_cast<double>(characters) + 10;
    scale_ = (width_ - kMargin - left_) / std::max(figure_.extent, 1e-300);
    bottom_ = LayOut();
    height_ = bottom_ + kAxisHeight + kLegendHeight;
  }

  void Write() {
    svg_.Open({.width = width_,
               .height = height_,
               .title = Title(),
               .hatch = pipes_ > 1 ? SvgPage::Hatch::kDefined : SvgPage::Hatch::kNone});
    if (figure_.extent <= 0) {
      svg_.Text(kMargin, kHeader, "", "nothing to draw: the step takes no time");
    } else {
      Grid();
      for (size_t i = 0; i < figure_.panels.size(); ++i) WritePanel(figure_.panels[i], tops_[i]);
      Legend();
    }
    svg_.Close();
  }

 private:
  bool Several() const { return figure_.panels.size() > 1; }
  double X(double time) const { return left_ + time * scale_; }

  // Fills `tops_`: of each panel the rows' upper edges. Returns the lower edge of the last.
  double LayOut() {
    double y = kMargin;
    for (const Panel& panel : figure_.panels) {
      if (Several()) {
        y += kPanelHeader;
      } else {
        y = kHeader + kFinding * static_cast<double>(panel.findings.size() - 1);
      }
      if (panel.repeats.size() > 1) y += 14;
      std::vector<double>& tops = tops_.emplace_back();
      for (const PanelRow& row : panel.rows) {
        if (row.place == PanelRow::Place::kBelow) y += kPairGap - row_gap_;
        tops.push_back(y);
        y += row_height_ + row_gap_;
      }
      if (&panel != &figure_.panels.back()) y += kPanelGap;
    }
    return std::max(y, kHeader);
  }

  std::string Title() const {
    std::string text;
    for (const Panel& panel : figure_.panels) {
      text += (text.empty() ? "" : "; ") + panel.subject + ": ";
      for (const std::string& finding : panel.findings) {
        text += (&finding == &panel.findings.front() ? "" : ", ") + finding;
      }
    }
    return text;
  }

  void PanelHead(const Panel& panel, double top) {
    if (!Several()) {
      svg_.Text(kMargin, 24, "font-size=\"16\"" + std::string(kBold), panel.subject);
      double y = 43;
      for (const std::string& finding : panel.findings) {
        svg_.Text(kMargin, y, R"(font-size="13" class="quiet")", finding);
        y += kFinding;
      }
      return;
    }
    const double y = top - 7 - (panel.repeats.size() > 1 ? 14 : 0);
    std::string findings;
    for (const std::string& finding : panel.findings) {
      findings += (findings.empty() ? "" : "; ") + finding;
    }
    svg_.Heading(left_, y, panel.name, findings);
  }

  void Grid() {
    const double factor = figure_.unit.factor;
    constexpr double kPixelsBetween = 70;
    const double step = RoundStep(kPixelsBetween / scale_ * factor);
    const double end = figure_.extent * factor;
    for (int tick = 0; tick * step <= end * (1 + 1e-9); ++tick) {
      const double x = X(tick * step / factor);
      for (size_t i = 0; i < tops_.size(); ++i) {
        if (tops_[i].empty()) continue;
        const bool last = i + 1 == tops_.size();
        svg_.Line(x, tops_[i].front() - 2, x,
                  last ? bottom_ + 4 : tops_[i].back() + row_height_ + 2, "grid");
      }
      svg_.Text(x, bottom_ + 18, "class=\"tick\"", Compact(tick * step));
    }
    svg_.Line(left_, bottom_, width_ - kMargin, bottom_, "axis");
    svg_.Text(left_ - 10, bottom_ + 18, "class=\"label\"", AxisLabel(figure_.unit));
  }

  void WritePanel(const Panel& panel, const std::vector<double>& tops) {
    PanelHead(panel, tops.empty() ? kHeader : tops.front());
    const Room room = RoomIn(panel);
    for (size_t i = 0; i < tops.size(); ++i) {
      WriteRow(panel.looks, panel.rows[i].row, room, tops[i]);
    }
    Steps(panel, tops);
  }

  double WidthIn(const Piece& piece) const { return (piece.box.end - piece.box.begin) * scale_; }

  // What all boxes of a panel show, or none: a few edges and numbers among many boxes without would
  // tell of differences that there are not.
  struct Room {
    enum class Edges : uint8_t { kNone, kAll } edges = Edges::kAll;
    std::array<bool, kTaskKindCount> numbers{};  // by kind
  };
  Room RoomIn(const Panel& panel) const {
    size_t pieces = 0, narrow = 0;
    std::array<size_t, kTaskKindCount> count{}, fitting{};
    int32_t largest = 0;
    for (const PanelRow& row : panel.rows) {
      for (const Piece& piece : row.row.pieces) {
        largest = std::max(largest, piece.box.microbatch.value);
      }
    }
    const double needed =
        kLeastNumber * kDigit * static_cast<double>(std::to_string(largest).size());
    for (const PanelRow& row : panel.rows) {
      for (const Piece& piece : row.row.pieces) {
        const size_t kind = static_cast<size_t>(piece.box.kind);
        ++pieces, ++count[kind];
        if (WidthIn(piece) < kEdged) ++narrow;
        if (WidthIn(piece) >= needed) ++fitting[kind];
      }
    }
    Room room;
    if (8 * narrow > pieces) room.edges = Room::Edges::kNone;
    for (size_t kind = 0; kind < count.size(); ++kind) {
      room.numbers[kind] = 2 * fitting[kind] >= count[kind];
    }
    return room;
  }

  void WriteRow(const Looks& looks, const RankRow& row, const Room& room, double top) {
    svg_.Text(left_ - 10, top + row_height_ / 2 + 4, "class=\"label\"", row.label);
    const std::vector<Piece> pieces = Condensed(row, scale_);
    for (size_t i = 0; i < pieces.size(); ++i) {
      const Piece& piece = pieces[i];
      const double height = row_height_ / piece.lanes;
      const double y = top + height * piece.lane;
      const double width = WidthIn(piece);
      // What stands for many tasks is a pixel wide, and drawn as one.
      const double x = piece.tasks > 1 ? std::round(X(piece.box.begin)) : X(piece.box.begin);
      const BoxLook look = LookOf(looks, row.position, piece.box);
      const std::string fill = "fill=\"" + Hex(look.fill) + "\"";
      const bool wide = width >= kEdged;
      if (wide && room.edges == Room::Edges::kAll) {
        svg_.Rect(x, y, width, height, fill + " class=\"box\"");
      } else {
        svg_.Rect(x, y, width + Seam(pieces, i), height, fill);
      }
      if (look.hatch == BoxLook::Hatch::kDiagonal && wide) {
        svg_.Rect(x, y, width, height, kHatchedFill);
      }
      if (piece.tasks == 1 && room.numbers[static_cast<size_t>(piece.box.kind)]) {
        WriteNumber(piece, x + width / 2, y + height / 2, width, look.fill);
      }
    }
    svg_.Rect(left_, top, width_ - kMargin - left_, row_height_, "class=\"frame\"");
  }

  // How far a box without edges reaches below the next one. Where two boxes that only touch share a
  // pixel, the paper would shine through between them, and many of them make a moire.
  double Seam(const std::vector<Piece>& pieces, size_t i) const {
    if (i + 1 == pieces.size()) return 0;
    const Piece &piece = pieces[i], &next = pieces[i + 1];
    constexpr double kTouch = 0.01;
    const bool touch = std::abs(next.box.begin - piece.box.end) * scale_ < kTouch;
    if (!touch || piece.lane != next.lane || piece.lanes != next.lanes) return 0;
    return std::min(1.0, WidthIn(next));
  }

  void WriteNumber(const Piece& piece, double x, double y, double width, Rgb fill) {
    if (!piece.box.microbatch.valid()) return;
    const std::string number = std::to_string(piece.box.microbatch.value);
    const double fits = width / (kDigit * static_cast<double>(number.size()));
    const double size = std::min({fits, kLargestNumber, row_height_ / piece.lanes - 1});
    if (size < kLeastNumber) return;
    svg_.Text(
        x, y + size * 0.36,
        "class=\"number\" font-size=\"" + Pixels(size) + "\" fill=\"" + Hex(TextOn(fill)) + "\"",
        number);
  }

  // Where each rank begins a further run of the step: without a barrier between the ranks this is a
  // staircase.
  void Steps(const Panel& panel, const std::vector<double>& tops) {
    if (panel.repeats.size() < 2) return;
    for (size_t step = 0; step < panel.repeats.size(); ++step) {
      double earliest = std::numeric_limits<double>::infinity();
      for (size_t i = 0; i < tops.size(); ++i) {
        const double begin = panel.rows[i].row.begins[step];
        if (!std::isfinite(begin)) continue;
        earliest = std::min(earliest, begin);
        if (step > 0) svg_.Line(X(begin), tops[i] - 3, X(begin), tops[i] + row_height_ + 3, "step");
      }
      if (!std::isfinite(earliest)) continue;
      svg_.Text(X(earliest), tops.front() - 6, "font-size=\"11\" class=\"quiet\"",
                "step " + std::to_string(NumberOfRun(panel.repeats[step])));
    }
  }

  void Legend() {
    std::array<bool, kTaskKindCount> seen{};
    for (const Panel& panel : figure_.panels) {
      for (const PanelRow& row : panel.rows) {
        for (const Piece& piece : row.row.pieces) seen[static_cast<size_t>(piece.box.kind)] = true;
      }
    }
    const double y = bottom_ + kAxisHeight;
    double x = left_;
    const auto entry = [&](std::string_view text, const auto& draw_sample) {
      draw_sample(x);
      svg_.Text(x + 24, y + 11, "fill=\"#222222\"", text);
      x += 24 + WidthOf(text) + 18;
    };
    for (int kind = 0; kind < kTaskKindCount; ++kind) {
      if (!seen[static_cast<size_t>(kind)]) continue;
      const TaskKind task = static_cast<TaskKind>(kind);
      entry(TaskName(task), [&](double at) {
        // One stripe a chunk.
        const double stripe = 18.0 / chunks_;
        for (int chunk = 0; chunk < chunks_; ++chunk) {
          const Rgb fill = ForChunk(ColourOf(task), chunk, chunks_);
          svg_.Rect(at + stripe * chunk, y, stripe, 14, "fill=\"" + Hex(fill) + "\"");
        }
      });
    }
    entry("idle", [&](double at) { svg_.Rect(at + 0.5, y + 0.5, 17, 13, "class=\"frame\""); });
    if (pipes_ > 1) {
      entry("second pipe", [&](double at) {
        svg_.Rect(at, y, 18, 14, "fill=\"" + Hex(ColourOf(TaskKind::kForward)) + "\"");
        svg_.Rect(at, y, 18, 14, kHatchedFill);
      });
    }
    if (chunks_ > 1) svg_.Text(x, y + 11, "class=\"quiet\"", "further chunks lighter");
  }

  SvgElements svg_;
  const Panels figure_;
  const double width_;
  int chunks_ = 1;  // most of any panel
  int pipes_ = 1;
  double row_height_ = 0;
  double row_gap_ = 0;
  std::vector<std::vector<double>> tops_;  // of the rows of each panel
  double left_ = 0;
  double scale_ = 0;   // pixels of a unit of time
  double bottom_ = 0;  // of the last row
  double height_ = 0;
};

}  // namespace

void WriteSvgTimeline(std::ostream& out, const std::vector<NamedTrace>& traces,
                      const SvgOptions& options) {
  Figure(out, traces, options).Write();
}

}  // namespace pprun
