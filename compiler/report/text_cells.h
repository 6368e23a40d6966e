// A row of a text timeline as columns of characters: boxes with the microbatch's number, or, where
// these would be too narrow, a letter a column. A task of a further chunk of its rank is marked by
// the chunk's number below the line, or by a small letter. Tests: text_timeline_test.cc.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/report/timeline.h"

namespace pprun {

struct TextBox {
  TaskKind kind = TaskKind::kForward;
  int32_t microbatch = 0;
  int chunk = 0;  // of those that the rank has of its pipe
  double begin = 0;
  double end = 0;
};

struct TextRow {
  std::string label;
  std::vector<TextBox> boxes;  // by begin
};

struct TextLayout {
  double origin = 0;
  double columns_per_unit = 0;
  int columns = 0;
  enum class Detail : uint8_t { kBoxes, kLetters } detail = Detail::kBoxes;

  int Column(double time) const {
    return static_cast<int>(std::lround((time - origin) * columns_per_unit));
  }
};

// One column of one row: a glyph, and the kind of task that it belongs to.
struct TextCell {
  static constexpr int kNoTask = -1;

  std::string glyph;
  int kind = kNoTask;
};
using TextCells = std::vector<TextCell>;

inline constexpr std::string_view kTextEdge = "│";
inline constexpr std::string_view kTextIdle = "·";
// Of a kind's box, without colours.
std::string_view TextFill(TaskKind kind);
// "₁₂": nothing for the first chunk.
std::string ChunkMark(int chunk);
// How many columns a mark takes.
int ChunkMarkWidth(int chunk);
// "F", or "f" of a further chunk.
std::string TaskLetter(TaskKind kind, int chunk);

TextCells DrawCells(const TextRow& row, const TextLayout& layout, TimelineOptions::Colour colour);
std::string Paint(const TextCells& cells, TimelineOptions::Colour colour);

}  // namespace pprun
