// From a program of the plan to what its execution issues: one step an instruction, with its
// tensors resolved, its meeting prepared and its event created. After it, issuing decides and
// allocates nothing. Tests: executor_test.cc.
#pragma once

#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "compiler/plan/plan.h"
#include "runtime/batch_staging.h"
#include "runtime/communicator.h"
#include "runtime/device.h"
#include "runtime/rank_memory.h"

namespace pprun {

struct IssueCalls {
  std::span<const DeviceCall> calls;
};
struct IssueMeeting {
  PreparedMeeting* meeting = nullptr;
};
struct IssueRecord {
  DeviceEvent* event = nullptr;
};
struct IssueWait {
  DeviceEvent* event = nullptr;
};

struct PreparedStep {
  DeviceStream* stream = nullptr;
  WorkTag tag = kNoWork;
  std::variant<IssueCalls, IssueMeeting, IssueRecord, IssueWait> action;
};

struct PreparedProgram {
  std::vector<PreparedStep> steps;
  // What the steps point to.
  std::vector<std::vector<DeviceCall>> calls;
  std::vector<std::unique_ptr<PreparedMeeting>> meetings;
  std::vector<std::unique_ptr<DeviceEvent>> events;
};

// What preparation needs; all of it outlives the prepared program.
struct PrepareContext {
  const Plan& plan;
  int64_t rank;
  const Position& position;
  const RankMemory& memory;
  std::span<const std::unique_ptr<DeviceStream>> streams;
  Device& device;
  Communicator& communicator;
  BatchStaging& staging;
};

// Throws std::runtime_error if the plan asks for what this runtime cannot do.
PreparedProgram Prepare(const PrepareContext& context, ProgramKind program);

// The tag of an instruction's work, and back.
WorkTag TagOf(ProgramKind program, size_t instruction);
ProgramKind ProgramOf(WorkTag tag);
int32_t InstructionOf(WorkTag tag);

}  // namespace pprun
