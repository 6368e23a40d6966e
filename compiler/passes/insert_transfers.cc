// Every stage boundary is crossed by a send and a recv, on one stream a peer and direction.
//
// Applies to any placement. All transfers of a program are ordered by the predicted time at which
// their producer ends, ties by stage, direction and microbatch; each position issues its share in
// that one order: a send right after its producer, a recv before the first task that starts at or
// after that time. The order is a linear extension of everything that waits, so no rank can hang
// whatever its queues (and the verifier proves it without knowing). Tests:
// insert_transfers_test.cc.
#include <algorithm>
#include <map>
#include <tuple>

#include "compiler/passes/passes.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

struct Transfer {
  Boundary boundary;
  const PlacedTask* producer = nullptr;
  const PlacedTask* consumer = nullptr;

  auto Key() const {
    return std::make_tuple(producer->end, boundary.from.value, boundary.kind,
                           boundary.microbatch.value);
  }
};

bool Produces(TaskKind task, Boundary::Kind kind) {
  if (kind == Boundary::Kind::kActivation) return task == TaskKind::kForward;
  return task == TaskKind::kBackward || task == TaskKind::kInputGrad;
}

// Tasks by what they hand over or take.
using TaskIndex = std::map<std::tuple<Boundary::Kind, int32_t, int32_t>, const PlacedTask*>;

TaskIndex IndexTasks(const Draft& draft, ProgramKind program) {
  TaskIndex index;
  for (const DraftPosition& place : draft.positions) {
    for (const PlacedTask& placed : place.tasks[static_cast<size_t>(program)]) {
      for (Boundary::Kind kind : {Boundary::Kind::kActivation, Boundary::Kind::kGradient}) {
        if (Produces(placed.task.kind, kind)) {
          index[{kind, placed.task.stage, placed.task.microbatch}] = &placed;
        }
      }
    }
  }
  return index;
}

std::vector<Transfer> OrderTransfers(const Draft& draft, ProgramKind program) {
  const TaskIndex tasks = IndexTasks(draft, program);
  std::vector<Transfer> transfers;
  for (const Boundary& boundary : draft.boundaries[static_cast<size_t>(program)]) {
    const int32_t microbatch = boundary.microbatch.value;
    transfers.push_back({.boundary = boundary,
                         .producer = tasks.at({boundary.kind, boundary.from.value, microbatch}),
                         .consumer = tasks.at({boundary.kind, boundary.to.value, microbatch})});
  }
  std::sort(transfers.begin(), transfers.end(),
            [](const Transfer& a, const Transfer& b) { return a.Key() < b.Key(); });
  return transfers;
}

const char* What(const Boundary& boundary) {
  return boundary.kind == Boundary::Kind::kActivation ? "activation" : "gradient";
}

// Messages of one type and kind between two positions share a channel. Where stages hand over
// several types, the further ones are numbered.
ChannelId ChannelOf(Draft& draft, const Boundary& boundary) {
  const PositionId from = draft.PositionOf(boundary.from, boundary.pipe);
  const PositionId to = draft.PositionOf(boundary.to, boundary.pipe);
  const TensorType type = draft.plan.positions[from.index()].buffers[boundary.source.index()].type;
  const std::string name = std::string(What(boundary)) + " " + std::to_string(from.value) + " to " +
                           std::to_string(to.value);
  std::vector<Channel>& channels = draft.plan.channels;
  int alike = 0;
  for (size_t i = 0; i < channels.size(); ++i) {
    if (!channels[i].name.starts_with(name) || channels[i].from != from || channels[i].to != to)
      continue;
    if (channels[i].type == type) return ChannelId(static_cast<int64_t>(i));
    ++alike;
  }
  const std::string number = alike > 0 ? ", " + std::to_string(alike + 1) : "";
  channels.push_back({.name = name + number, .from = from, .to = to, .type = type});
  return ChannelId(static_cast<int64_t>(channels.size()) - 1);
}

// What one position issues between its tasks: before task `slot` (the number of tasks: at the end).
struct Placed {
  size_t slot = 0;
  Instruction instruction;
};

