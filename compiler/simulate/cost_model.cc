#include "compiler/simulate/cost_model.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>

#include "compiler/plan/base/check.h"
#include "compiler/plan/effects.h"
#include "compiler/plan/text.h"

namespace pprun {
namespace {

// How a run was measured or modelled: alone, or beside the other task of its pair.
enum class Overlap : uint8_t { kAlone, kTogether };

struct RunCost {
  double seconds = 0;
  Overlap overlap = Overlap::kAlone;
};

const Function& FunctionOf(const Plan& plan, const Run& run) {
  if (!run.function.valid()) {
    throw std::invalid_argument(
        "only constants say what a task costs that has no functions; give `F`, `I`, `W`");
  }
  return plan.functions[run.function.index()];
}

// By constants.
class TableCosts {
 public:
  TableCosts(const Plan& plan, const CostTable& table) : table_(table) {
    CheckStages(table, plan.stages);
  }

  RunCost OfRun(const PlannedTask& task, const Run& run) const {
    return {table_.Of(run.kind, run.stage) / task.runs};
  }
  double OfOther(const Instruction& instruction) const {
    return Visit(Other{table_}, instruction.operands);
  }
  // What a pair takes as a whole, if anything says so; `longer`: what its longer task takes alone.
  std::optional<double> OfPair(const PlannedTask& first, double longer) const {
    if (table_.pair.empty()) return std::nullopt;
    const double cost = table_.pair[table_.pair.size() == 1 ? 0 : first.stage.index()];
    // Less than rounding would make it.
    if (cost < longer * (1 - 1e-9)) {
      throw std::invalid_argument(
          "`FB` is less than what one task of a pair takes alone; no overlap makes a task shorter");
    }
    return cost;
  }

 private:
  struct Other {
    const CostTable& table;

    double operator()(const Run&) const { CHECK(false); }
    double operator()(const Send&) const { return table.transfer; }
    double operator()(const Recv&) const { return table.transfer; }
    double operator()(const Permute&) const { return table.transfer; }
    double operator()(const Collective&) const { return table.collective; }
    double operator()(const Load&) const { return 0; }
    double operator()(const Initialise&) const { return 0; }
    double operator()(const Zero&) const { return 0; }
    double operator()(const Cast&) const { return 0; }
    double operator()(const Add&) const { return 0; }
    double operator()(const SquareSum&) const { return 0; }
    double operator()(const ClipFactor&) const { return 0; }
    double operator()(const Update&) const { return 0; }
    double operator()(const Record&) const { return 0; }
    double operator()(const Wait&) const { return 0; }
  };

  const CostTable& table_;
};

// By the model of a machine.
class MachineCosts {
 public:
  MachineCosts(const Plan& plan, PositionId position, const Machine& machine)
      : plan_(plan),
        position_(plan.positions[position.index()]),
        machine_(machine),
        rank_(FirstRankOf(plan, position)),
        of_function_(plan.functions.size(), -1) {}

  RunCost OfRun(const PlannedTask&, const Run& run) {
    const Function& function = FunctionOf(plan_, run);
    double& seconds = of_function_[run.function.index()];
    if (seconds < 0) {
      seconds = std::max(function.flops / AchievedFlops(machine_, ProductType(function)),
                         MemoryTime(TrafficOf(function)));
      seconds += machine_.launch * static_cast<double>(function.operations.size());
    }
    return {seconds};
  }

  double OfOther(const Instruction& instruction) const {
    if (const Send* send = std::get_if<Send>(&instruction.operands)) return Transfer(send->channel);
    if (const Recv* recv = std::get_if<Recv>(&instruction.operands)) return Transfer(recv->channel);
    if (const auto* collective = std::get_if<Collective>(&instruction.operands)) {
      const double bytes =
          static_cast<double>(std::max(Bytes(collective->source), Bytes(collective->target)));
      const std::vector<int64_t> members = Members(collective->group);
      const LinkSpeed speed = CollectiveSpeed(machine_, LinkJoining(machine_, members));
      return CollectiveTime(collective->kind, static_cast<int64_t>(members.size()), bytes, speed) +
             machine_.launch;
    }
    if (const auto* permute = std::get_if<Permute>(&instruction.operands)) {
      return Message(Members(permute->group), static_cast<double>(Bytes(permute->source)));
    }
    if (TakesNothing(instruction)) return 0;
    std::vector<Effect> effects;
    AppendEffects(plan_, position_, instruction, effects);
    double bytes = 0;
    for (const Effect& effect : effects) {
      const double once = static_cast<double>(effect.end - effect.begin);
      bytes += effect.access == Access::kAccumulate ? 2 * once : once;
    }
    return MemoryTime(bytes) + machine_.launch;
  }

