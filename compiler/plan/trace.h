// What ran when: of a real run (measured) or of the simulator (predicted). One type, so that one
// timeline draws, compares and exports both. A trace names instructions of a plan and is read
// beside it.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/plan/ids.h"
#include "compiler/plan/plan.h"

namespace pprun {

struct TraceEvent {
  int64_t rank = 0;
  ProgramKind program = ProgramKind::kStep;
  int64_t repeat = 0;       // which run of the program, from 0 on: the step; shown as NumberOfRun
  int32_t instruction = 0;  // in the program of the rank's position
  // Since the trace began, in its unit. An instruction begins when it reaches
  // the head of its stream; waiting for its partner is part of it.
  double begin = 0;
  double end = 0;
};

struct Trace {
  enum class Kind : uint8_t { kPredicted, kMeasured } kind = Kind::kPredicted;
  // Of a prediction; what is measured is in seconds.
  enum class Unit : uint8_t { kOfCosts, kSecond } unit = Unit::kOfCosts;
  std::vector<TraceEvent> events;  // by rank, then begin
};

// What people count by, in pictures, tables, messages and files: the first step is step 1.
inline int64_t NumberOfRun(int64_t repeat) { return repeat + 1; }

inline Trace::Unit UnitOf(const Trace& trace) {
  return trace.kind == Trace::Kind::kMeasured ? Trace::Unit::kSecond : trace.unit;
}

}  // namespace pprun