// "send.activation.1": what goes to position 1, with the number of its channel if it has one.
StreamId TransferStream(Draft& draft, StreamKind kind, const Boundary& boundary, ChannelId id) {
  const Channel& channel = draft.plan.channels[id.index()];
  const bool sends = kind == StreamKind::kSend;
  const PositionId peer = sends ? channel.to : channel.from;
  std::string name =
      std::string(sends ? "send." : "recv.") + What(boundary) + "." + std::to_string(peer.value);
  if (const size_t comma = channel.name.find(", "); comma != channel.name.npos) {
    name += "." + channel.name.substr(comma + 2);
  }
  return StreamNamed(draft, sends ? channel.from : channel.to,
                     {.name = name, .kind = kind, .channel = id});
}

Instruction MakeSend(Draft& draft, const Transfer& transfer, ChannelId channel) {
  const StreamId stream = TransferStream(draft, StreamKind::kSend, transfer.boundary, channel);
  const Send send{.source = transfer.boundary.source,
                  .channel = channel,
                  .microbatch = transfer.boundary.microbatch};
  return {stream, SourceAt(draft, transfer.producer->task.location, "insert_transfers"), send};
}

Instruction MakeRecv(Draft& draft, const Transfer& transfer, ChannelId channel) {
  const StreamId stream = TransferStream(draft, StreamKind::kRecv, transfer.boundary, channel);
  const Recv recv{.target = transfer.boundary.target,
                  .channel = channel,
                  .microbatch = transfer.boundary.microbatch};
  return {stream, SourceAt(draft, transfer.consumer->task.location, "insert_transfers"), recv};
}

// Puts each instruction before the runs of the task at its slot.
void Merge(const std::vector<PlacedTask>& tasks, const std::vector<Placed>& placed,
           std::vector<Instruction>& instructions) {
  std::vector<Instruction> merged;
  merged.reserve(instructions.size() + placed.size());
  // Loads come before the first task.
  const size_t loads =
      instructions.size() - static_cast<size_t>(tasks.back().first + tasks.back().count);
  merged.insert(merged.end(), instructions.begin(),
                instructions.begin() + static_cast<std::ptrdiff_t>(loads));
  size_t next = 0;
  for (size_t slot = 0; slot <= tasks.size(); ++slot) {
    for (; next < placed.size() && placed[next].slot == slot; ++next)
      merged.push_back(placed[next].instruction);
    if (slot == tasks.size()) break;
    const auto first =
        instructions.begin() + static_cast<std::ptrdiff_t>(loads) + tasks[slot].first;
    merged.insert(merged.end(), first, first + tasks[slot].count);
  }
  CHECK(next == placed.size());
  instructions = std::move(merged);
}

void InsertInto(Draft& draft, ProgramKind program) {
  std::vector<std::vector<Placed>> placed(draft.positions.size());
  // Before the first task that starts at or after the time; transfers of later times come later, so
  // slots ascend.
  const auto slot_at = [&](PositionId position, int64_t time) {
    const std::vector<PlacedTask>& tasks =
        draft.positions[position.index()].tasks[static_cast<size_t>(program)];
    const auto found = std::partition_point(
        tasks.begin(), tasks.end(), [&](const PlacedTask& task) { return task.start < time; });
    return static_cast<size_t>(found - tasks.begin());
  };
  for (const Transfer& transfer : OrderTransfers(draft, program)) {
    const ChannelId channel = ChannelOf(draft, transfer.boundary);
    const Boundary& boundary = transfer.boundary;
    const PositionId from = draft.PositionOf(boundary.from, boundary.pipe);
    const PositionId to = draft.PositionOf(boundary.to, boundary.pipe);
    const int64_t time = transfer.producer->end;
    CHECK(transfer.consumer->start >= time);
    placed[from.index()].push_back({slot_at(from, time), MakeSend(draft, transfer, channel)});
    placed[to.index()].push_back({slot_at(to, time), MakeRecv(draft, transfer, channel)});
  }
  draft.boundaries[static_cast<size_t>(program)].clear();
  for (size_t p = 0; p < draft.positions.size(); ++p) {
    if (placed[p].empty()) continue;
    Merge(draft.positions[p].tasks[static_cast<size_t>(program)], placed[p],
          draft.Instructions(PositionId(static_cast<int64_t>(p)), program));
  }
}

}  // namespace

void InsertTransfers(Draft& draft) {
  for (ProgramKind program : {ProgramKind::kStep, ProgramKind::kValidate})
    InsertInto(draft, program);
}

}  // namespace pprun
