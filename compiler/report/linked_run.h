// One run of the step as a graph: what each instruction of a trace came after. An instruction comes
// after the one before it on its stream, a wait after its record, a transfer or collective after
// what precedes each of its participants, a pair that starts together after what precedes either.
// Whoever asks why something was late walks this graph.
// Tests: linked_run_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"

namespace pprun {

struct LinkedEvent {
  TraceEvent event;
  const Instruction* instruction = nullptr;
  int32_t previous = -1;  // on its stream; -1: none
  int32_t record = -1;    // of a wait
  int32_t meeting = -1;   // of a transfer or a collective
  // Of the first run of an overlapped pair's task, if both began at once: that of the other task.
  // In a prediction a pair starts when both can; in a measured run nothing waits for its partner,
  // and no two times are the same.
  int32_t partner = -1;
};

struct LinkedMeeting {
  std::vector<int32_t> participants;  // as far as the trace has them
  double met = 0;                     // when the last of them was there
};

struct LinkedRun {
  // By rank, then stream, then order on the stream. Indices above are into this.
  std::vector<LinkedEvent> events;
  std::vector<LinkedMeeting> meetings;
};

// The plan must be proven, outlive the result, and the trace be of it.
LinkedRun LinkRun(const Plan& plan, const Trace& trace, int64_t repeat);

// The chain of instructions that the run's end waited for, first to last: each began when the one
// before it ended, as far as the trace can tell. Together they are the run's makespan, less what
// passes between the end of one and the begin of the next.
struct CriticalStep {
  int32_t event = -1;  // in LinkedRun::events
  double begin = 0;    // from here on it was what everything waited for
  double end = 0;
};
std::vector<CriticalStep> CriticalPath(const LinkedRun& run);

}  // namespace pprun
