// The queues of transfers, counted from streams and instructions, and what it costs to stand in
// them, from the predicted run. A transfer is ready when what it sends has been computed and where
// it goes is free, by what instructions read and write; from then until both its ends are at the
// head of their queues it waits for nothing but its queue.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "compiler/plan/effects.h"
#include "compiler/report/explain_counts.h"
#include "compiler/report/instruction_text.h"
#include "compiler/report/linked_run.h"

namespace pprun {
namespace {

const Program& Step(const Position& position) {
  return position.programs[static_cast<size_t>(ProgramKind::kStep)];
}

// One that sends or receives.
struct End {
  enum class Way : uint8_t { kSend, kRecv } way = Way::kSend;
  ChannelId channel;
  MicrobatchId microbatch;
  BufferId buffer;
};

std::optional<End> EndOf(const Instruction& instruction) {
  if (const Send* send = std::get_if<Send>(&instruction.operands)) {
    return End{End::Way::kSend, send->channel, send->microbatch, send->source};
  }
  if (const Recv* recv = std::get_if<Recv>(&instruction.operands)) {
    return End{End::Way::kRecv, recv->channel, recv->microbatch, recv->target};
  }
  return std::nullopt;
}

// What goes through one queue of a position.
struct Queue {
  std::set<std::pair<End::Way, PositionId>> peers;
  std::set<ChannelId> channels;
  std::set<std::pair<ChannelId, MicrobatchId>> messages;
  int64_t count = 0;

  // All of a flow is on one channel, and each of its microbatches once.
  bool HasOneFlow() const {
    return channels.size() == 1 && static_cast<int64_t>(messages.size()) == count;
  }
};

using Queues = std::map<StreamId, Queue>;

Queues QueuesOf(const Plan& plan, const Position& position) {
  Queues queues;
  for (const Instruction& instruction : Step(position).instructions) {
    const std::optional<End> end = EndOf(instruction);
    if (!end) continue;
    Queue& queue = queues[instruction.stream];
    const Channel& channel = plan.channels[end->channel.index()];
    queue.peers.emplace(end->way, end->way == End::Way::kSend ? channel.to : channel.from);
    queue.channels.insert(end->channel);
    queue.messages.emplace(end->channel, end->microbatch);
    ++queue.count;
  }
  return queues;
}

// The choices of `transfers` that give these queues: where no two flows go the same way, for one,
// those of a peer and of a flow are the same.
std::vector<std::string> ChoicesOf(const std::vector<Queues>& positions) {
  bool per_peer = true, per_rank = true, per_flow = true;
  for (const Queues& queues : positions) {
    std::set<std::pair<End::Way, PositionId>> peers;
    size_t ways = 0;
    for (const auto& [stream, queue] : queues) {
      peers.insert(queue.peers.begin(), queue.peers.end());
      ways += queue.peers.size();
      per_peer = per_peer && queue.peers.size() == 1;
      per_flow = per_flow && queue.HasOneFlow();
    }
    per_peer = per_peer && ways == peers.size();
    per_rank = per_rank && queues.size() <= 1;
  }
  std::vector<std::string> choices;
  if (per_peer) choices.emplace_back("queue_per_peer");
  if (per_rank) choices.emplace_back("queue_per_rank");
  if (per_flow) choices.emplace_back("queue_per_flow");
  return choices;
}

// By instruction of the step: when what a transfer's end needs had happened; `ends` of instructions
// as predicted.
std::vector<double> ReadyTimes(const Plan& plan, const Position& position,
                               const std::vector<double>& ends) {
  std::vector<double> written(position.buffers.size(), 0), touched(written);
  std::vector<double> ready(ends.size(), 0);
  std::vector<BufferAccess> accesses;
  for (size_t i = 0; i < ends.size(); ++i) {
    const Instruction& instruction = Step(position).instructions[i];
    if (const std::optional<End> end = EndOf(instruction)) {
      ready[i] = (end->way == End::Way::kSend ? written : touched)[end->buffer.index()];
    }
    accesses.clear();
    AppendAccesses(plan, position, instruction, accesses);
    for (const BufferAccess& access : accesses) {
      double& last = touched[access.buffer.index()];
      last = std::max(last, ends[i]);
      if (access.access == Access::kWrite) written[access.buffer.index()] = ends[i];
    }
  }
  return ready;
}

// One message in the predicted run.
struct Message {
  double ready = 0;
  double met = 0;
  int32_t late = -1;  // the end that was last at the head of its queue: an event of the run
};

class Waits {
 public:
  Waits(const Plan& plan, const LinkedRun& run, TransferExplanation& found)
      : plan_(plan), run_(run), found_(found) {}

  void Count() {
    FindMessages();
    FindHeldUp();
    NameWorst();
  }

 private:
  const LinkedEvent& At(int32_t event) const { return run_.events[static_cast<size_t>(event)]; }
  size_t PositionOf(const LinkedEvent& linked) const {
    return CoordinatesOf(plan_, linked.event.rank).position.index();
  }
  static double LengthOf(double begin, double end, double makespan) {
    // Sums of times end in the digits that rounding left.
    return end - begin > 1e-9 * makespan ? end - begin : 0;
  }

  // When what it waits for, right before it on its stream, had happened. That orders a transfer too
  // where no buffer does.
  double AwaitedBy(const LinkedEvent& linked) const {
    double awaited = 0;
    for (int32_t at = linked.previous;
         at >= 0 && std::holds_alternative<Wait>(At(at).instruction->operands);
         at = At(at).previous) {
      if (At(at).record >= 0) awaited = std::max(awaited, At(At(at).record).event.end);
    }
    return awaited;
  }
  void FindMessages();
  void FindHeldUp();
  void NameWorst();

