// A trace seen stream by stream, with the instructions that met each other joined: what a reader of
// waits and transfers needs. The plan must be proven, and the trace be of it. Tests:
// chrome_trace_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"

namespace pprun {

// A send and its recv, or the members of a collective, as far as the trace has them.
struct Rendezvous {
  double start = 0;          // when the last of them was there
  int64_t participants = 0;  // in the trace
};

struct TracedInstruction {
  const TraceEvent* event = nullptr;
  const Instruction* instruction = nullptr;
  int64_t rendezvous = -1;  // index; -1: it meets nobody
};

struct Track {
  int64_t rank = 0;
  StreamId stream;
  std::vector<TracedInstruction> events;  // in the stream's order
};

struct Tracks {
  std::vector<Track> tracks;  // by rank, then stream
  std::vector<Rendezvous> rendezvous;
};

// The trace must outlive the tracks.
Tracks TracksOf(const Plan& plan, const Trace& trace);

}  // namespace pprun
