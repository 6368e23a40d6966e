#include "compiler/simulate/profile.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/plan/base/check.h"
#include "compiler/plan/effects.h"
#include "compiler/plan/tasks.h"
#include "compiler/simulate/cost_model.h"

namespace pprun {
namespace {

std::string_view KindName(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return "all_reduce";
    case CollectiveKind::kAllGather:
      return "all_gather";
    case CollectiveKind::kReduceScatter:
      return "reduce_scatter";
    case CollectiveKind::kBroadcast:
      return "broadcast";
    case CollectiveKind::kReduce:
      return "reduce";
    case CollectiveKind::kAllToAll:
      return "all_to_all";
  }
  CHECK(false);
}

ProfileKey RunKey(std::string_view kind, const Function& function) {
  return {std::string(kind), function.name, std::llround(TrafficOf(function))};
}

struct KeyOf {
  const Plan& plan;
  const Position& position;
  const Instruction& instruction;

  int64_t Bytes(BufferId buffer) const { return position.buffers[buffer.index()].type.Bytes(); }
  ProfileKey Touching(std::string_view kind) const {
    std::vector<Effect> effects;
    AppendEffects(plan, position, instruction, effects);
    int64_t bytes = 0;
    for (const Effect& effect : effects) bytes += effect.end - effect.begin;
    return {std::string(kind), "", bytes};
  }
  ProfileKey Transfer(ChannelId channel) const {
    return {"transfer", "", plan.channels[channel.index()].type.Bytes()};
  }
  std::string Ranks(GroupId group) const {
    const int64_t size = SizeOf(plan, plan.groups[group.index()]);
    return std::to_string(size) + (size == 1 ? " rank" : " ranks");
  }

  ProfileKey operator()(const Run& run) const {
    const std::vector<Function>& functions = plan.functions;
    if (!run.function.valid()) return {std::string(kRun), "", 0};
    return RunKey(kRun, functions[run.function.index()]);
  }
  ProfileKey operator()(const Send& send) const { return Transfer(send.channel); }
  ProfileKey operator()(const Recv& recv) const { return Transfer(recv.channel); }
  ProfileKey operator()(const Collective& collective) const {
    return {std::string(KindName(collective.kind)), Ranks(collective.group),
            std::max(Bytes(collective.source), Bytes(collective.target))};
  }
  ProfileKey operator()(const Permute& permute) const {
    return {"permute", Ranks(permute.group), Bytes(permute.source)};
  }
  ProfileKey operator()(const Load&) const { return Touching("load"); }
  ProfileKey operator()(const Initialise&) const { return Touching("initialise"); }
  ProfileKey operator()(const Zero&) const { return Touching("zero"); }
  ProfileKey operator()(const Cast&) const { return Touching("cast"); }
  ProfileKey operator()(const Add&) const { return Touching("add"); }
  ProfileKey operator()(const SquareSum&) const { return Touching("square_sum"); }
  ProfileKey operator()(const ClipFactor&) const { return Touching("clip_factor"); }
  ProfileKey operator()(const Update&) const { return Touching("update"); }
  ProfileKey operator()(const Record&) const { return {}; }
  ProfileKey operator()(const Wait&) const { return {}; }
};

// What identifies a rendezvous of the step in a trace: the repeat, the channel or group, the rank
// that leads it (the sender; the first of the group), and the how-many-eth of the leader's it is.
struct Meet {
  int64_t repeat = 0;
  int32_t is_group = 0;
  int32_t id = 0;
  int64_t leader = 0;
  int64_t ordinal = 0;

  auto operator<=>(const Meet&) const = default;
};

// Which rendezvous an instruction of a rank takes part in, but for its ordinal; false: in none.
bool MeetOf(const Plan& plan, int64_t rank, const Instruction& instruction, Meet& meet) {
  const auto of_group = [&](GroupId group) {
    meet.is_group = 1;
    meet.id = group.value;
    meet.leader = MembersOf(plan, plan.groups[group.index()], rank).front();
  };
  if (const Send* send = std::get_if<Send>(&instruction.operands)) {
    meet.id = send->channel.value;
    meet.leader = rank;
  } else if (const Recv* recv = std::get_if<Recv>(&instruction.operands)) {
    meet.id = recv->channel.value;
    meet.leader = PeerOf(plan, plan.channels[recv->channel.index()], rank);
  } else if (const Collective* one = std::get_if<Collective>(&instruction.operands)) {
    of_group(one->group);
  } else if (const Permute* permute = std::get_if<Permute>(&instruction.operands)) {
    of_group(permute->group);
  } else {
    return false;
  }
  return true;
}

// The events of a trace with the rendezvous that each takes part in.
class Measurements {
 public:
  Measurements(const Plan& plan, const Trace& trace) : plan_(plan) {
    for (const TraceEvent& event : trace.events) {
      if (event.program == ProgramKind::kStep) first_ = std::min(first_, event.repeat);
      if (event.program == ProgramKind::kStep) last_ = std::max(last_, event.repeat);
    }
    for (const Position& position : plan.positions) {
      tasks_.push_back(TasksOf(position, ProgramKind::kStep));
    }
    JoinMeetings(trace);
    for (size_t i = 0; i < trace.events.size(); ++i) Add(trace.events[i], meet_of_[i]);
  }

