// How each box of a picture looks: its colour says the kind of task, its lightness the chunk, a
// hatching the second pipe of a bidirectional schedule. Tests: looks_test.cc.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/report/palette.h"
#include "compiler/report/rows.h"

namespace pprun {

struct BoxLook {
  Rgb fill;
  enum class Hatch : uint8_t { kNone, kDiagonal } hatch = Hatch::kNone;
};

struct Looks {
  std::vector<int> pipes;  // of each microbatch; 0 unless the schedule is bidirectional
  int pipe_count = 1;
  int chunk_count = 1;  // most chunks that one position has of one pipe
  // Of a position and one of its chunks: which chunk of its pipe it is there.
  std::map<std::pair<PositionId, ChunkId>, int> shades;
};

// A microbatch goes through the pipe that it enters where its first stage runs forward: pipes are
// numbered by these positions.
Looks LooksOf(const Plan& plan);

BoxLook LookOf(const Looks& looks, PositionId position, const Box& box);

}  // namespace pprun
