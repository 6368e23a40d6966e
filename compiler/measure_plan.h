// A proven plan as a row of a comparison: predicted, and held against the user's limit of memory.
// Tests: compare_schedules_test.cc.
#pragma once

#include <string>

#include "compiler/compare_schedules.h"

namespace pprun {

struct MeasuredPlan {
  ComparedSchedule row;
  std::string refused;  // why it is not compared; empty: it is
  // Whether the row has its figures: of what is over a limit it has.
  enum class Figured : uint8_t { kNo, kYes } figured = Figured::kNo;
  Trace::Unit unit = Trace::Unit::kOfCosts;
};

// Throws std::invalid_argument where such costs are none of a study.
MeasuredPlan MeasurePlan(std::string name, Plan plan, const CompareOptions& options);

// What the arenas of a position take together.
int64_t BytesOf(const Position& position);

// Of the costs of a rank and of its activations, what one of its chunks is: a stage each, unless
// two ranks share one.
double ShareOfAChunk(int64_t positions, int32_t stages);

}  // namespace pprun