  const Plan& plan_;
  const LinkedRun& run_;
  TransferExplanation& found_;
  double makespan_ = 0;
  std::map<int32_t, Message> messages_;  // by meeting
  // By position and meeting: how long tasks waited for a message that was ready and had not met.
  std::map<std::pair<size_t, int32_t>, double> held_up_;
};

void Waits::FindMessages() {
  std::vector<std::vector<double>> ends, ready;
  for (const Position& position : plan_.positions) {
    ends.emplace_back(Step(position).instructions.size(), 0);
  }
  for (const LinkedEvent& linked : run_.events) {
    ends[PositionOf(linked)][static_cast<size_t>(linked.event.instruction)] = linked.event.end;
    makespan_ = std::max(makespan_, linked.event.end);
  }
  for (size_t p = 0; p < plan_.positions.size(); ++p) {
    ready.push_back(ReadyTimes(plan_, plan_.positions[p], ends[p]));
  }
  for (size_t i = 0; i < run_.events.size(); ++i) {
    const LinkedEvent& linked = run_.events[i];
    if (!EndOf(*linked.instruction)) continue;
    Message& message = messages_[linked.meeting];
    message.met = run_.meetings[static_cast<size_t>(linked.meeting)].met;
    message.ready = std::max(
        {message.ready, ready[PositionOf(linked)][static_cast<size_t>(linked.event.instruction)],
         AwaitedBy(linked)});
    // Of two that came at once, the send.
    const bool sends = std::holds_alternative<Send>(linked.instruction->operands);
    const double before = message.late < 0 ? -1 : At(message.late).event.begin;
    if (linked.event.begin > before || (sends && linked.event.begin == before)) {
      message.late = static_cast<int32_t>(i);
    }
  }
  for (const auto& [meeting, message] : messages_) {
    found_.positions[PositionOf(At(message.late))].waited +=
        LengthOf(message.ready, message.met, makespan_);
  }
}

// What compute streams wait for is recorded right after it.
void Waits::FindHeldUp() {
  for (const LinkedEvent& linked : run_.events) {
    if (linked.record < 0) continue;
    const Position& position = plan_.positions[PositionOf(linked)];
    const Stream& stream = position.streams[linked.instruction->stream.index()];
    if (stream.kind != StreamKind::kCompute) continue;
    int32_t cause = At(linked.record).previous;
    while (cause >= 0 && std::holds_alternative<Record>(At(cause).instruction->operands)) {
      cause = At(cause).previous;
    }
    if (cause < 0 || !EndOf(*At(cause).instruction)) continue;
    const Message& message = messages_.at(At(cause).meeting);
    const double held_up = LengthOf(std::max(linked.event.begin, message.ready),
                                    std::min(linked.event.end, message.met), makespan_);
    if (held_up <= 0) continue;
    held_up_[{PositionOf(linked), At(cause).meeting}] += held_up;
    found_.positions[PositionOf(linked)].held_up += held_up;
  }
}

// Of the position whose tasks wait most.
void Waits::NameWorst() {
  if (held_up_.empty()) return;
  const size_t most = static_cast<size_t>(
      std::ranges::max_element(found_.positions, {}, &TransferExplanation::At::held_up) -
      found_.positions.begin());
  const auto worst = std::ranges::max_element(held_up_, {}, [&](const auto& entry) {
    return entry.first.first == most ? entry.second : 0;
  });
  const Message& message = messages_.at(worst->first.second);
  const LinkedEvent& late = At(message.late);
  TransferExplanation::Wait& wait = found_.worst.emplace();
  wait.position = PositionId(static_cast<int64_t>(PositionOf(late)));
  const Position& position = plan_.positions[wait.position.index()];
  wait.instruction = InstructionText(plan_, position, *late.instruction);
  wait.source = SourceText(plan_, *late.instruction);
  wait.ready = message.ready;
  wait.begin = message.met;
  wait.held_up = worst->second;
  int32_t before = late.previous;
  while (before >= 0 && At(before).meeting < 0) before = At(before).previous;
  if (before >= 0) wait.behind = InstructionText(plan_, position, *At(before).instruction);
}

}  // namespace

std::optional<TransferExplanation> CountTransfers(const Plan& plan, const LinkedRun& run) {
  TransferExplanation found;
  std::vector<Queues> positions;
  int64_t messages = 0;
  for (const Position& position : plan.positions) {
    positions.push_back(QueuesOf(plan, position));
    TransferExplanation::At& at = found.positions.emplace_back();
    at.queues = static_cast<int64_t>(positions.back().size());
    std::set<ChannelId> channels;
    for (const auto& [stream, queue] : positions.back()) {
      channels.insert(queue.channels.begin(), queue.channels.end());
      messages += queue.count;
    }
    at.channels = static_cast<int64_t>(channels.size());
    for (const Instruction& instruction : Step(position).instructions) {
      const std::optional<End> end = EndOf(instruction);
      if (!end) continue;
      const bool sends = end->way == End::Way::kSend;
      ++(sends ? at.sent : at.received);
      (sends ? at.sent_bytes : at.received_bytes) +=
          static_cast<double>(plan.channels[end->channel.index()].type.Bytes());
    }
  }
  if (messages == 0) return std::nullopt;
  found.choices = ChoicesOf(positions);
  Waits(plan, run, found).Count();
  return found;
}

}  // namespace pprun
