#include "compiler/report/text_cells.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

namespace pprun {
namespace {

using Colour = TimelineOptions::Colour;

struct Look {
  std::string_view fill;  // of the box, without colours
  int background = 0;     // of the box, in the palette of 256 colours
};

const Look& LookOf(TaskKind kind) {
  static constexpr std::array<Look, kTaskKindCount> kLooks = {
      {{" ", 75}, {"░", 215}, {"▒", 80}, {"▓", 114}, {"╱", 183}}};
  return kLooks[static_cast<size_t>(kind)];
}

// A box [begin, end): an edge, then the number and its mark in the middle. Where only edge and
// number fit, the box's fill is its edge.
void DrawBox(TextCells& cells, const TextBox& box, int begin, int end, Colour colour) {
  const std::string number = std::to_string(box.microbatch);
  const int digits = static_cast<int>(number.size());
  const int marked = digits + ChunkMarkWidth(box.chunk);
  const int width = end - begin;
  const std::string_view fill = TextFill(colour == Colour::kAnsi ? TaskKind::kForward : box.kind);
  for (int i = begin; i < end; ++i) {
    cells[static_cast<size_t>(i)] = {std::string(fill), static_cast<int>(box.kind)};
  }
  if (width <= 0) return;
  const bool fill_is_edge = width <= marked + 1 && fill != " ";
  if (!fill_is_edge) cells[static_cast<size_t>(begin)].glyph = kTextEdge;
  if (width < marked + 1) return;
  const int at = begin + 1 + (width - 1 - marked) / 2;
  for (int i = 0; i < digits; ++i) {
    cells[static_cast<size_t>(at + i)].glyph = number.substr(static_cast<size_t>(i), 1);
  }
  // Each glyph of the mark has three bytes.
  const std::string mark = ChunkMark(box.chunk);
  for (int i = digits; i < marked; ++i) {
    cells[static_cast<size_t>(at + i)].glyph =
        mark.substr(static_cast<size_t>(3 * (i - digits)), 3);
  }
}

TextCells DrawBoxes(const TextRow& row, const TextLayout& layout, Colour colour) {
  // One more column than there is time, for the edge that closes the last box.
  TextCells cells(static_cast<size_t>(layout.columns) + 1,
                  {std::string(kTextIdle), TextCell::kNoTask});
  cells.back().glyph = " ";
  for (const TextBox& box : row.boxes) {
    const int end = layout.Column(box.end);
    DrawBox(cells, box, layout.Column(box.begin), end, colour);
    TextCell& after = cells[static_cast<size_t>(end)];
    if (colour == Colour::kNever) after = {std::string(kTextEdge), TextCell::kNoTask};
  }
  return cells;
}

// One letter a column. Where several kinds share a column, what one is denied it has good in the
// next, so that the letters are in proportion to the times.
TextCells DrawLetters(const TextRow& row, const TextLayout& layout) {
  // Of each kind the first chunk, then all further ones.
  using Shares = std::array<double, 2 * kTaskKindCount>;
  std::vector<Shares> columns(static_cast<size_t>(layout.columns));
  for (const TextBox& box : row.boxes) {
    const double begin = (box.begin - layout.origin) * layout.columns_per_unit;
    const double end = (box.end - layout.origin) * layout.columns_per_unit;
    const int last = std::min(layout.columns, static_cast<int>(std::ceil(end)));
    const size_t letter = 2 * static_cast<size_t>(box.kind) + (box.chunk > 0 ? 1 : 0);
    for (int i = static_cast<int>(begin); i < last; ++i) {
      const double share = std::min(end, i + 1.0) - std::max(begin, static_cast<double>(i));
      columns[static_cast<size_t>(i)][letter] += share;
    }
  }
  TextCells cells;
  Shares credit{};
  for (const Shares& shares : columns) {
    const double busy = std::accumulate(shares.begin(), shares.end(), 0.0);
    if (busy < 0.5) {
      cells.push_back({std::string(kTextIdle), TextCell::kNoTask});
      continue;
    }
    size_t chosen = 0;
    double most = -std::numeric_limits<double>::infinity();
    for (size_t letter = 0; letter < shares.size(); ++letter) {
      credit[letter] += shares[letter];
      if (shares[letter] <= 0 || credit[letter] <= most) continue;
      chosen = letter;
      most = credit[letter];
    }
    credit[chosen] -= busy;
    const int kind = static_cast<int>(chosen / 2);
    cells.push_back({TaskLetter(static_cast<TaskKind>(kind), static_cast<int>(chosen % 2)), kind});
  }
  return cells;
}

}  // namespace

std::string_view TextFill(TaskKind kind) { return LookOf(kind).fill; }

std::string ChunkMark(int chunk) {
  if (chunk <= 0) return "";
  std::string mark;
  for (const char digit : std::to_string(chunk)) {
    mark += "\xe2\x82";
    mark += static_cast<char>(0x80 + (digit - '0'));
  }
  return mark;
}

int ChunkMarkWidth(int chunk) {
  return chunk <= 0 ? 0 : static_cast<int>(std::to_string(chunk).size());
}

std::string TaskLetter(TaskKind kind, int chunk) {
  const char letter = Letter(kind);
  return std::string(1, chunk <= 0 ? letter : static_cast<char>(letter - 'A' + 'a'));
}

TextCells DrawCells(const TextRow& row, const TextLayout& layout, Colour colour) {
  return layout.detail == TextLayout::Detail::kBoxes ? DrawBoxes(row, layout, colour)
                                                     : DrawLetters(row, layout);
}

std::string Paint(const TextCells& cells, Colour colour) {
  std::string text;
  int current = TextCell::kNoTask;
  for (const TextCell& cell : cells) {
    if (colour == Colour::kAnsi && cell.kind != current) {
      current = cell.kind;
      text += "\033[0m";
      if (current != TextCell::kNoTask) {
        const int background = LookOf(static_cast<TaskKind>(current)).background;
        text += "\033[30;48;5;" + std::to_string(background) + "m";
      }
    }
    text += cell.glyph;
  }
  if (current != TextCell::kNoTask) text += "\033[0m";
  return text;
}

}  // namespace pprun
