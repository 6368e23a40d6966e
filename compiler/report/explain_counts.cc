// Memory, traffic, arithmetic and what gradients' sums cost, counted from the plan.
#include "compiler/report/explain_counts.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "compiler/plan/base/check.h"
#include "compiler/report/accounting.h"

namespace pprun {
namespace {

const Program& Step(const Position& position) {
  return position.programs[static_cast<size_t>(ProgramKind::kStep)];
}

int64_t BytesOf(const Position& position, BufferId buffer) {
  return position.buffers[buffer.index()].type.Bytes();
}

// Of a collective: the whole.
double WholeBytes(const Position& position, const Collective& collective) {
  return static_cast<double>(
      std::max(BytesOf(position, collective.source), BytesOf(position, collective.target)));
}

std::string KindOf(const Plan& plan, const Position& position, const Instruction& instruction) {
  return ProfileKeyOf(plan, position, instruction).kind;
}

// The link that joins the ranks, as a collective uses it.
void AddLink(const Machine* machine, const std::vector<int64_t>& ranks, LinkSpeed& speed,
             std::string& name) {
  if (machine == nullptr) return;
  const MachineLink& link = LinkJoining(*machine, ranks);
  name = link.name;
  speed = CollectiveSpeed(*machine, link);
}

// A sum of gradients over the replicas of a position.
bool SumsGradients(const Plan& plan, const Position& position, const Collective& collective) {
  const Group& group = plan.groups[collective.group.index()];
  const bool sums = collective.kind == CollectiveKind::kAllReduce ||
                    collective.kind == CollectiveKind::kReduceScatter;
  return sums && group.positions.size() <= 1 && SizeOf(plan, group) > 1 &&
         position.buffers[collective.source.index()].arena == ArenaKind::kGradients;
}

}  // namespace

MemoryExplanation CountMemory(const Plan& plan) {
  MemoryExplanation memory;
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const std::array<int64_t, kArenaCount>& arenas = plan.positions[p].arena_bytes;
    memory.arenas.push_back(arenas);
    int64_t elements = 0;
    for (const Parameter& parameter : plan.parameters) {
      const PositionId position(static_cast<int64_t>(p));
      if (std::ranges::find(parameter.holders, position) == parameter.holders.end()) continue;
      elements += parameter.type.shape.Elements();
    }
    if (elements <= memory.parameter_elements) continue;
    memory.parameter_elements = elements;
    memory.state_bytes = 0;
    for (const ArenaKind arena : {ArenaKind::kParameters, ArenaKind::kGatheredParameters,
                                  ArenaKind::kGradients, ArenaKind::kOptimizer}) {
      memory.state_bytes += arenas[static_cast<size_t>(arena)];
    }
  }
  if (memory.parameter_elements == 0) return memory;
  const double elements = static_cast<double>(memory.parameter_elements);
  memory.bytes_a_parameter = static_cast<double>(memory.state_bytes) / elements;
  memory.mixed_precision_bytes = ZeroBytes(0, elements, 1);
  return memory;
}

std::vector<TrafficExplanation> CountTraffic(const Plan& plan, const Machine* machine) {
  std::vector<TrafficExplanation> traffic(plan.channels.size());
  for (size_t i = 0; i < plan.channels.size(); ++i) {
    const Channel& channel = plan.channels[i];
    traffic[i].name = channel.name;
    traffic[i].position = channel.from;
  }
  const auto ends = [&plan](const Channel& channel) -> std::vector<int64_t> {
    return {FirstRankOf(plan, channel.from), FirstRankOf(plan, channel.to)};
  };
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const Position& position = plan.positions[p];
    const PositionId id(static_cast<int64_t>(p));
    std::map<std::tuple<GroupId, std::string>, size_t> rows;  // of this position's collectives
    for (const Instruction& instruction : Step(position).instructions) {
      if (const Send* send = std::get_if<Send>(&instruction.operands)) {
        const Channel& channel = plan.channels[send->channel.index()];
        TrafficExplanation& row = traffic[send->channel.index()];
        const double bytes = static_cast<double>(channel.type.Bytes());
        ++row.count;
        row.bytes += bytes;
        row.sent_bytes += bytes;
        if (machine == nullptr) continue;
        const MachineLink& link = LinkJoining(*machine, ends(channel));
        const LinkSpeed speed = MessageSpeed(*machine, link);
        row.link = link.name;
        row.seconds += speed.latency + bytes / speed.bandwidth;
      }
      const Collective* collective = std::get_if<Collective>(&instruction.operands);
      if (collective == nullptr) continue;
      const Group& group = plan.groups[collective->group.index()];
      const std::string kind = KindOf(plan, position, instruction);
      const auto [found, added] = rows.emplace(std::tuple(collective->group, kind), traffic.size());
      if (added) {
        traffic.push_back({.kind = TrafficExplanation::Kind::kCollectives,
                           .name = kind + " over " + group.name,
                           .position = id,
                           .ranks = SizeOf(plan, group)});
      }
      TrafficExplanation& row = traffic[found->second];
      const double bytes = WholeBytes(position, *collective);
      ++row.count;
      row.bytes += bytes;
      row.sent_bytes += RingTraffic(collective->kind, row.ranks, bytes);
      LinkSpeed speed;
      AddLink(machine, MembersOf(plan, group, FirstRankOf(plan, id)), speed, row.link);
      if (machine != nullptr) {
        row.seconds += CollectiveTime(collective->kind, row.ranks, bytes, speed);
      }
    }
  }
  // Channels of other programs are not of the step.
  std::erase_if(traffic, [](const TrafficExplanation& row) { return row.count == 0; });
  return traffic;
}

