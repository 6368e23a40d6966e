// Plain sentences about choices that cannot pay, each with the figures it rests on.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <variant>

#include "compiler/plan/text.h"
#include "compiler/report/explain_counts.h"
#include "compiler/report/numbers.h"

namespace pprun {
namespace {

// A gain or a difference below this is noise.
constexpr double kNoticeable = 0.005;
// Below this it would read as 0.0 %.
constexpr double kVisible = 0.0005;
// Costs this close are the same.
constexpr double kSame = 1.01;
// Costs this much apart are unequal: the V schedules begin to lose what they were made for.
constexpr double kUnequal = 1.1;
// A bucket this many times off the optimum is far from it.
constexpr double kFarBuckets = 4;
// Of a step, that a rank's tasks wait for transfers in queues.
constexpr double kMuchOfAStep = 0.01;
// Of the busy time of a rank, that operations take beside their work.
constexpr double kMuchOfTheWork = 0.25;
constexpr int32_t kSteps = 10;

const Program& Step(const Position& position) {
  return position.programs[static_cast<size_t>(ProgramKind::kStep)];
}

bool GathersNorm(const Plan& plan) {
  if (plan.positions.size() <= 1) return false;
  return std::ranges::any_of(Step(plan.positions[0]).instructions,
                             [](const Instruction& instruction) {
                               return std::holds_alternative<ClipFactor>(instruction.operands);
                             });
}

// Whether H2 takes as long as H1 where every step ends together. It does not in general: other
// costs, or transfers, leave gaps in H1 that H2 fills.
bool H2GainsNothing(const ScheduleShape& shape) {
  const auto [low, high] = std::minmax({shape.forward, shape.input_grad, shape.weight_grad});
  return high <= low * kSame && shape.stages == ScheduleShape::Stages::kEqual &&
         shape.transfer <= 0 && shape.microbatches >= 2 * shape.ranks - 1;
}

// The global norm makes every step end together. That is what H2 was made to avoid, so there every
// loss is told.
void AboutTheNorm(const Plan& plan, const CostModel& model, Barrier barrier,
                  const ScheduleShape& shape, Explanation::Unit unit,
                  std::vector<std::string>& advice) {
  if (barrier == Barrier::kOff || (barrier == Barrier::kAsPlanned && !GathersNorm(plan))) return;
  const auto makespan = [&](Barrier between) {
    return Summarise(plan, Simulate(plan, ProgramKind::kStep, model, kSteps, between), kAllRepeats)
        .makespan;
  };
  const double with = makespan(barrier);
  const double without = makespan(Barrier::kOff);
  const double gain = with / without - 1;
  const bool h2 = plan.schedule == "zero_bubble_h2";
  if (gain < (h2 ? kVisible : kNoticeable)) return;
  std::string text =
      std::string(barrier == Barrier::kOn ? "a barrier" : "the global norm (`clip`)") +
      " makes every step end together: " + std::to_string(kSteps) + " steps take " +
      TimeText(with, unit) + ", without it " + TimeText(without, unit) + " (" + Percent(gain) +
      " more)";
  if (h2 && H2GainsNothing(shape)) {
    text +=
        "; zero_bubble_h2 gains nothing over zero_bubble_h1 that way, which holds about half the "
        "activations";
  }
  advice.push_back(text);
}

// V-Half and V-Min are laid out for F = I = W on every stage.
void AboutUnequalCosts(const Plan& plan, const TaskCostSummary& tasks, Explanation::Unit unit,
                       std::vector<std::string>& advice) {
  const bool least = plan.schedule == "v_min";
  if (!least && plan.schedule != "v_half") return;
  const auto [low, high] =
      std::minmax({tasks.shape.forward, tasks.shape.input_grad, tasks.shape.weight_grad});
  const bool kinds = low <= 0 || high / low > kUnequal;
  const bool stages =
      tasks.fastest_stage > 0 && tasks.slowest_stage / tasks.fastest_stage > kUnequal;
  if (!kinds && !stages) return;
  std::string text = plan.schedule + " is made for F = I = W on every stage";
  if (kinds) {
    text += "; here they are " + TimeText(tasks.shape.forward, unit) + ", " +
            TimeText(tasks.shape.input_grad, unit) + " and " +
            TimeText(tasks.shape.weight_grad, unit);
  }
  if (stages) {
    text += "; here the slowest stage takes " + Compact(tasks.slowest_stage / tasks.fastest_stage) +
            " times as long as the fastest";
  }
  text += least ? ", which hurts it much: v_half or zero_bubble_v may be faster"
                : ", which costs some of its gain: zero_bubble_v may be faster";
  advice.push_back(text);
}

void AboutQueues(const TransferExplanation& transfers, double step, Explanation::Unit unit,
                 std::vector<std::string>& advice) {
  const auto most =
      std::ranges::max_element(transfers.positions, {}, &TransferExplanation::At::held_up);
  if (!transfers.worst || most->held_up <= kMuchOfAStep * step) return;
  const TransferExplanation::Wait& worst = *transfers.worst;
  std::string text = "tasks of position " + std::to_string(most - transfers.positions.begin()) +
                     " wait " + TimeText(most->held_up, unit) + " (" +
                     Percent(most->held_up / step) +
                     " of the step) for transfers that stand in a queue; worst of all, `" +
                     worst.instruction + "` at position " + std::to_string(worst.position.value);
  if (!worst.source.empty()) text += " (" + worst.source + ")";
  text += " is ready at " + TimeText(worst.ready, unit) + " and begins at " +
          TimeText(worst.begin, unit);
  if (!worst.behind.empty()) text += ", after `" + worst.behind + "`";
  const auto has = [&](const char* choice) {
    return std::ranges::find(transfers.choices, choice) != transfers.choices.end();
  };
  if (!transfers.choices.empty() && !has("queue_per_flow")) {
    text += has("queue_per_peer")
                ? "; `transfers queue_per_flow` has more queues"
                : "; `transfers queue_per_peer` and `queue_per_flow` have more queues";
  }
  advice.push_back(text);
}

// What operations cost beside their work is saved by fewer and larger ones alone.
void AboutLaunches(const Plan& plan, const Machine& machine, const Figures& figures,
                   std::vector<std::string>& advice) {
  for (size_t i = 0; i < figures.ranks.size(); ++i) {
    const PositionId position = CoordinatesOf(plan, figures.ranks[i]).position;
    size_t operations = 0;
    for (const Instruction& instruction : Step(plan.positions[position.index()]).instructions) {
      const Run* run = std::get_if<Run>(&instruction.operands);
      if (run == nullptr) continue;
      operations += plan.functions[run->function.index()].operations.size();
    }
    const double busy = figures.busy[i] / static_cast<double>(figures.steps);
    const double launches = static_cast<double>(operations) * machine.launch;
    if (launches <= kMuchOfTheWork * busy) continue;
    advice.push_back("launches are " + Percent(launches / busy) + " of what position " +
                     std::to_string(position.value) +
                     " computes: " + WithThousands(static_cast<int64_t>(operations)) +
                     " operations a step, " + HumanTime(machine.launch) +
                     " each beside their work; larger microbatches have fewer");
    return;
  }
}

void AboutBuckets(const BucketExplanation& buckets, std::vector<std::string>& advice) {
  const double ratio = static_cast<double>(buckets.buckets) / buckets.best_buckets;
  if (ratio < kFarBuckets && ratio > 1 / kFarBuckets) return;
  const auto bytes = [](double value) { return HumanBytes(std::llround(value)); };
  advice.push_back("position " + std::to_string(buckets.position.value) + " sums " +
                   bytes(buckets.bytes) + " of gradients in " + Counted(buckets.buckets, "bucket") +
                   "; about " + Counted(std::llround(buckets.best_buckets), "bucket") + " of " +
                   bytes(buckets.best_bytes) + " would leave " + HumanTime(buckets.best_exposed) +
                   " after the backward pass in place of " + HumanTime(buckets.exposed));
}

void AboutMemory(const Machine& machine, const MemoryExplanation& memory,
                 std::vector<std::string>& advice) {
  for (size_t p = 0; p < memory.arenas.size(); ++p) {
    const int64_t bytes =
        std::accumulate(memory.arenas[p].begin(), memory.arenas[p].end(), int64_t{0});
    if (static_cast<double>(bytes) <= machine.memory_bytes) continue;
    advice.push_back("position " + std::to_string(p) + " needs " + HumanBytes(bytes) + ", and " +
                     machine.name + " has " + HumanBytes(std::llround(machine.memory_bytes)));
  }
}

void AboutMicrobatches(const Plan& plan, std::vector<std::string>& advice) {
  const int64_t ranks = static_cast<int64_t>(plan.positions.size());
  if (ranks <= 1 || plan.train.microbatches >= ranks) return;
  advice.push_back("there are fewer microbatches (" + std::to_string(plan.train.microbatches) +
                   ") than ranks in the pipeline (" + std::to_string(ranks) +
                   "), so that some rank is idle at any time");
}

void AboutBalance(const TaskCostSummary& tasks, std::vector<std::string>& advice) {
  if (tasks.fastest_stage <= 0) return;
  const double ratio = tasks.slowest_stage / tasks.fastest_stage;
  if (ratio < 1.5) return;
  advice.push_back(
      "the slowest stage takes " + Compact(ratio) +
      " times as long as the fastest, and all wait for it; `stages` decides the split");
}

}  // namespace

std::vector<std::string> Advise(const Plan& plan, const CostModel& model, const Machine* machine,
                                Barrier barrier, const TaskCostSummary& tasks,
                                const Explanation& explanation) {
  std::vector<std::string> advice;
  AboutTheNorm(plan, model, barrier, tasks.shape, explanation.unit, advice);
  AboutUnequalCosts(plan, tasks, explanation.unit, advice);
  AboutMicrobatches(plan, advice);
  AboutBalance(tasks, advice);
  if (explanation.transfers) {
    AboutQueues(*explanation.transfers, explanation.figures.step, explanation.unit, advice);
  }
  if (explanation.buckets) AboutBuckets(*explanation.buckets, advice);
  const bool timed = std::holds_alternative<Machine>(model);
  if (timed) AboutLaunches(plan, *machine, explanation.figures, advice);
  if (machine != nullptr) AboutMemory(*machine, explanation.memory, advice);
  if (explanation.compute_bound &&
      explanation.compute_bound->bound == ComputeBoundExplanation::Bound::kCommunication) {
    advice.push_back("a replica has " + Compact(explanation.compute_bound->tokens) +
                     " tokens a step; below " + Compact(explanation.compute_bound->threshold) +
                     " the sums of gradients take longer than the arithmetic that could hide them");
  }
  return advice;
}

}  // namespace pprun
