// When an instruction can run and what it completes: the one definition that the verifier, the
// simulator and the executor share.
//
// Streams are FIFO. An instruction is *issued* in program order, and *runs* when it is the head of
// its stream and its partners are: a send together with its recv on the same channel, a collective
// together with that of every member of its group, a wait after its record. Everything else runs
// alone. Nothing is buffered.
//
// Replicas of a position run the same program, so one replica stands for all: a collective over
// axes alone meets only itself, a collective across positions meets those positions.
//
// Machine drives any number of these at once in linear time: whoever can run, runs; the order does
// not matter, since the machine is confluent (no branches, no wildcard receives; Siegel and Avrunin
// 2005). Tests: semantics_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

enum class Meeting : uint8_t { kAlone, kSend, kRecv, kCollective, kRecord, kWait };

// How an instruction meets others; `id` is its channel, group or event.
struct Encounter {
  Meeting meeting = Meeting::kAlone;
  int32_t id = -1;
};
Encounter EncounterOf(const Instruction& instruction);

// As they are, or every stream of a rank merged into one in issue order (plan.h requires proofs of
// both).
enum class StreamView : uint8_t { kSeparate, kMerged };

// Where an instruction is: programs run `repeats` times one after the other, each joined before the
// next.
struct Site {
  PositionId position;
  int32_t repeat = 0;
  int32_t instruction = 0;  // in its program

  auto operator<=>(const Site&) const = default;
};

struct Outcome {
  bool completed = false;
  // If not completed: for each position, the instructions at the heads of its streams.
  std::vector<Site> blocked;
};

// Runs one program on all positions. `on_run` is called with the sites that run together (one; two
// for a transfer, the send first; all members of a collective, by position), each after everything
// that it waits for.
Outcome RunMachine(const Plan& plan, ProgramKind program, StreamView view, int32_t repeats,
                   const std::function<void(std::span<const Site>)>& on_run);

}  // namespace pprun
