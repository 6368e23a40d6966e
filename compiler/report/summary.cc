#include "compiler/report/summary.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <numeric>
#include <string_view>

#include "compiler/plan/text.h"
#include "compiler/report/numbers.h"
#include "compiler/simulate/cost_model.h"

namespace pprun {
namespace {

std::string Ranks(const Plan& plan) {
  std::string text = Counted(plan.stages, "stage");
  if (static_cast<size_t>(plan.stages) != plan.positions.size()) {
    text += " on " + Counted(static_cast<int64_t>(plan.positions.size()), "position");
  }
  for (const Axis& axis : plan.mesh) {
    if (axis.name == "pp" || axis.size == 1) continue;
    text += " x " + WithThousands(axis.size) + " ";
    text += axis.name == "dp" ? "data-parallel ranks" : axis.name;
  }
  return text;
}

std::string Microbatches(const Plan& plan) {
  const TrainSpec& train = plan.train;
  std::string text = Counted(train.microbatches, "microbatch");
  const int64_t samples = train.batch / train.microbatches / plan.AxisSize("dp");
  if (samples > 0) {
    text += " of " + WithThousands(samples) + " x " + WithThousands(train.sequence) + " tokens";
  }
  return text;
}

std::string Memory(const Plan& plan) {
  std::array<int64_t, kArenaCount> bytes{};
  int64_t total = 0;
  for (const Position& position : plan.positions) {
    const auto& own = position.arena_bytes;
    const int64_t sum = std::accumulate(own.begin(), own.end(), int64_t{0});
    if (sum <= total) continue;
    total = sum;
    bytes = own;
  }
  std::string parts;
  int64_t named = 0;
  const auto add = [&](std::string_view name, int64_t amount) {
    if (!parts.empty()) parts += ", ";
    parts += std::string(name) + " " + HumanBytes(amount);
    named += amount;
  };
  for (const ArenaKind arena :
       {ArenaKind::kParameters, ArenaKind::kGradients, ArenaKind::kOptimizer, ArenaKind::kFrames}) {
    add(Name(arena), bytes[static_cast<size_t>(arena)]);
  }
  add("other", total - named);
  return "at most " + HumanBytes(total) + " (" + parts + ")";
}

}  // namespace

std::string Summary(const Plan& plan, const Figures& predicted) {
  int64_t parameters = 0;
  for (const Parameter& parameter : plan.parameters) parameters += parameter.type.shape.Elements();
  const std::string name = std::filesystem::path(plan.name).stem().string();

  const bool rounds = std::ranges::any_of(plan.functions, [](const Function& function) {
    return ProductType(function) == DType::kBF16;
  });

  std::string text = name + ": " + Counted(parameters, "parameter");
  text += (rounds ? ", bf16, " : ", ") + Ranks(plan);
  text += ", " + plan.schedule + " with " + Microbatches(plan) + "\n";
  text += "memory a rank: " + Memory(plan);
  text += "; predicted bubble " + Percent(predicted.bubble_of_makespan) + "\n";
  return text;
}

}  // namespace pprun
