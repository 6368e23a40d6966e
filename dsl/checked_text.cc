// Prints a checked program: what --emit=checked shows. Tests: checked_text_test.cc and
// golden/checked/.
#include "compiler/plan/base/amount.h"
#include "compiler/plan/base/check.h"
#include "dsl/ast_text.h"
#include "dsl/frontend.h"
#include "dsl/layer_operations.h"

namespace pprun {
namespace {

std::string WidthText(int64_t width, const std::string& none) {
  return width == 0 ? none : std::to_string(width);
}

// The settings of an operation beside its widths: ", heads 8, key-value heads 4".
std::string SettingsText(const CheckedOperation& operation) {
  std::string text;
  const auto add = [&](const std::string& setting) { text += ", " + setting; };
  if (operation.vocabulary > 0) add("vocabulary " + std::to_string(operation.vocabulary));
  if (operation.context > 0) add("context " + std::to_string(operation.context));
  if (operation.kind == LayerOpKind::kGeluTanh) add("approximate tanh");
  if (operation.heads > 0) {
    add("heads " + std::to_string(operation.heads));
    add("kv_heads " + std::to_string(operation.kv_heads));
  }
  if (operation.rope_theta > 0) add("rope " + FloatText(operation.rope_theta));
  if (operation.epsilon > 0) add("epsilon " + FloatText(operation.epsilon));
  if (operation.kind == LayerOpKind::kDropout) add("p " + FloatText(operation.probability));
  if (operation.kind == LayerOpKind::kLinear || operation.kind == LayerOpKind::kAttention) {
    add(operation.bias ? "bias" : "no bias");
  }
  if (!operation.tied.empty()) add("tied to " + operation.tied);
  if (!operation.split.empty()) add("split " + operation.split);
  return text;
}

std::string OperationText(const CheckedOperation& operation, const std::string& indent) {
  const std::string kind(Name(operation.kind));
  std::string text = indent + operation.label;
  if (operation.label != kind) text += ": " + kind;
  text += "  " + WidthText(operation.width_in, "tokens") + " -> " +
          WidthText(operation.width_out, "loss") + SettingsText(operation) + "\n";
  for (const CheckedOperation& inner : operation.body) {
    text += OperationText(inner, indent + "  ");
  }
  return text;
}

std::string ModelText(const CheckedModel& model) {
  std::string text = "model " + model.name + "\n";
  for (const CheckedLayer& layer : model.layers) {
    text += "  layer " + layer.name;
    if (layer.indexed) text += "[0 .. " + std::to_string(layer.repeat) + "]";
    text += "\n";
    for (const CheckedOperation& operation : layer.operations) {
      text += OperationText(operation, "    ");
    }
  }
  return text;
}

std::string BalanceText(Balance balance) {
  switch (balance) {
    case Balance::kFlops:
      return "flops";
    case Balance::kParameters:
      return "parameters";
    case Balance::kLayers:
      return "layers";
  }
  CHECK(false && "a way to balance");
}

std::string StageText(const CheckedModel& model, const std::vector<LayerInstance>& stage) {
  std::string text;
  for (size_t i = 0; i < stage.size(); ++i) {
    const CheckedLayer& layer = model.layers[static_cast<size_t>(stage[i].layer)];
    text += " " + layer.name;
    if (!layer.indexed) continue;
    // A run of instances of one layer is shown as a range.
    size_t last = i;
    while (last + 1 < stage.size() && stage[last + 1].layer == stage[i].layer) ++last;
    text += "[" + std::to_string(stage[i].index);
    if (last > i) text += " .. " + std::to_string(stage[last].index + 1);
    text += "]";
    i = last;
  }
  return text;
}

std::string StagesText(const CheckedProgram& program) {
  if (program.stages.stages.empty()) {
    return "stages balanced by " + BalanceText(program.stages.balance) + "\n";
  }
  std::string text = "stages\n";
  for (size_t i = 0; i < program.stages.stages.size(); ++i) {
    text +=
        "  " + std::to_string(i) + ":" + StageText(*program.model, program.stages.stages[i]) + "\n";
  }
  return text;
}

std::string SourceText(const DataSource& source) {
  switch (source.kind) {
    case DataSource::Kind::kBytes:
      return "bytes of " + QuotedText(source.path);
    case DataSource::Kind::kTokensU16:
      return "u16 tokens of " + QuotedText(source.path);
    case DataSource::Kind::kTokensU32:
      return "u32 tokens of " + QuotedText(source.path);
    case DataSource::Kind::kSynthetic:
      return "synthetic, seed " + std::to_string(source.seed);
  }
  CHECK(false && "a kind of data");
}

std::string OptimizerText(const CheckedOptimizer& optimizer) {
  std::string text;
  switch (optimizer.kind) {
    case CheckedOptimizer::Kind::kSgd:
      text = "sgd, lr " + FloatText(optimizer.lr) + ", momentum " + FloatText(optimizer.momentum);
      break;
    case CheckedOptimizer::Kind::kAdam:
    case CheckedOptimizer::Kind::kAdamW:
      text = optimizer.kind == CheckedOptimizer::Kind::kAdam ? "adam" : "adamw";
      text += ", lr " + FloatText(optimizer.lr) + ", betas (" + FloatText(optimizer.beta1) + ", " +
              FloatText(optimizer.beta2) + "), epsilon " + FloatText(optimizer.epsilon);
      break;
  }
  text += ", weight_decay " + FloatText(optimizer.weight_decay) + ", warmup " +
          std::to_string(optimizer.warmup);
  if (optimizer.decay == CheckedOptimizer::Decay::kCosine) {
    text += ", cosine to " + FloatText(optimizer.final_lr);
  }
  return text + (optimizer.clip > 0 ? ", clip " + FloatText(optimizer.clip) : ", no clip");
}

std::string TrainText(const CheckedTrain& train) {
  std::string text = "train\n  data " + SourceText(train.data) + "\n";
  text += "  sequence " + std::to_string(train.sequence) + ", batch " +
          std::to_string(train.batch) + " in " + Amount(train.microbatches, "microbatch") + ", " +
          Amount(train.steps, "step") + ", seed " + std::to_string(train.seed) + "\n";
  text += "  optimizer " + OptimizerText(train.optimizer) + "\n";
  if (train.validation.has_value()) {
    text += "  validation " + SourceText(*train.validation) + ", every " +
            Amount(train.validate_every, "step") + ", " + Amount(train.validate_batches, "batch") +
            "\n";
  }
  if (train.precision == CheckedTrain::Precision::kBf16) text += "  precision bf16\n";
  if (!train.names.empty()) text += "  names " + train.names + "\n";
  return text;
}

std::string ScheduleText(const CheckedSchedule& schedule) {
  std::string text = "schedule " + schedule.name;
  struct ValueText {
    std::string operator()(int64_t integer) const { return std::to_string(integer); }
    std::string operator()(double number) const { return FloatText(number); }
    std::string operator()(bool boolean) const { return boolean ? "true" : "false"; }
  };
  for (const auto& [name, value] : schedule.parameters) {
    text += ", " + name + " " + std::visit(ValueText{}, value);
  }
  return text + "\n";
}

std::string GradientsText(const CheckedGradients& gradients) {
  switch (gradients.kind) {
    case CheckedGradients::Kind::kNaive:
      return "gradients naive\n";
    case CheckedGradients::Kind::kFlat:
      return "gradients flat\n";
    case CheckedGradients::Kind::kDdp:
      return "gradients ddp, bucket " + SizeText(gradients.bucket_bytes) +
             (gradients.overlap ? ", overlapped\n" : ", not overlapped\n");
  }
  CHECK(false && "a way to reduce gradients");
}

std::string TransfersText(TransferQueues queues) {
  switch (queues) {
    case TransferQueues::kPerPeer:
      return "transfers queue_per_peer\n";
    case TransferQueues::kPerRank:
      return "transfers queue_per_rank\n";
    case TransferQueues::kPerFlow:
      return "transfers queue_per_flow\n";
  }
  CHECK(false && "a choice of queues");
}

}  // namespace

std::string ToText(const CheckedProgram& program) {
  std::string text = "mesh";
  for (const CheckedAxis& axis : program.mesh) {
    text += " " + axis.name + " = " + std::to_string(axis.size);
  }
  text += "\n";
  if (program.model.has_value()) text += ModelText(*program.model) + StagesText(program);
  if (program.train.has_value()) {
    text += TrainText(*program.train);
  } else if (program.microbatches > 0) {
    text += "microbatches " + std::to_string(program.microbatches) + "\n";
  }
  return text + ScheduleText(program.schedule) + GradientsText(program.gradients) +
         TransfersText(program.transfers);
}

}  // namespace pprun
