#include "tests/model/interpreter.h"

#include <algorithm>
#include <cstring>
#include <random>

#include "compiler/plan/base/check.h"
#include "kernels/dispatch.h"

namespace pprun {
namespace {

void FillUniform(std::span<float> values, float low, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(low, low + 1);
  for (float& value : values) value = uniform(random);
}

void FillTokens(Region& region, int64_t count, int64_t vocabulary, std::mt19937& random) {
  int32_t* ids = static_cast<int32_t*>(region.data());
  for (int64_t i = 0; i < count; ++i) {
    ids[i] = static_cast<int32_t>(random() % static_cast<uint64_t>(vocabulary));
  }
}

}  // namespace

Region::Region(int64_t bytes) : memory_(static_cast<size_t>((bytes + 63) / 64)) {
  std::memset(memory_.data(), 0xFF, memory_.size() * sizeof(Line));
}

Interpreter::Interpreter(const CompiledModel& model, const CheckedProgram& program, uint32_t seed)
    : model_(model), queue_(1) {
  std::mt19937 random(seed);
  for (const Parameter& parameter : model.parameters) {
    Region& region = parameters_.emplace_back(parameter.type.Bytes());
    const bool ones = parameter.initialisation.kind == Initialisation::Kind::kOnes;
    FillUniform(region.floats(parameter.type.shape.Elements()), ones ? 0.5F : -0.5F, random);
  }
  for (const CompiledInstance& instance : model.instances) {
    for (const ParameterUse& use : instance.parameters) {
      const int64_t bytes = model.parameters[use.parameter.index()].type.Bytes();
      gradients_.try_emplace({use.parameter.value, use.use}, bytes);
    }
  }
  const int64_t count = program.train->batch * program.train->sequence;
  const auto tokens = regions_.try_emplace({0, Role::kTokens}, count * 4).first;
  FillTokens(tokens->second, count, program.model->vocabulary, random);
  const auto targets =
      regions_.try_emplace({model.instances.size() - 1, Role::kTargets}, count * 4).first;
  FillTokens(targets->second, count, program.model->vocabulary, random);
}

std::span<float> Interpreter::ParameterValues(ParameterId parameter) {
  return parameters_[parameter.index()].floats(
      model_.parameters[parameter.index()].type.shape.Elements());
}

std::span<float> Interpreter::Gradient(ParameterUse use) {
  return gradients_.at({use.parameter.value, use.use})
      .floats(model_.parameters[use.parameter.index()].type.shape.Elements());
}

// A layer's input is the output of the layer before, its output's gradient the input gradient of
// the layer after.
Region& Interpreter::Bind(size_t instance, const Argument& argument) {
  switch (argument.role) {
    case Role::kParameter: {
      const ParameterUse& use =
          model_.instances[instance].parameters[static_cast<size_t>(argument.ordinal)];
      return parameters_[use.parameter.index()];
    }
    case Role::kGradient: {
      const ParameterUse& use =
          model_.instances[instance].parameters[static_cast<size_t>(argument.ordinal)];
      return gradients_.at({use.parameter.value, use.use});
    }
    case Role::kInput:
      return regions_.at({instance - 1, Role::kOutput});
    case Role::kOutputGradient:
      return regions_.at({instance + 1, Role::kInputGradient});
    case Role::kTokens:
    case Role::kTargets:
      return regions_.at({instance, argument.role});
    case Role::kOutput:
    case Role::kInputGradient:
    case Role::kLoss:
    case Role::kFrameInput:
    case Role::kFrameWeight:
    case Role::kStash:
    case Role::kWorkspace: {
      const std::pair key(instance, argument.role);
      // What a call writes holds nothing before it.
      if (argument.access == Access::kWrite) regions_.erase(key);
      return regions_.try_emplace(key, argument.bytes).first->second;
    }
  }
  CHECK(false);
  return regions_.begin()->second;
}

void Interpreter::Call(size_t instance, FunctionId id) {
  if (!id.valid()) return;
  const Function& function = model_.functions[id.index()];
  std::vector<unsigned char*> arguments;
  for (const Argument& argument : function.arguments) {
    arguments.push_back(static_cast<unsigned char*>(Bind(instance, argument).data()));
  }
  for (const Operation& operation : function.operations) {
    std::vector<kernels::Tensor> tensors;
    for (const ViewId view_id : operation.operands) {
      kernels::Tensor& tensor = tensors.emplace_back();
      if (!view_id.valid()) continue;
      const View& view = function.views[view_id.index()];
      tensor.data = arguments[static_cast<size_t>(view.argument)] + view.offset;
      tensor.dtype = view.type.dtype;
      tensor.shape = view.type.shape;
    }
    const kernels::RandomKey key{.seed = 7,
                                 .layer = instance,
                                 .operation = operation.attributes.random_key,
                                 .state = &state_};
    kernels::LaunchOnCpu(queue_, operation.kind, operation.attributes, tensors, key);
  }
}

double Interpreter::Run(FunctionId CompiledLayer::*function) {
  for (size_t i = 0; i < model_.instances.size(); ++i) {
    Call(i, model_.layers[static_cast<size_t>(model_.instances[i].layer)].*function);
  }
  double loss = 0;
  std::memcpy(&loss, regions_.at({model_.instances.size() - 1, Role::kLoss}).data(), sizeof loss);
  return loss;
}

double Interpreter::Forward() { return Run(&CompiledLayer::forward); }
double Interpreter::Evaluate() { return Run(&CompiledLayer::evaluate); }

void Interpreter::Backward(BackwardKind kind) {
  for (const CompiledInstance& instance : model_.instances) {
    for (const ParameterUse& use : instance.parameters) std::ranges::fill(Gradient(use), 0.0F);
  }
  const auto each = [&](FunctionId CompiledLayer::*function) {
    for (size_t i = model_.instances.size(); i > 0; --i) {
      const CompiledInstance& instance = model_.instances[i - 1];
      Call(i - 1, model_.layers[static_cast<size_t>(instance.layer)].*function);
    }
  };
  if (kind == BackwardKind::kWhole) {
    each(&CompiledLayer::backward);
  } else {
    each(&CompiledLayer::input_grad);
    each(&CompiledLayer::weight_grad);
  }
}

}  // namespace pprun
