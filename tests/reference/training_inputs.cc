#include "tests/reference/training_inputs.h"

#include <algorithm>
#include <memory>
#include <span>
#include <stdexcept>

#include "compiler/plan/base/hash.h"
#include "compiler/plan/base/json.h"
#include "kernels/cpu_queue.h"
#include "kernels/initialise.h"
#include "runtime/data.h"
#include "runtime/weights.h"

namespace pprun {
namespace {

using Kind = Initialisation::Kind;

kernels::Distribution DistributionOf(const Initialisation& initialisation) {
  using To = kernels::Distribution::Kind;
  const To kind = initialisation.kind == Kind::kZeros  ? To::kZeros
                  : initialisation.kind == Kind::kOnes ? To::kOnes
                                                       : To::kNormal;
  return {.kind = kind, .stddev = static_cast<float>(initialisation.deviation)};
}

// The first operation of a kind in the model, looking into residuals.
const CheckedOperation* FindOperation(const std::vector<CheckedOperation>& operations,
                                      LayerOpKind kind) {
  for (const CheckedOperation& operation : operations) {
    if (operation.kind == kind) return &operation;
    if (const CheckedOperation* inner = FindOperation(operation.body, kind)) return inner;
  }
  return nullptr;
}

const CheckedOperation& OperationOf(const CheckedModel& model, LayerOpKind kind,
                                    LayerOpKind other) {
  for (const CheckedLayer& layer : model.layers) {
    for (const LayerOpKind wanted : {kind, other}) {
      if (const CheckedOperation* found = FindOperation(layer.operations, wanted)) return *found;
    }
  }
  throw std::runtime_error("the model has no attention or no norm");
}

// Writes members of an object one after the other.
struct JsonObject {
  std::string text = "{";

  void Name(std::string_view name) {
    if (text.back() != '{') text += ", ";
    AppendJsonString(text, name);
    text += ": ";
  }
  template <typename Number>
  void Add(std::string_view name, Number number) {
    Name(name);
    AppendJsonNumber(text, number);
  }
  void AddText(std::string_view name, std::string_view value) {
    Name(name);
    AppendJsonString(text, value);
  }
};

std::string OptimizerText(const OptimizerSpec& optimizer) {
  if (optimizer.kind != OptimizerSpec::Kind::kAdamW) {
    throw std::runtime_error("the reference knows AdamW alone");
  }
  JsonObject json;
  json.AddText("kind", "adamw");
  json.Add("lr", optimizer.learning_rate);
  json.Add("beta1", optimizer.beta1);
  json.Add("beta2", optimizer.beta2);
  json.Add("epsilon", optimizer.epsilon);
  json.Add("weight_decay", optimizer.weight_decay);
  json.Add("warmup", optimizer.warmup);
  json.AddText("decay", optimizer.decay == OptimizerSpec::Decay::kCosine ? "cosine" : "constant");
  json.Add("final_lr", optimizer.final_learning_rate);
  json.Add("clip", optimizer.clip);
  return json.text + "}";
}

}  // namespace

std::vector<int32_t> TokensOf(const Plan& plan) {
  const TrainSpec& train = plan.train;
  const auto data = OpenData(train.data, train.sequence, train.vocabulary, train.seed);
  std::vector<int32_t> tokens;
  std::vector<int32_t> inputs(static_cast<size_t>(train.sequence));
  std::vector<int32_t> targets(inputs.size());
  for (int64_t sample = 0; sample < train.steps * train.batch; ++sample) {
    data->Sample(sample, inputs, targets);
    tokens.insert(tokens.end(), inputs.begin(), inputs.end());
    tokens.push_back(targets.back());
  }
  return tokens;
}

std::string HashOf(const std::vector<int32_t>& tokens) {
  return std::to_string(HashBytes(std::as_bytes(std::span(tokens))));
}

void SaveInitialWeights(const std::string& path, const Plan& plan) {
  const kernels::CpuQueue queue(1);
  SaveWeights(path, plan, [&](ParameterId id, std::span<float> values) {
    const Parameter& parameter = plan.parameters[id.index()];
    const kernels::Tensor target = {
        .data = values.data(), .dtype = DType::kF32, .shape = parameter.type.shape};
    kernels::LaunchInitialise(queue, target, DistributionOf(parameter.initialisation),
                              {.seed = plan.train.seed, .name = HashText(parameter.name)});
  });
}

std::string Description(const Plan& plan, const CheckedProgram& program) {
  const CheckedOperation& attention =
      OperationOf(*program.model, LayerOpKind::kAttention, LayerOpKind::kAttention);
  const CheckedOperation& norm =
      OperationOf(*program.model, LayerOpKind::kLayerNorm, LayerOpKind::kRmsNorm);
  JsonObject json;
  json.AddText("family", program.train->names);
  json.Add("heads", attention.heads);
  json.Add("kv_heads", attention.kv_heads);
  json.Add("rope", attention.rope_theta);
  json.Add("epsilon", norm.epsilon);
  json.Add("vocabulary", plan.train.vocabulary);
  json.Add("sequence", plan.train.sequence);
  json.Add("batch", plan.train.batch);
  json.Add("steps", plan.train.steps);
  json.AddText("tokens", HashOf(TokensOf(plan)));
  json.Name("optimizer");
  json.text += OptimizerText(plan.train.optimizer);
  return json.text + "}\n";
}

}  // namespace pprun
