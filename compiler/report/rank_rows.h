// The rows of a picture with one row a rank: the tasks of all its compute streams and of several
// runs of the step. Where two streams overlap, their boxes share the row's height.
// Tests: rank_rows_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "compiler/report/rows.h"

namespace pprun {

struct Piece {
  Box box;
  int64_t repeat = 0;
  StreamId stream;
  int lane = 0;  // from the top, of `lanes` of equal height
  int lanes = 1;
  int64_t tasks = 1;  // that it stands for
};

struct RankRow {
  int64_t rank = 0;
  PositionId position;
  std::string label;           // "rank 0"
  std::vector<Piece> pieces;   // by begin
  std::vector<double> begins;  // of each run of the step: its first task; infinite without one
};

struct RankRows {
  std::vector<RankRow> rows;     // by rank
  std::vector<int64_t> repeats;  // shown, ascending
  double begin = 0;              // of the first task
  double end = 0;                // of the last
  double bubble = 0;             // Figures::bubble_of_makespan
};

// Without `repeat`, all runs of the step that the trace has.
RankRows RankRowsOf(const Plan& plan, const Trace& trace, std::optional<int64_t> repeat);

// The pieces of a row at `scale` pixels a unit of time, so that there are no more of them than a
// small multiple of its pixels: where typical pieces are narrower than a pixel, each pixel has one
// piece, of the kind that its tasks are due in turn.
std::vector<Piece> Condensed(const RankRow& row, double scale);

}  // namespace pprun