  Profile Medians() && {
    Profile profile;
    for (auto& [key, seconds] : seconds_) {
      const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
      std::ranges::nth_element(seconds, middle);
      profile.entries[key] = {*middle, static_cast<int64_t>(seconds.size())};
    }
    return profile;
  }

 private:
  const Instruction& At(const TraceEvent& event) const {
    return PositionOf(event)
        .programs[static_cast<size_t>(event.program)]
        .instructions[static_cast<size_t>(event.instruction)];
  }
  const Position& PositionOf(const TraceEvent& event) const {
    return plan_.positions[CoordinatesOf(plan_, event.rank).position.index()];
  }

  // Ordinals count in program order, which the trace has only stream by stream.
  void JoinMeetings(const Trace& trace) {
    std::vector<size_t> order(trace.events.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::sort(order, {}, [&trace](size_t i) {
      const TraceEvent& event = trace.events[i];
      return std::tuple(event.rank, event.program, event.repeat, event.instruction);
    });
    meet_of_.assign(order.size(), -1);
    std::map<std::pair<int64_t, Meet>, int64_t> ordinals;  // of a rank and a meet without ordinal
    std::map<Meet, int64_t> index;
    for (const size_t i : order) {
      const TraceEvent& event = trace.events[i];
      if (event.program != ProgramKind::kStep) continue;
      Meet meet{.repeat = event.repeat};
      if (!MeetOf(plan_, event.rank, At(event), meet)) continue;
      meet.ordinal = ordinals[{event.rank, meet}]++;
      const auto [found, added] = index.emplace(meet, static_cast<int64_t>(start_.size()));
      if (added) start_.push_back(event.begin);
      double& start = start_[static_cast<size_t>(found->second)];
      start = std::max(start, event.begin);
      meet_of_[i] = found->second;
    }
  }

  void Add(const TraceEvent& event, int64_t meet) {
    const bool warms_up = first_ < last_ && event.repeat == first_;
    if (event.program != ProgramKind::kStep || warms_up) return;
    ProfileKey key = ProfileKeyOf(plan_, PositionOf(event), At(event));
    if (key.kind.empty()) return;
    const PlannedTasks& tasks = tasks_[CoordinatesOf(plan_, event.rank).position.index()];
    const int32_t task = tasks.task_of[static_cast<size_t>(event.instruction)];
    if (task >= 0 && tasks.tasks[static_cast<size_t>(task)].partner >= 0) key.kind = kOverlappedRun;
    const double begin = meet < 0 ? event.begin : start_[static_cast<size_t>(meet)];
    seconds_[key].push_back(std::max(0.0, event.end - begin));
  }

  const Plan& plan_;
  int64_t first_ = std::numeric_limits<int64_t>::max();  // step
  int64_t last_ = std::numeric_limits<int64_t>::min();
  std::vector<PlannedTasks> tasks_;  // by position
  std::vector<int64_t> meet_of_;     // by event of the trace; -1: meets nobody
  std::vector<double> start_;        // by meeting
  std::map<ProfileKey, std::vector<double>> seconds_;
};

}  // namespace

ProfileKey ProfileKeyOf(const Plan& plan, const Position& position,
                        const Instruction& instruction) {
  return std::visit(KeyOf{plan, position, instruction}, instruction.operands);
}

const ProfileEntry* EntryOf(const Profile& profile, std::string_view kind,
                            const Function& function) {
  const auto found = profile.entries.find(RunKey(kind, function));
  return found == profile.entries.end() ? nullptr : &found->second;
}

Profile ProfileOf(const Plan& plan, const Trace& trace) {
  return Measurements(plan, trace).Medians();
}

}  // namespace pprun
