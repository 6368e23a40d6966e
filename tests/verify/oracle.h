// The slow obvious check that the verifier is compared with. It shares nothing with
// compiler/verify.
//
// Order: programs are run by scanning for anything that can run; happens-before is an explicit
// graph of a position's instructions with the set of all predecessors of each, and every pair of
// conflicting accesses is looked up in it. Contents: the plan is executed on numbers, where each
// function returns a hash of what it reads, gradients are sums of hashes and every replica has data
// of its own; two steps and a validation must leave the parameters and losses that one rank without
// a schedule, arenas or transfers computes.
//
// The plan must have references that exist (verify's types); one replica axis at most.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/semantics.h"

namespace pprun {

// Why a plan is not sound; empty if it is.
using Verdict = std::string;

// oracle_order.cc: the order in which a program runs, everything in issue order; not complete if it
// hangs.
struct OracleRun {
  enum class State : uint8_t { kCompleted, kHangs, kMismatch } state = State::kCompleted;
  std::vector<std::vector<Site>> order;  // sites that run together, by position
};
enum class KeepOrder : uint8_t { kNo, kYes };
OracleRun RunSlowly(const Plan& plan, ProgramKind program, StreamView view, int32_t repeats,
                    KeepOrder keep);
Verdict JudgeOrder(const Plan& plan);

// Four bytes of memory.
using Word = uint64_t;
using Words = std::vector<Word>;

// What two steps and a validation should leave.
struct OracleReference {
  std::vector<Words> parameters;  // by parameter, after two steps
  std::map<std::pair<int64_t, int32_t>, Words>
      losses;  // of the second step, by replica, microbatch
  std::map<std::pair<int64_t, int32_t>, Words> validation_losses;
};

// oracle_reference.cc: computes layer by layer. `plan` is a sound one; it says which functions each
// layer has and which parameters it uses.
OracleReference Reference(const Plan& plan);

// oracle_contents.cc: executes the plan, damaged or not.
Verdict JudgeContents(const Plan& plan, const OracleReference& reference);

inline Verdict Judge(const Plan& plan, const OracleReference& reference) {
  const Verdict order = JudgeOrder(plan);
  return order.empty() ? JudgeContents(plan, reference) : order;
}

}  // namespace pprun
