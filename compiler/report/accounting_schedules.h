// What is published of the schedules: their bubbles and their peaks of activations, with the domain
// in which each holds. Tests: accounting_schedules_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pprun {

// Costs are per chunk, as the simulator's.
struct ScheduleShape {
  int64_t ranks = 1;         // p
  int64_t microbatches = 1;  // m
  int64_t chunks = 1;        // v, of a rank
  double forward = 1;        // F
  double input_grad = 1;     // I
  double weight_grad = 1;    // W; a backward B is I + W
  double pair = 3;           // an overlapped F and B
  double transfer = 0;       // C
  enum class Stages : uint8_t { kEqual, kUnequal } stages = Stages::kEqual;
};

struct ScheduleFormula {
  std::string bubble_formula;  // "(p-1)(F+B)"
  double bubble = 0;           // in the costs' unit
  // What the bubble is measured against: the makespan, or the span of the slowest rank.
  enum class Against : uint8_t { kMakespan, kSpan } against = Against::kMakespan;
  std::string peak_formula;  // "min(m, p)"
  int64_t peak = 0;          // live activations of chunks, on the rank with the most
  std::string source;        // "Huang et al. 2019"
  // Where the formulas hold, condition by condition ("m >= p"), and those of the conditions that
  // this shape does not meet.
  std::vector<std::string> domain;
  std::vector<std::string> failing;

  bool Holds() const { return failing.empty(); }
};

// By the name of a built-in schedule; empty for others.
std::optional<ScheduleFormula> FormulaOf(std::string_view schedule, const ScheduleShape& shape);

}  // namespace pprun
