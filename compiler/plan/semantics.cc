#include "compiler/plan/semantics.h"

#include <algorithm>
#include <array>
#include <utility>
#include <variant>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

struct EncounterOfOperands {
  Encounter operator()(const Send& send) const { return {Meeting::kSend, send.channel.value}; }
  Encounter operator()(const Recv& recv) const { return {Meeting::kRecv, recv.channel.value}; }
  Encounter operator()(const Collective& collective) const {
    return {Meeting::kCollective, collective.group.value};
  }
  Encounter operator()(const Permute& permute) const {
    return {Meeting::kCollective, permute.group.value};
  }
  Encounter operator()(const Record& record) const {
    return {Meeting::kRecord, record.event.value};
  }
  Encounter operator()(const Wait& wait) const { return {Meeting::kWait, wait.event.value}; }
  Encounter operator()(const Run&) const { return {}; }
  Encounter operator()(const Load&) const { return {}; }
  Encounter operator()(const Initialise&) const { return {}; }
  Encounter operator()(const Zero&) const { return {}; }
  Encounter operator()(const Cast&) const { return {}; }
  Encounter operator()(const Add&) const { return {}; }
  Encounter operator()(const SquareSum&) const { return {}; }
  Encounter operator()(const ClipFactor&) const { return {}; }
  Encounter operator()(const Update&) const { return {}; }
};

constexpr int32_t kNone = -1;

}  // namespace

Encounter EncounterOf(const Instruction& instruction) {
  return Visit(EncounterOfOperands{}, instruction.operands);
}

namespace {

// A FIFO of one position.
struct Queue {
  PositionId position;
  int32_t first = kNone;        // instruction; kNone: there are none
  int32_t head = kNone;         // instruction; kNone: all have run
  int32_t next_waiter = kNone;  // of the event that the head waits for
  // Waiting: the head has said to an event, channel or group that it is there, once.
  enum class State : uint8_t { kRunnable, kWaiting } state = State::kRunnable;
};

struct PositionState {
  std::span<const Instruction> instructions;
  size_t first_link = 0;  // of its instructions, in Machine::next
  int32_t first_queue = 0;
  int32_t queues = 0;
  int32_t unfinished = 0;   // queues of the current repeat that are not empty
  int32_t first_event = 0;  // in Machine::recorded and first_waiter
  int32_t repeat = 0;
};

// The queues (indices) whose heads are ready to meet on a channel.
struct ChannelState {
  int32_t send = kNone;
  int32_t recv = kNone;
};

struct GroupState {
  std::vector<int32_t> arrived;  // queue of each position of the group that has arrived
  size_t members = 0;            // positions that meet; at most one: each runs alone
};

class Machine {
 public:
  Machine(const Plan& plan, ProgramKind program, StreamView view, int32_t repeats,
          const std::function<void(std::span<const Site>)>& on_run)
      : view_(view), repeats_(repeats), on_run_(on_run), channels_(plan.channels.size()) {
    for (const Group& group : plan.groups) groups_.push_back({{}, group.positions.size()});
    PositionState state;
    for (size_t i = 0; i < plan.positions.size(); ++i) {
      const Program& body = plan.positions[i].programs[static_cast<size_t>(program)];
      state.instructions = body.instructions;
      AddQueues(PositionId(static_cast<int64_t>(i)), plan.positions[i], state);
      positions_.push_back(state);
      state.first_link += body.instructions.size();
      state.first_event += body.events;
    }
    recorded_.resize(static_cast<size_t>(state.first_event), kNone);
    first_waiter_.resize(recorded_.size(), kNone);
    if (view == StreamView::kSeparate) LinkStreams(state.first_link);
  }

  Outcome Run() {
    for (size_t i = 0; i < positions_.size(); ++i) StartRepeat(positions_[i]);
    while (!ready_.empty()) {
      const int32_t queue = ready_.back();
      ready_.pop_back();
      Drain(queue);
    }
    Outcome outcome;
    for (const Queue& queue : queues_) {
      const PositionState& position = positions_[queue.position.index()];
      if (queue.head != kNone) outcome.blocked.push_back(SiteAt(queue, position));
    }
    outcome.completed = outcome.blocked.empty();
    return outcome;
  }

