#include "compiler/fit_memory.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

namespace pprun {
namespace {

constexpr const char* kParameter = "memory";
// Plans that a limit in bytes is tried with.
constexpr int kMostTries = 8;

bool HoldsUntil(TaskKind kind) {
  return kind == TaskKind::kBackward || kind == TaskKind::kWeightGrad;
}

// What a rank's activations take at most.
int64_t MostHeld(const std::vector<OrderedTask>& tasks, const std::vector<int64_t>& bytes) {
  int64_t held = 0, most = 0;
  for (const OrderedTask& task : tasks) {
    const int64_t size = bytes[static_cast<size_t>(task.stage)];
    if (task.kind == TaskKind::kForward) most = std::max(most, held += size);
    if (HoldsUntil(task.kind)) held -= size;
  }
  return most;
}

int64_t MostHeld(const Compilation& result) {
  const std::vector<int64_t> bytes = ActivationBytes(result);
  int64_t most = 0;
  for (const std::vector<OrderedTask>& tasks : result.order->positions) {
    most = std::max(most, MostHeld(tasks, bytes));
  }
  return most;
}

// The bytes of activations that fit every rank, if the rest is what it is in this plan.
int64_t RoomIn(const Compilation& result, int64_t limit) {
  const std::vector<int64_t> bytes = ActivationBytes(result);
  int64_t room = std::numeric_limits<int64_t>::max();
  for (size_t rank = 0; rank < result.plan->positions.size(); ++rank) {
    const int64_t rest =
        BytesOf(result.plan->positions[rank]) - MostHeld(result.order->positions[rank], bytes);
    room = std::min(room, limit - rest);
  }
  return room;
}

class Fitter {
 public:
  Fitter(const FitInputs& inputs, std::string name)
      : inputs_(inputs), options_(inputs.options), name_(std::move(name)) {}

  FittedPlan Run(Compilation own) {
    const double share =
        ShareOfAChunk(static_cast<int64_t>(own.order->placement.size()), own.order->stages);
    // One activation a chunk: no order holds less.
    const int64_t least = own.order->chunks;
    Take(Measure(std::move(own)), "");
    // What has no costs has none with any memory.
    if (best_.measured.figured == MeasuredPlan::Figured::kNo) return std::move(best_);
    if (options_.memory_limit > 0) {
      const bool fits = best_.measured.refused.empty();
      if (!fits) FitCount(least, std::llround(best_.measured.row.activations / share));
      FitBytes(least);
      return std::move(best_);
    }
    // What is a whole number but for rounding is taken for it.
    const double most = options_.activation_limit / share * (1 + 1e-12);
    Try(std::to_string(static_cast<int64_t>(most)));
    if (!best_.measured.refused.empty()) Try(std::to_string(least));
    return std::move(best_);
  }

 private:
  // The most activations of a chunk that fit, of fewer than `over`: ranks whose activations differ
  // in size may then hold as many.
  void FitCount(int64_t fits, int64_t over) {
    while (over - fits > 1) {
      const int64_t middle = fits + (over - fits) / 2;
      (Try(std::to_string(middle)) ? fits : over) = middle;
    }
  }

  // The most bytes: ranks may then hold differently many. Up from the least, to where each plan
  // says that the limit is: what it needs beside activations grows with them, so that is too far,
  // and then between what fitted and what did not.
  void FitBytes(int64_t least) {
    int64_t fits = 0, over = std::numeric_limits<int64_t>::max();
    std::string memory = std::to_string(least);
    for (int i = 0; i < kMostTries; ++i) {
      Compilation result = CompileWith(memory);
      if (!result.Ok()) return;
      const int64_t asked = i == 0 ? MostHeld(result) : room_;
      room_ = RoomIn(result, options_.memory_limit);
      MeasuredPlan measured = Measure(std::move(result));
      const bool fitted = measured.row.memory <= options_.memory_limit;
      Take(std::move(measured), memory);
      if (i == 0 && !fitted) return;
      (fitted ? fits : over) = asked;
      const bool bounded = over < std::numeric_limits<int64_t>::max();
      if (bounded && (room_ <= fits || room_ >= over)) room_ = fits + (over - fits) / 2;
      // A finer step changes nothing that anyone would notice.
      if (room_ <= fits + fits / 100) return;
      memory = std::to_string(room_ / 1024) + " KiB";
    }
  }

  Compilation CompileWith(const std::string& memory) {
    CompileOptions compile = inputs_.compile;
    compile.overrides.push_back({std::string("schedule.") + kParameter, memory});
    return Compile(inputs_.path, compile);
  }

  // Whether it fits.
  bool Try(const std::string& memory) {
    Compilation result = CompileWith(memory);
    if (!result.Ok()) return false;
    MeasuredPlan measured = Measure(std::move(result));
    const bool fits = measured.refused.empty();
    Take(std::move(measured), memory);
    return fits;
  }

  MeasuredPlan Measure(Compilation result) {
    return MeasurePlan(name_, *std::move(result.plan), options_);
  }

  // If it fits and ends first, or if nothing fits and it holds less.
  void Take(MeasuredPlan measured, const std::string& memory) {
    const auto rank = [](const MeasuredPlan& plan) {
      const bool fits = plan.refused.empty();
      return std::tuple(!fits, fits ? plan.row.step : plan.row.activations, plan.row.memory);
    };
    if (taken_ && rank(best_.measured) <= rank(measured)) return;
    best_ = {std::move(measured), memory};
    taken_ = true;
  }

  const FitInputs& inputs_;
  const CompareOptions& options_;
  const std::string name_;
  FittedPlan best_;
  bool taken_ = false;
  int64_t room_ = 0;  // bytes to try next
};

}  // namespace

bool FollowsMemory(const Compilation& result, const CompileOptions& compile) {
  if (!result.checked || !result.program || !result.plan) return false;
  const CheckedSchedule& schedule = result.checked->schedule;
  const ast::ScheduleDefinition& definition =
      result.program->schedules[static_cast<size_t>(schedule.definition)];
  const auto parameter = std::ranges::find_if(definition.parameters, [](const ast::Argument& each) {
    return each.name->text == kParameter;
  });
  if (definition.greedy.empty() || parameter == definition.parameters.end()) return false;
  for (const Override& given : compile.overrides) {
    if (given.name.substr(given.name.rfind('.') + 1) == kParameter) return false;
  }
  const std::optional<ast::Choice>& choice = result.program->schedule;
  if (!choice) return true;
  const std::vector<ast::Argument>& arguments = choice->call.arguments;
  const auto place = static_cast<size_t>(parameter - definition.parameters.begin());
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto& name = arguments[i].name;
    if (name ? name->text == kParameter : i == place) return false;
  }
  return true;
}

FittedPlan FitMemory(const FitInputs& inputs, std::string name, Compilation own) {
  return Fitter(inputs, std::move(name)).Run(std::move(own));
}

}  // namespace pprun