FlopsExplanation CountFlops(const Plan& plan) {
  FlopsExplanation flops;
  std::set<std::pair<LayerId, int32_t>> counted;  // weights of layers, by argument
  for (const Position& position : plan.positions) {
    for (const Instruction& instruction : Step(position).instructions) {
      const Run* run = std::get_if<Run>(&instruction.operands);
      if (run == nullptr || !run->function.valid()) continue;
      const Function& function = plan.functions[run->function.index()];
      flops.hardware += function.flops;
      if (run->kind != TaskKind::kRecompute) flops.model += function.flops;
      if (run->kind != TaskKind::kForward) continue;
      for (const Operation& operation : function.operations) {
        if (operation.kind != OpKind::kLinear && operation.kind != OpKind::kLinearAdd &&
            operation.kind != OpKind::kLinearGeluTanh)
          continue;
        const View& weight = function.views[operation.operands[1].index()];
        if (!counted.emplace(run->layer, operation.operands[1].value).second) continue;
        flops.weights += static_cast<double>(weight.type.shape.Elements());
      }
    }
  }
  const double replicas = static_cast<double>(plan.Replicas());
  flops.model *= replicas;
  flops.hardware *= replicas;
  flops.tokens = static_cast<double>(plan.train.batch) * static_cast<double>(plan.train.sequence);
  flops.textbook = 6 * flops.weights * flops.tokens;
  return flops;
}

std::optional<BucketExplanation> CountBuckets(const Plan& plan, const Machine& machine) {
  std::optional<BucketExplanation> most;
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const Position& position = plan.positions[p];
    BucketExplanation buckets{.position = PositionId(static_cast<int64_t>(p))};
    const Group* group = nullptr;
    CollectiveKind kind = CollectiveKind::kAllReduce;
    for (const Instruction& instruction : Step(position).instructions) {
      const auto* collective = std::get_if<Collective>(&instruction.operands);
      if (collective == nullptr || !SumsGradients(plan, position, *collective)) continue;
      group = &plan.groups[collective->group.index()];
      kind = collective->kind;
      ++buckets.buckets;
      buckets.bytes += WholeBytes(position, *collective);
    }
    if (group == nullptr || (most && most->bytes >= buckets.bytes)) continue;
    const int64_t ranks = SizeOf(plan, *group);
    const std::vector<int64_t> members =
        MembersOf(plan, *group, FirstRankOf(plan, buckets.position));
    const LinkSpeed link = CollectiveSpeed(machine, LinkJoining(machine, members));
    // Bytes of gradients a second, and what a call costs beside them.
    const double bandwidth = link.bandwidth / RingTraffic(kind, ranks, 1);
    const double overhead =
        link.latency * static_cast<double>(RingSteps(kind, ranks)) + machine.launch;
    if (overhead <= 0) continue;
    const auto exposed = [&](double n) {
      return ExposedBucketTime(n, buckets.bytes, bandwidth, overhead);
    };
    buckets.best_buckets = std::max(1.0, BestBucketCount(buckets.bytes, bandwidth, overhead));
    buckets.best_bytes = buckets.bytes / buckets.best_buckets;
    buckets.exposed = exposed(static_cast<double>(buckets.buckets));
    buckets.best_exposed = exposed(buckets.best_buckets);
    most = buckets;
  }
  return most;
}