 private:
  void AddQueues(PositionId id, const Position& position, PositionState& state) {
    const size_t streams = view_ == StreamView::kMerged ? 1 : position.streams.size();
    state.first_queue = static_cast<int32_t>(queues_.size());
    state.queues = static_cast<int32_t>(streams);
    queues_.resize(queues_.size() + streams, {.position = id});
    if (view_ == StreamView::kMerged && !state.instructions.empty()) queues_.back().first = 0;
  }

  // A queue is the instructions of its stream, in program order.
  void LinkStreams(size_t instructions) {
    next_.assign(instructions, kNone);
    std::vector<int32_t> last;
    for (const PositionState& position : positions_) {
      last.assign(static_cast<size_t>(position.queues), kNone);
      for (size_t i = 0; i < position.instructions.size(); ++i) {
        const size_t stream = position.instructions[i].stream.index();
        int32_t& link = last[stream] == kNone
                            ? queues_[static_cast<size_t>(position.first_queue) + stream].first
                            : next_[position.first_link + static_cast<size_t>(last[stream])];
        link = last[stream] = static_cast<int32_t>(i);
      }
    }
  }

  int32_t Next(const PositionState& position, int32_t instruction) const {
    const size_t index = static_cast<size_t>(instruction);
    if (view_ == StreamView::kSeparate) return next_[position.first_link + index];
    return index + 1 < position.instructions.size() ? instruction + 1 : kNone;
  }

  void StartRepeat(PositionState& position) {
    for (int32_t i = 0; i < position.queues; ++i) {
      Queue& queue = queues_[static_cast<size_t>(position.first_queue + i)];
      queue.head = queue.first;
      if (queue.head == kNone) continue;
      ++position.unfinished;
      ready_.push_back(position.first_queue + i);
    }
  }

  Site SiteAt(const Queue& queue, const PositionState& position) const {
    return {queue.position, position.repeat, queue.head};
  }
  Site SiteAt(int32_t queue) const {
    const Queue& at = queues_[static_cast<size_t>(queue)];
    return SiteAt(at, positions_[at.position.index()]);
  }

  void Announce(std::span<const Site> sites) const {
    if (on_run_) on_run_(sites);
  }
  void Announce(const Queue& queue, const PositionState& position) const {
    if (!on_run_) return;
    const Site site = SiteAt(queue, position);
    on_run_({&site, 1});
  }

  // Takes the head off a queue; the last queue to become empty ends the position's run.
  void Advance(int32_t id) {
    Queue& queue = queues_[static_cast<size_t>(id)];
    Advance(queue, positions_[queue.position.index()]);
  }
  void Advance(Queue& queue, PositionState& position) {
    queue.head = Next(position, queue.head);
    if (queue.head != kNone) return;
    if (--position.unfinished > 0 || position.repeat + 1 >= repeats_) return;
    ++position.repeat;
    StartRepeat(position);
  }

  // Runs heads of the queue until it is empty or its head has to wait for another queue. A queue
  // that ends its position's run is started again through `ready_`.
  void Drain(int32_t id) {
    Queue& queue = queues_[static_cast<size_t>(id)];
    if (queue.state == Queue::State::kWaiting) return;
    PositionState& position = positions_[queue.position.index()];
    const int32_t repeat = position.repeat;
    while (queue.head != kNone && position.repeat == repeat) {
      const Instruction& head = position.instructions[static_cast<size_t>(queue.head)];
      const Encounter encounter = Visit(EncounterOfOperands{}, head.operands);
      switch (encounter.meeting) {
        case Meeting::kAlone:
          RunAlone(queue, position);
          break;
        case Meeting::kRecord:
          Announce(queue, position);
          Recorded(position.first_event + encounter.id, repeat);
          Advance(queue, position);
          break;
        case Meeting::kWait: {
          const size_t event = static_cast<size_t>(position.first_event + encounter.id);
          if (recorded_[event] != repeat) {
            queue.next_waiter = first_waiter_[event];
            first_waiter_[event] = id;
            queue.state = Queue::State::kWaiting;
            return;
          }
          RunAlone(queue, position);
          break;
        }
        case Meeting::kSend:
        case Meeting::kRecv:
          if (!Transfer(id, encounter)) return;
          break;
        case Meeting::kCollective:
          if (!Gather(id, encounter.id)) return;
          break;
      }
    }
  }

