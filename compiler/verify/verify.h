// Proves that a plan cannot hang, race, or leave anything out. Sees the plan alone; trusts nothing
// in it.
//
// Checks in this order, stopping after the first that finds something; what is proven, no backend
// checks again. All programs are checked, the step twice in a row.
//
// - types (types.cc, check_tables.cc, check_functions.cc, check_instructions.cc): references,
//   shapes, dtypes and byte ranges fit buffers, arenas and limits.
// - matching (matching.cc): every send has its recv, every member of a group issues the same
//   collectives in the same order, every wait comes after its record.
// - deadlock (deadlock.cc): no program can hang under zero buffering, streams as they are and
//   merged into issue order.
// - data_flow (races.cc, follow.h): nothing is read before it is written, overwritten while needed,
//   or used by two streams without an event; everything read is the value it is meant to be.
// - completeness (follow.h): every microbatch goes forward, input-gradient and weight-gradient
//   through every layer exactly once, and every update sees every (parameter use, microbatch,
//   replica) exactly once.
// - memory (memory.cc): the peak of each position against a limit.
//
// Tests: verify_test.cc; against an independent oracle, damage_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/semantics.h"

namespace pprun {

enum class FindingKind : uint8_t {
  kTypes,
  kMatching,
  kDeadlock,
  kDataFlow,
  kCompleteness,
  kMemory
};
std::string_view Name(FindingKind kind);

struct FindingNote {
  std::string text;
  SourceId source;
};

struct Finding {
  FindingKind kind = FindingKind::kTypes;
  std::string message;  // lower case, names position and instruction
  SourceId source;      // of the instruction at fault; may be none
  std::vector<FindingNote> notes;
};

struct VerifyOptions {
  std::optional<int64_t> memory_limit;  // bytes a rank
};

// No findings: proven.
std::vector<Finding> Verify(const Plan& plan, const VerifyOptions& options = {});

// "plan.sched:6:7: error: this schedule deadlocks" with the quoted line, and notes; ends with a
// newline.
std::string Render(const Plan& plan, const Finding& finding);

}  // namespace pprun