std::optional<ComputeBoundExplanation> JudgeCompute(const Plan& plan, const Machine& machine) {
  if (plan.Replicas() <= 1 || plan.train.batch == 0) return std::nullopt;
  std::vector<AxisId> axes;
  DType type = DType::kF32;
  for (size_t i = 0; i < plan.mesh.size(); ++i) {
    if (plan.mesh[i].name != "pp") axes.push_back(AxisId(static_cast<int64_t>(i)));
  }
  for (const Function& function : plan.functions) {
    if (function.flops > 0) type = ProductType(function);
  }
  const MachineLink& link =
      LinkJoining(machine, MembersOf(plan, {.name = "replicas", .positions = {}, .axes = axes}, 0));
  ComputeBoundExplanation judged;
  judged.tokens = static_cast<double>(plan.train.batch) * static_cast<double>(plan.train.sequence) /
                  static_cast<double>(plan.Replicas());
  // The textbook's elements have 16 bits; gradients here have the parameters' type.
  const double width = plan.parameters.empty()
                           ? 1.0
                           : static_cast<double>(SizeOf(plan.parameters[0].type.dtype)) / 2;
  judged.threshold = width * DataParallelTokens(AchievedFlops(machine, type),
                                                link.bandwidth * machine.achievable_links, 1);
  if (judged.tokens < judged.threshold) {
    judged.bound = ComputeBoundExplanation::Bound::kCommunication;
  }
  return judged;
}

namespace {

// The least and the most of what should be the same on every stage.
struct Range {
  double least = std::numeric_limits<double>::infinity();
  double most = 0;

  void Include(double cost) {
    least = std::min(least, cost);
    most = std::max(most, cost);
  }
  bool IsOne() const { return most - least <= 1e-9 * most || most == 0; }
};

}  // namespace

TaskCostSummary SummariseTasks(const Plan& plan, const CostModel& model) {
  TaskCostSummary summary;
  ScheduleShape& shape = summary.shape;
  std::array<Range, kTaskKindCount> of_kind;
  Range of_pair;
  std::array<double, kTaskKindCount> total{}, count{};
  std::map<StageId, std::array<double, kTaskKindCount>> of_stage;  // of a microbatch
  double pair_total = 0, pairs = 0;
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const PositionId position(static_cast<int64_t>(p));
    const PlannedTasks tasks = TasksOf(plan.positions[p], ProgramKind::kStep);
    std::vector<double> of_task(tasks.tasks.size(), 0);
    const std::vector<double> costs =
        InstructionCosts(plan, position, ProgramKind::kStep, tasks, model);
    for (size_t i = 0; i < costs.size(); ++i) {
      if (tasks.task_of[i] >= 0) of_task[static_cast<size_t>(tasks.task_of[i])] += costs[i];
      if (std::holds_alternative<Send>(Step(plan.positions[p]).instructions[i].operands)) {
        shape.transfer = std::max(shape.transfer, costs[i]);
      }
    }
    for (size_t t = 0; t < of_task.size(); ++t) {
      const PlannedTask& task = tasks.tasks[t];
      if (task.partner >= 0) {
        pair_total += of_task[t];
        pairs += 1;
        of_pair.Include(of_task[t]);
        continue;  // what each of them takes alone is not known from it
      }
      total[static_cast<size_t>(task.kind)] += of_task[t];
      count[static_cast<size_t>(task.kind)] += 1;
      of_kind[static_cast<size_t>(task.kind)].Include(of_task[t]);
      of_stage[task.stage][static_cast<size_t>(task.kind)] = of_task[t];
    }
  }
  const auto mean = [&](TaskKind kind) {
    const size_t k = static_cast<size_t>(kind);
    return count[k] > 0 ? total[k] / count[k] : 0;
  };
  if (!of_pair.IsOne() || !std::ranges::all_of(of_kind, &Range::IsOne)) {
    shape.stages = ScheduleShape::Stages::kUnequal;
  }
  shape.ranks = static_cast<int64_t>(plan.positions.size());
  shape.microbatches = plan.train.microbatches;
  shape.chunks = std::max<int64_t>(1, plan.stages / shape.ranks);
  shape.forward = mean(TaskKind::kForward);
  shape.input_grad = mean(TaskKind::kInputGrad);
  shape.weight_grad = mean(TaskKind::kWeightGrad);
  const double backward = mean(TaskKind::kBackward);
  if (count[static_cast<size_t>(TaskKind::kInputGrad)] == 0) {
    // Only their sum is known.
    shape.input_grad = shape.weight_grad = backward / 2;
  }
  shape.pair =
      pairs > 0 ? pair_total / pairs : shape.forward + shape.input_grad + shape.weight_grad;
  for (const auto& [stage, kinds] : of_stage) {
    double sum = 0;
    for (const TaskKind kind : {TaskKind::kForward, TaskKind::kInputGrad, TaskKind::kWeightGrad}) {
      sum += kinds[static_cast<size_t>(kind)];
    }
    if (kinds[static_cast<size_t>(TaskKind::kInputGrad)] == 0) {
      sum += kinds[static_cast<size_t>(TaskKind::kBackward)];
    }
    summary.slowest_stage = std::max(summary.slowest_stage, sum);
    summary.fastest_stage = summary.fastest_stage == 0 ? sum : std::min(summary.fastest_stage, sum);
  }
  return summary;
}

}  // namespace pprun