  std::optional<double> OfPair(const PlannedTask&, double) const { return std::nullopt; }

 private:
  static bool TakesNothing(const Instruction& instruction) {
    return std::holds_alternative<Record>(instruction.operands) ||
           std::holds_alternative<Wait>(instruction.operands);
  }
  double MemoryTime(double bytes) const {
    return bytes / (machine_.memory_bandwidth * machine_.achievable_memory);
  }
  int64_t Bytes(BufferId buffer) const { return position_.buffers[buffer.index()].type.Bytes(); }
  std::vector<int64_t> Members(GroupId group) const {
    return MembersOf(plan_, plan_.groups[group.index()], rank_);
  }
  double Message(const std::vector<int64_t>& ranks, double bytes) const {
    const LinkSpeed speed = MessageSpeed(machine_, LinkJoining(machine_, ranks));
    return speed.latency + bytes / speed.bandwidth + machine_.launch;
  }
  double Transfer(ChannelId id) const {
    const Channel& channel = plan_.channels[id.index()];
    return Message({FirstRankOf(plan_, channel.from), FirstRankOf(plan_, channel.to)},
                   static_cast<double>(channel.type.Bytes()));
  }

  const Plan& plan_;
  const Position& position_;
  const Machine& machine_;
  const int64_t rank_;
  std::vector<double> of_function_;  // negative: not known yet
};

// As measured.
class ProfileCosts {
 public:
  ProfileCosts(const Plan& plan, PositionId position, const Profile& profile)
      : plan_(plan), position_(plan.positions[position.index()]), profile_(profile) {}

  RunCost OfRun(const PlannedTask& task, const Run& run) const {
    const Function& function = FunctionOf(plan_, run);
    if (task.partner >= 0) {
      const ProfileEntry* const entry = EntryOf(profile_, kOverlappedRun, function);
      if (entry != nullptr) return {entry->seconds, Overlap::kTogether};
    }
    for (const std::string_view kind : {kRun, kOverlappedRun}) {
      if (const ProfileEntry* const entry = EntryOf(profile_, kind, function)) {
        return {entry->seconds};
      }
    }
    for (const auto& [key, entry] : profile_.entries) {
      if ((key.kind != kRun && key.kind != kOverlappedRun) || key.name != function.name) continue;
      throw std::runtime_error("the profile is of another `" + function.name + "`, which moves " +
                               HumanBytes(key.bytes) + ", not " +
                               HumanBytes(std::llround(TrafficOf(function))) +
                               ": it was measured with other sizes or another precision");
    }
    Missing("`" + function.name + "`");
  }

  double OfOther(const Instruction& instruction) const {
    const ProfileKey key = ProfileKeyOf(plan_, position_, instruction);
    if (key.kind.empty()) return 0;
    if (const auto found = profile_.entries.find(key); found != profile_.entries.end()) {
      return found->second.seconds;
    }
    // The nearest size, among as many ranks if there is one, costs in proportion.
    const ProfileKey* nearest = nullptr;
    double seconds = 0;
    const auto distance = [&key](const ProfileKey& other) {
      return std::pair(other.name != key.name, std::abs(other.bytes - key.bytes));
    };
    for (const auto& [other, entry] : profile_.entries) {
      if (other.kind != key.kind) continue;
      if (nearest != nullptr && distance(*nearest) <= distance(other)) continue;
      nearest = &other;
      seconds = entry.seconds;
    }
    if (nearest == nullptr) Missing("a `" + key.kind + "`");
    if (nearest->bytes == 0) return seconds;
    return seconds * static_cast<double>(key.bytes) / static_cast<double>(nearest->bytes);
  }

  std::optional<double> OfPair(const PlannedTask&, double) const { return std::nullopt; }

 private:
  [[noreturn]] static void Missing(const std::string& what) {
    throw std::runtime_error("the profile does not say what " + what +
                             " costs; it was measured with other functions");
  }

