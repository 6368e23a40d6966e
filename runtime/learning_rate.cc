#include "runtime/learning_rate.h"

#include <cmath>
#include <numbers>

#include "compiler/plan/base/check.h"

namespace pprun {

double LearningRate(const OptimizerSpec& optimizer, int64_t step, int64_t steps) {
  CHECK(step >= 0);
  const double peak = optimizer.learning_rate;
  if (step < optimizer.warmup) {
    return peak * static_cast<double>(step + 1) / static_cast<double>(optimizer.warmup);
  }
  if (optimizer.decay == OptimizerSpec::Decay::kConstant) return peak;
  const int64_t last = steps - 1 - optimizer.warmup;
  if (last <= 0) return peak;
  const int64_t done = step - optimizer.warmup;
  // A run that goes on past its plan's steps stays at the final rate.
  if (done >= last) return optimizer.final_learning_rate;
  const double part = static_cast<double>(done) / static_cast<double>(last);
  return optimizer.final_learning_rate +
         (peak - optimizer.final_learning_rate) / 2 * (1 + std::cos(std::numbers::pi * part));
}

}  // namespace pprun
