// deadlock: no program hangs under zero buffering, for any timing and any buffer size.
//
// The machine of plan/semantics.h runs every program with its streams merged into issue order. It
// is confluent, so one run decides, and for the streams as they are and for repeated steps too: see
// CheckDeadlock. Where it stops, every
// blocked head waits for something that a later instruction of another blocked queue would do:
// following that ends in a cycle, which is printed one line a member. Linear. Tests:
// deadlock_test.cc.
#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

#include "compiler/plan/text.h"
#include "compiler/verify/checks.h"

namespace pprun {
namespace {

std::string_view TaskName(TaskKind kind) {
  switch (kind) {
    case TaskKind::kForward:
      return "forward";
    case TaskKind::kBackward:
      return "backward";
    case TaskKind::kInputGrad:
      return "input_grad";
    case TaskKind::kWeightGrad:
      return "weight_grad";
    case TaskKind::kRecompute:
      return "recompute";
  }
  return "?";
}

class CycleOf {
 public:
  CycleOf(const Plan& plan, ProgramKind program, StreamView view, const std::vector<Site>& blocked)
      : plan_(plan), program_(program), view_(view), blocked_(blocked) {
    for (size_t i = 0; i < blocked.size(); ++i)
      by_queue_[{blocked[i].position, QueueOf(blocked[i])}] = i;
    for (size_t i = 0; i < plan.positions.size(); ++i) {
      const PositionId position(static_cast<int64_t>(i));
      for (const Instruction& instruction : ProgramOf(plan, position, program).instructions) {
        const Encounter encounter = EncounterOf(instruction);
        if (encounter.meeting == Meeting::kAlone || encounter.meeting == Meeting::kWait) continue;
        const int32_t queue = view == StreamView::kMerged ? 0 : instruction.stream.value;
        queue_of_.try_emplace({position, encounter.meeting, encounter.id}, queue);
      }
    }
  }

  Finding Explain() const {
    const std::vector<size_t> cycle = Find();
    Finding finding{FindingKind::kDeadlock, "this schedule deadlocks", {}, {}};
    if (program_ != ProgramKind::kStep) {
      finding.message += " in program " + std::string(Name(program_));
    }
    if (view_ == StreamView::kMerged) {
      finding.message += " where a rank's streams run in one order";
    }
    // One line for all members that follow each other at one position: the task that cannot start,
    // and what the position waits for from another one.
    for (size_t i = 0; i < cycle.size();) {
      size_t last = i;
      while (last + 1 < cycle.size() &&
             blocked_[cycle[last + 1]].position == blocked_[cycle[i]].position) {
        ++last;
      }
      // A stream of messages waits for a compute stream: the task is what the latter would run.
      size_t task = i;
      while (task < last && TaskAfter(blocked_[cycle[task]]) == nullptr) ++task;
      finding.notes.push_back(NoteOf(blocked_[cycle[task]], blocked_[cycle[last]]));
      i = last + 1;
    }
    if (!finding.notes.empty()) finding.source = finding.notes.front().source;
    return finding;
  }

 private:
  int32_t QueueOf(const Site& site) const {
    return view_ == StreamView::kMerged ? 0 : InstructionAt(plan_, program_, site).stream.value;
  }

  // The blocked head of the position's queue that holds such meetings; if that queue is empty, any
  // of the position's.
  std::optional<size_t> HeadOf(PositionId position, Meeting meeting, int32_t id) const {
    if (const auto head = HeadWith(position, meeting, id)) return head;
    const auto any = by_queue_.lower_bound({position, 0});
    if (any == by_queue_.end() || any->first.first != position) return std::nullopt;
    return any->second;
  }

  // What a blocked head waits for: another one.
  std::optional<size_t> Next(size_t head) const {
    const Site& site = blocked_[head];
    const Instruction& instruction = InstructionAt(plan_, program_, site);
    const Encounter encounter = EncounterOf(instruction);
    switch (encounter.meeting) {
      case Meeting::kSend:
        return HeadOf(plan_.channels[static_cast<size_t>(encounter.id)].to, Meeting::kRecv,
                      encounter.id);
      case Meeting::kRecv:
        return HeadOf(plan_.channels[static_cast<size_t>(encounter.id)].from, Meeting::kSend,
                      encounter.id);
      case Meeting::kCollective:
        if (const auto absent = AbsentMember(site, encounter.id)) {
          return HeadOf(*absent, Meeting::kCollective, encounter.id);
        }
        return std::nullopt;
      case Meeting::kWait:
        return HeadWith(site.position, Meeting::kRecord, encounter.id);
      case Meeting::kAlone:
      case Meeting::kRecord:
        return std::nullopt;
    }
    return std::nullopt;
  }

  // A member of the group whose blocked heads are none of this group.
  std::optional<PositionId> AbsentMember(const Site& site, int32_t group) const {
    for (const PositionId member : plan_.groups[static_cast<size_t>(group)].positions) {
      if (member == site.position) continue;
      const auto head = HeadOf(member, Meeting::kCollective, group);
      if (!head) continue;
      const Encounter other = EncounterOf(InstructionAt(plan_, program_, blocked_[*head]));
      if (other.meeting != Meeting::kCollective || other.id != group) return member;
    }
    return std::nullopt;
  }

