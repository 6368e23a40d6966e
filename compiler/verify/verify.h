// Proves that a plan cannot hang, race, or leave anything out. Sees the plan alone; trusts nothing
// in it.
//
// Checks, each in a file of its own, in this order, stopping after the first that finds something:
//   types        references, shapes, dtypes and byte ranges fit buffers, arenas and limits
//   matching     every send has its recv, every member of a group issues the same collectives, in
//   the same order deadlock     no program can hang under zero buffering, streams as they are and
//   merged into issue order data_flow    nothing is read before it is written, overwritten while
//   needed, or used by two streams without an event completeness every microbatch goes forward,
//   input-gradient and weight-gradient through every stage exactly once, and
//                every optimizer shard sees every (parameter use, microbatch, replica) exactly once
//   memory       the peak of each position against a limit
// All programs are checked, the step twice in a row. What is proven, no backend checks again.
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
