// Runs a compiled model on the CPU, one instance after the other: no plan, no schedule, memory made
// as needed. Every region starts as NaN, so that reading what was not written shows.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "compiler/model/model.h"
#include "kernels/cpu_queue.h"
#include "kernels/kernel.h"

namespace pprun {

// 64-byte aligned memory, all bits set: NaN as f32 and as f64.
struct Region {
  explicit Region(int64_t bytes);
  void* data() { return memory_.data(); }
  std::span<float> floats(int64_t count) {
    return {reinterpret_cast<float*>(data()), static_cast<size_t>(count)};
  }

 private:
  struct alignas(64) Line {
    unsigned char bytes[64];
  };
  std::vector<Line> memory_;
};

// Which backward functions run.
enum class BackwardKind : uint8_t { kWhole, kHalves };

class Interpreter {
 public:
  // Parameters are uniform in [-0.5, 0.5), norms' weights in [0.5, 1.5); tokens and targets random.
  Interpreter(const CompiledModel& model, const CheckedProgram& program, uint32_t seed);

  // The loss.
  double Forward();
  double Evaluate();
  // Gradients start at zero. Needs Forward.
  void Backward(BackwardKind kind);

  std::span<float> ParameterValues(ParameterId parameter);
  // Of one use of a parameter, as the last Backward left it.
  std::span<float> Gradient(ParameterUse use);

 private:
  double Run(FunctionId CompiledLayer::*function);
  void Call(size_t instance, FunctionId function);
  Region& Bind(size_t instance, const Argument& argument);

  const CompiledModel& model_;
  kernels::CpuQueue queue_;
  kernels::StepState state_;
  std::vector<Region> parameters_;
  std::map<std::pair<int32_t, int32_t>, Region> gradients_;  // by parameter and use
  std::map<std::pair<size_t, Role>, Region> regions_;        // by instance
};

}  // namespace pprun
