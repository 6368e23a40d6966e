#include "compiler/simulate/arranged_program.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace pprun {
namespace {

const Program& ProgramOf(const Position& position, ProgramKind program) {
  return position.programs[static_cast<size_t>(program)];
}

// What a ClipFactor reads, gathered from several positions.
std::vector<BufferId> GatheredPartials(const Program& program) {
  std::vector<BufferId> buffers;
  for (const Instruction& instruction : program.instructions) {
    const ClipFactor* clip = std::get_if<ClipFactor>(&instruction.operands);
    if (clip != nullptr) buffers.push_back(clip->partials);
  }
  return buffers;
}

bool GathersNorm(const Instruction& instruction, const std::vector<BufferId>& partials) {
  const Collective* collective = std::get_if<Collective>(&instruction.operands);
  return collective != nullptr && collective->kind == CollectiveKind::kAllGather &&
         std::ranges::find(partials, collective->target) != partials.end();
}

// Copies a program instruction by instruction.
class Copy {
 public:
  Copy(const Program& from, Program& to, std::vector<int32_t>& original)
      : from_(from), to_(to), original_(original) {
    to_.events = from.events;
  }

  void Kept(size_t index) {
    to_.instructions.push_back(from_.instructions[index]);
    original_.push_back(static_cast<int32_t>(index));
  }
  void Replaced(size_t index, Operands operands) {
    const Instruction& replaced = from_.instructions[index];
    to_.instructions.push_back({replaced.stream, replaced.source, std::move(operands)});
    original_.push_back(static_cast<int32_t>(index));
  }
  void Added(StreamId stream, Operands operands) {
    to_.instructions.push_back({stream, {}, std::move(operands)});
    original_.push_back(-1);
  }
  EventId NewEvent() { return EventId(to_.events++); }

 private:
  const Program& from_;
  Program& to_;
  std::vector<int32_t>& original_;
};

// The events with which the streams of a pair meet.
struct PairEvents {
  EventId first;
  EventId second;
};

// Puts the meetings of a position's pairs around their tasks.
class PairKeeper {
 public:
  PairKeeper(const PlannedTasks& tasks, Copy& copy)
      : tasks_(tasks), copy_(copy), before_(tasks.tasks.size()), after_(tasks.tasks.size()) {}

  void Before(size_t instruction) {
    const int32_t task = tasks_.task_of[instruction];
    if (task < 0) return;
    const PlannedTask& planned = tasks_.tasks[static_cast<size_t>(task)];
    if (planned.first == static_cast<int32_t>(instruction)) Meet(before_, task, planned);
  }
  void After(size_t instruction) {
    const int32_t task = tasks_.task_of[instruction];
    if (task < 0) return;
    const PlannedTask& planned = tasks_.tasks[static_cast<size_t>(task)];
    if (planned.last == static_cast<int32_t>(instruction)) Meet(after_, task, planned);
  }

 private:
  void Meet(std::vector<PairEvents>& meetings, int32_t task, const PlannedTask& planned) {
    if (planned.partner < 0) return;
    const bool first = task < planned.partner;
    PairEvents& meeting = meetings[static_cast<size_t>(std::min(task, planned.partner))];
    if (!meeting.first.valid()) meeting = {copy_.NewEvent(), copy_.NewEvent()};
    copy_.Added(planned.stream, Record{first ? meeting.first : meeting.second});
    copy_.Added(planned.stream, Wait{first ? meeting.second : meeting.first});
  }

  const PlannedTasks& tasks_;
  Copy& copy_;
  std::vector<PairEvents> before_, after_;  // by the first task
};

}  // namespace

bool NeedsArranging(const Plan& plan, ProgramKind program, const std::vector<PlannedTasks>& tasks,
                    GlobalNorm norm) {
  for (const PlannedTasks& at : tasks) {
    if (std::ranges::any_of(at.tasks, [](const PlannedTask& t) { return t.partner >= 0; })) {
      return true;
    }
  }
  if (norm == GlobalNorm::kKept) return false;
  return std::ranges::any_of(plan.positions, [program](const Position& position) {
    return !GatheredPartials(ProgramOf(position, program)).empty();
  });
}

ArrangedProgram Arrange(const Plan& plan, ProgramKind program,
                        const std::vector<PlannedTasks>& tasks, Pairs pairs, GlobalNorm norm) {
  ArrangedProgram arranged;
  arranged.plan.groups = plan.groups;
  arranged.plan.channels = plan.channels;
  arranged.plan.positions.resize(plan.positions.size());
  arranged.original.resize(plan.positions.size());
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const Program& from = ProgramOf(plan.positions[p], program);
    Position& position = arranged.plan.positions[p];
    position.streams = plan.positions[p].streams;
    Copy copy(from, position.programs[static_cast<size_t>(program)], arranged.original[p]);
    PairKeeper keeper(tasks[p], copy);
    const std::vector<BufferId> partials =
        norm == GlobalNorm::kLeftOut ? GatheredPartials(from) : std::vector<BufferId>();
    for (size_t i = 0; i < from.instructions.size(); ++i) {
      if (pairs == Pairs::kTogether) keeper.Before(i);
      if (GathersNorm(from.instructions[i], partials)) {
        copy.Replaced(i, Zero{});
      } else {
        copy.Kept(i);
      }
      if (pairs == Pairs::kTogether) keeper.After(i);
    }
  }
  return arranged;
}

}  // namespace pprun
