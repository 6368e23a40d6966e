#include "compiler/predict.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>
#include <string_view>
#include <variant>

namespace pprun {
namespace {

// Costs of which the largest is no less than the first of these are fine enough to search by, and
// than the second small enough to add up.
constexpr double kLeastLargest = 1e3;
constexpr double kMostLargest = 1e6;

std::vector<double> CostsIn(const CostTable& table) {
  std::vector<double> costs = {table.transfer};
  for (const std::vector<double>* list :
       {&table.forward, &table.input_grad, &table.weight_grad, &table.pair}) {
    costs.insert(costs.end(), list->begin(), list->end());
  }
  return costs;
}

// What a cost of `--cost` is of.
std::string_view CostedBy(std::string_view name) {
  if (name == "F") return "forward";
  if (name == "FB") return "overlapped pair";
  if (name == "C") return "transfer";
  if (name == "A") return "collective";
  return "backward";
}

bool IsForward(TaskKind kind) { return kind == TaskKind::kForward || kind == TaskKind::kRecompute; }

}  // namespace

CostModel ModelOf(const PredictOptions& options) {
  const int given = int{options.costs.has_value()} + int{options.machine.has_value()} +
                    int{options.profile.has_value()};
  if (given > 1) throw std::invalid_argument("give one of `--cost`, `--machine` and `--profile`");
  if (options.costs) return ParseCosts(*options.costs);
  if (options.machine) return MachineNamed(*options.machine);
  if (options.profile) return ReadProfile(*options.profile);
  return CostTable{};
}

double CostScale(const std::vector<double>& costs) {
  double largest = 0;
  for (const double cost : costs) largest = std::max(largest, cost);
  if (largest <= 0) return 0;
  for (double unit = 1; largest * unit <= kMostLargest; unit *= 10) {
    // A decimal is no closer to its number than a double can be.
    const bool whole = std::ranges::all_of(costs, [unit](double cost) {
      return std::abs(cost * unit - std::round(cost * unit)) <= 1e-12 * cost * unit;
    });
    if (whole) return unit * std::max(std::ceil(kLeastLargest / (largest * unit)), 1.0);
  }
  return kMostLargest / largest;
}

TaskCosts TaskCostsOf(const CostModel& model) {
  const CostTable* table = std::get_if<CostTable>(&model);
  if (table == nullptr) return {};
  const double scale = CostScale(CostsIn(*table));
  if (scale <= 0) return {};
  // A task costs one at least, so that what depends on it starts later.
  const auto list = [&](const std::vector<double>& costs) {
    std::vector<int64_t> result;
    for (double cost : costs) {
      result.push_back(std::max<int64_t>(std::llround(cost * scale), 1));
    }
    return result;
  };
  return {.forward = list(table->forward),
          .input_grad = list(table->input_grad),
          .weight_grad = list(table->weight_grad),
          .pair = list(table->pair),
          .transfer = std::llround(table->transfer * scale)};
}

void CheckCostsFit(const Plan& plan, const PredictOptions& options) {
  if (!plan.IsStudy() || !(options.machine || options.profile)) return;
  throw std::invalid_argument(std::string(options.machine ? "`--machine`" : "`--profile`") +
                              " says what a model's layers take, and `" + plan.name +
                              "` is a study, of a schedule without a model: give its costs, as in "
                              "`--cost F=1,B=2`");
}

std::vector<std::string> CostsOfNothing(const Plan& plan, const PredictOptions& options) {
  if (!options.costs) return {};
  std::set<std::string_view> occur;
  if (WorkOfPlan(plan) == WorkOf::kLeastBusyRank) occur.insert("overlapped pair");
  for (const Position& position : plan.positions) {
    for (const Instruction& instruction :
         position.programs[static_cast<size_t>(ProgramKind::kStep)].instructions) {
      if (const Run* run = std::get_if<Run>(&instruction.operands)) {
        occur.insert(IsForward(run->kind) ? "forward" : "backward");
      } else if (std::holds_alternative<Collective>(instruction.operands)) {
        occur.insert("collective");
      } else if (std::holds_alternative<Send>(instruction.operands) ||
                 std::holds_alternative<Permute>(instruction.operands)) {
        occur.insert("transfer");
      }
    }
  }
  std::vector<std::string> names = NamesOfCosts(*options.costs);
  std::erase_if(names, [&](const std::string& name) { return occur.contains(CostedBy(name)); });
  return names;
}

std::string ChangesNothing(const std::string& name, const std::string& where) {
  return "`" + name + "` changes nothing: there is no " + std::string(CostedBy(name)) + " in " +
         where;
}

std::string NotesOnCosts(const Plan& plan, const PredictOptions& options) {
  std::string notes;
  for (const std::string& name : CostsOfNothing(plan, options)) {
    notes += "note: " + ChangesNothing(name, "this plan") + "\n";
  }
  return notes;
}

int32_t StepsOf(const PredictOptions& options) {
  if (options.steps < 1 || options.steps > 10000) {
    throw std::invalid_argument("`--steps` is from 1 to 10,000");
  }
  return static_cast<int32_t>(options.steps);
}

Barrier BarrierOf(const PredictOptions& options) {
  if (options.barrier == "as_planned") return Barrier::kAsPlanned;
  if (options.barrier == "on") return Barrier::kOn;
  if (options.barrier == "off") return Barrier::kOff;
  throw std::invalid_argument("`--barrier " + options.barrier + "` is none of on, off, as_planned");
}

Trace Predict(const Plan& plan, const PredictOptions& options) {
  return Simulate(plan, ProgramKind::kStep, ModelOf(options), StepsOf(options), BarrierOf(options));
}

}  // namespace pprun