  const Plan& plan_;
  const Position& position_;
  const Profile& profile_;
};

// Costs of one program by one of the three.
template <typename Costs>
std::vector<double> CostsBy(Costs costs, const Program& program, const PlannedTasks& tasks) {
  std::vector<double> result(program.instructions.size());
  std::vector<double> of_task(tasks.tasks.size(), 0);
  std::vector<Overlap> overlap(tasks.tasks.size(), Overlap::kTogether);
  for (size_t i = 0; i < result.size(); ++i) {
    const int32_t task = tasks.task_of[i];
    const Instruction& instruction = program.instructions[i];
    if (task < 0) {
      result[i] = costs.OfOther(instruction);
      continue;
    }
    const size_t t = static_cast<size_t>(task);
    const RunCost cost = costs.OfRun(tasks.tasks[t], std::get<Run>(instruction.operands));
    result[i] = cost.seconds;
    of_task[t] += cost.seconds;
    if (cost.overlap == Overlap::kAlone) overlap[t] = Overlap::kAlone;
  }
  // What the pair takes, at each of its tasks; negative: the task is in none.
  std::vector<double> of_pair(tasks.tasks.size(), -1);
  for (size_t t = 0; t < tasks.tasks.size(); ++t) {
    if (tasks.tasks[t].partner <= static_cast<int32_t>(t)) continue;
    const size_t u = static_cast<size_t>(tasks.tasks[t].partner);
    const bool together = overlap[t] == Overlap::kTogether && overlap[u] == Overlap::kTogether;
    const double longer = std::max(of_task[t], of_task[u]);
    const double otherwise = together ? longer : of_task[t] + of_task[u];
    of_pair[t] = of_pair[u] = costs.OfPair(tasks.tasks[t], longer).value_or(otherwise);
  }
  for (size_t i = 0; i < result.size(); ++i) {
    if (tasks.task_of[i] < 0) continue;
    const size_t t = static_cast<size_t>(tasks.task_of[i]);
    if (of_pair[t] < 0) continue;
    result[i] =
        of_task[t] > 0 ? result[i] / of_task[t] * of_pair[t] : of_pair[t] / tasks.tasks[t].runs;
  }
  return result;
}

struct Dispatch {
  const Plan& plan;
  const PositionId position;
  const Program& program;
  const PlannedTasks& tasks;

  std::vector<double> operator()(const CostTable& table) const {
    return CostsBy(TableCosts(plan, table), program, tasks);
  }
  std::vector<double> operator()(const Machine& machine) const {
    return CostsBy(MachineCosts(plan, position, machine), program, tasks);
  }
  std::vector<double> operator()(const Profile& profile) const {
    return CostsBy(ProfileCosts(plan, position, profile), program, tasks);
  }
};

}  // namespace

std::vector<double> InstructionCosts(const Plan& plan, PositionId position, ProgramKind program,
                                     const PlannedTasks& tasks, const CostModel& model) {
  const Program& instructions =
      plan.positions[position.index()].programs[static_cast<size_t>(program)];
  return std::visit(Dispatch{plan, position, instructions, tasks}, model);
}

namespace {

// Of one operand. An embedding touches a row a token, not its whole table.
double BytesTouched(const Function& function, const Operation& operation, size_t operand) {
  const auto bytes = [&](size_t i) {
    return static_cast<double>(function.views[operation.operands[i].index()].type.Bytes());
  };
  if (operation.kind == OpKind::kEmbedding && operand == 1) return std::min(bytes(1), bytes(2));
  if (operation.kind == OpKind::kEmbeddingWeightGrad && operand == 2) {
    return std::min(bytes(2), bytes(1));
  }
  return bytes(operand);
}

}  // namespace

double TrafficOf(const Function& function) {
  double bytes = 0;
  for (const Operation& operation : function.operations) {
    const OpSignature& signature = Signature(operation.kind);
    for (size_t i = 0; i < operation.operands.size(); ++i) {
      const ViewId view = operation.operands[i];
      if (!view.valid()) continue;
      const double once = BytesTouched(function, operation, i);
      const bool twice = signature.operands[i].access == Access::kAccumulate;
      bytes += twice ? 2 * once : once;
    }
  }
  return bytes;
}

DType ProductType(const Function& function) {
  constexpr OpKind kProducts[] = {OpKind::kLinear,
                                  OpKind::kLinearInputGrad,
                                  OpKind::kLinearAdd,
                                  OpKind::kLinearGeluTanh,
                                  OpKind::kLinearInputGradGeluTanh,
                                  OpKind::kLinearWeightGrad,
                                  OpKind::kAttention,
                                  OpKind::kAttentionGrad};
  for (const Operation& operation : function.operations) {
    if (std::ranges::find(kProducts, operation.kind) == std::end(kProducts)) continue;
    return function.views[operation.operands.front().index()].type.dtype;
  }
  return DType::kF32;
}

int64_t FirstRankOf(const Plan& plan, PositionId position) {
  std::vector<int32_t> axes;
  for (const Axis& axis : plan.mesh) axes.push_back(axis.name == "pp" ? position.value : 0);
  return RankAt(plan, axes);
}

}  // namespace pprun