  // The blocked head of the queue that holds such meetings.
  std::optional<size_t> HeadWith(PositionId position, Meeting meeting, int32_t id) const {
    const auto queue = queue_of_.find({position, meeting, id});
    if (queue == queue_of_.end()) return std::nullopt;
    const auto found = by_queue_.find({position, queue->second});
    return found == by_queue_.end() ? std::nullopt : std::optional(found->second);
  }

  // Rotated so that it begins where it enters a position.
  std::vector<size_t> Find() const {
    std::vector<int32_t> seen(blocked_.size(), -1);
    std::vector<size_t> path;
    std::optional<size_t> at = 0;
    while (at && seen[*at] < 0) {
      seen[*at] = static_cast<int32_t>(path.size());
      path.push_back(*at);
      at = Next(*at);
    }
    // A head whose partner cannot be found ends the path: what led there is still the reason.
    if (!at) return path;
    path.erase(path.begin(), path.begin() + seen[*at]);
    for (size_t i = 1; i < path.size(); ++i) {
      if (blocked_[path[i - 1]].position == blocked_[path[i]].position) continue;
      std::ranges::rotate(path, path.begin() + static_cast<ptrdiff_t>(i));
      break;
    }
    return path;
  }

  // The task that the head keeps from starting: the next run of its queue.
  const Instruction* TaskAfter(const Site& site) const {
    const auto& instructions = ProgramOf(plan_, site.position, program_).instructions;
    for (size_t i = static_cast<size_t>(site.instruction); i < instructions.size(); ++i) {
      const Instruction& instruction = instructions[i];
      const bool same = view_ == StreamView::kMerged ||
                        instruction.stream == InstructionAt(plan_, program_, site).stream;
      if (same && std::holds_alternative<Run>(instruction.operands)) return &instruction;
    }
    return nullptr;
  }

  FindingNote NoteOf(const Site& first, const Site& last) const {
    const Instruction* task = TaskAfter(first);
    std::string text = "position " + std::to_string(first.position.value) + " at `";
    SourceId source = InstructionAt(plan_, program_, first).source;
    if (task != nullptr) {
      const Run& run = std::get<Run>(task->operands);
      text += std::string(TaskName(run.kind)) + " microbatch " +
              std::to_string(run.microbatch.value) + "` of " + plan_.layers[run.layer.index()].name;
      source = task->source;
    } else {
      text += Squeezed(plan_, first.position, InstructionAt(plan_, program_, first)) + "`";
    }
    return {text + " " + WaitOf(last), source};
  }

  std::string WaitOf(const Site& site) const {
    const Instruction& instruction = InstructionAt(plan_, program_, site);
    if (const Send* send = std::get_if<Send>(&instruction.operands)) {
      const Channel& channel = plan_.channels[send->channel.index()];
      return "waits to send microbatch " + std::to_string(send->microbatch.value) +
             " to position " + std::to_string(channel.to.value) + " (channel `" + channel.name +
             "`)";
    }
    if (const Recv* recv = std::get_if<Recv>(&instruction.operands)) {
      const Channel& channel = plan_.channels[recv->channel.index()];
      return "waits for microbatch " + std::to_string(recv->microbatch.value) + " from position " +
             std::to_string(channel.from.value) + " (channel `" + channel.name + "`)";
    }
    const Encounter encounter = EncounterOf(instruction);
    std::string text = "waits at `" + Squeezed(plan_, site.position, instruction) + "`";
    if (encounter.meeting == Meeting::kCollective) {
      if (const auto absent = AbsentMember(site, encounter.id)) {
        text += " for position " + std::to_string(absent->value);
      }
    }
    return text;
  }

  const Plan& plan_;
  ProgramKind program_;
  StreamView view_;
  const std::vector<Site>& blocked_;
  std::map<std::pair<PositionId, int32_t>, size_t> by_queue_;
  std::map<std::tuple<PositionId, Meeting, int32_t>, int32_t> queue_of_;
};

}  // namespace

// One run decides for all: what completes with a rank's streams merged into issue order completes
// with the streams as they are, since the order in which it ran is one that they allow, and every
// other ends the same way. And a step that has completed leaves nothing that a second one could
// meet, so that two in a row complete as well.
void CheckDeadlock(const Plan& plan, Findings& findings) {
  for (int kind = 0; kind < kProgramCount; ++kind) {
    const ProgramKind program = static_cast<ProgramKind>(kind);
    if (RunMachine(plan, program, StreamView::kMerged, 1, nullptr).completed) continue;
    for (const StreamView view : {StreamView::kSeparate, StreamView::kMerged}) {
      const Outcome outcome = RunMachine(plan, program, view, 1, nullptr);
      if (outcome.completed) continue;
      Finding finding = CycleOf(plan, program, view, outcome.blocked).Explain();
      findings.Add(finding.kind, std::move(finding.message), finding.source,
                   std::move(finding.notes));
      break;
    }
  }
}

}  // namespace pprun