  void RunAlone(Queue& queue, PositionState& position) {
    Announce(queue, position);
    Advance(queue, position);
  }

  void Recorded(int32_t event, int32_t repeat) {
    recorded_[static_cast<size_t>(event)] = repeat;
    int32_t waiter = std::exchange(first_waiter_[static_cast<size_t>(event)], kNone);
    while (waiter != kNone) {
      Wake(waiter);
      waiter = std::exchange(queues_[static_cast<size_t>(waiter)].next_waiter, kNone);
    }
  }

  void Wake(int32_t id) {
    queues_[static_cast<size_t>(id)].state = Queue::State::kRunnable;
    ready_.push_back(id);
  }

  // Runs the transfer if both ends are there; otherwise the queue waits.
  bool Transfer(int32_t id, Encounter encounter) {
    ChannelState& channel = channels_[static_cast<size_t>(encounter.id)];
    int32_t& own = encounter.meeting == Meeting::kSend ? channel.send : channel.recv;
    CHECK(own == kNone);
    own = id;
    if (channel.send == kNone || channel.recv == kNone) {
      queues_[static_cast<size_t>(id)].state = Queue::State::kWaiting;
      return false;
    }
    const std::array<Site, 2> sites = {SiteAt(channel.send), SiteAt(channel.recv)};
    const int32_t other = encounter.meeting == Meeting::kSend ? channel.recv : channel.send;
    channel = {};
    Announce(sites);
    Wake(other);
    Advance(other);
    Advance(id);
    return true;
  }

  // Runs the collective if all members are there; otherwise the queue waits.
  bool Gather(int32_t id, int32_t group_id) {
    GroupState& group = groups_[static_cast<size_t>(group_id)];
    if (group.members <= 1) {
      Queue& queue = queues_[static_cast<size_t>(id)];
      RunAlone(queue, positions_[queue.position.index()]);
      return true;
    }
    group.arrived.push_back(id);
    if (group.arrived.size() < group.members) {
      queues_[static_cast<size_t>(id)].state = Queue::State::kWaiting;
      return false;
    }
    // Queues are numbered by position.
    std::ranges::sort(group.arrived);
    const std::vector<int32_t> members = std::exchange(group.arrived, {});
    sites_.clear();
    for (const int32_t member : members) sites_.push_back(SiteAt(member));
    Announce(sites_);
    for (const int32_t member : members) {
      if (member != id) Wake(member);
      Advance(member);
    }
    return true;
  }

  const StreamView view_;
  const int32_t repeats_;
  const std::function<void(std::span<const Site>)>& on_run_;
  std::vector<Queue> queues_;
  std::vector<PositionState> positions_;
  std::vector<ChannelState> channels_;
  std::vector<GroupState> groups_;
  std::vector<int32_t> next_;          // instruction of its stream after each, of separate streams
  std::vector<int32_t> recorded_;      // repeat of each event's last record
  std::vector<int32_t> first_waiter_;  // queue, of each event
  std::vector<int32_t> ready_;
  std::vector<Site> sites_;
};

}  // namespace

Outcome RunMachine(const Plan& plan, ProgramKind program, StreamView view, int32_t repeats,
                   const std::function<void(std::span<const Site>)>& on_run) {
  return Machine(plan, program, view, repeats, on_run).Run();
}

}  // namespace pprun
