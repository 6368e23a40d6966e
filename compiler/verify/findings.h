// What the checks have in common: a bounded list of findings, and how a finding names an
// instruction. Tests: verify_test.cc.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/semantics.h"
#include "compiler/verify/verify.h"

namespace pprun {

// More than these tell nobody anything.
inline constexpr size_t kMaxFindings = 20;

class Findings {
 public:
  void Add(FindingKind kind, std::string message, SourceId source = {},
           std::vector<FindingNote> notes = {}) {
    if (findings_.size() < kMaxFindings) {
      findings_.push_back({kind, std::move(message), source, std::move(notes)});
    }
  }
  bool empty() const { return findings_.empty(); }
  bool full() const { return findings_.size() >= kMaxFindings; }
  std::vector<Finding> Take() { return std::move(findings_); }

 private:
  std::vector<Finding> findings_;
};

inline const Program& ProgramOf(const Plan& plan, PositionId position, ProgramKind program) {
  return plan.positions[position.index()].programs[static_cast<size_t>(program)];
}
inline const Instruction& InstructionAt(const Plan& plan, ProgramKind program, const Site& site) {
  return ProgramOf(plan, site.position, program)
      .instructions[static_cast<size_t>(site.instruction)];
}

// "position 1, step: `send frame[0].out to position 2, ...`".
std::string NameOf(const Plan& plan, ProgramKind program, const Site& site);

// The instruction's text without the padding of columns.
std::string Squeezed(const Plan& plan, PositionId position, const Instruction& instruction);

}  // namespace pprun
