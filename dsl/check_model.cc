// Checks a model: its names, its layers in order, and the widths that flow through them.
//
// Holds after it, if nothing was reported: what CheckedProgram promises of layers. After an
// operation that is wrong the width is unknown, and what follows is not judged by it. Tests:
// checker_test.cc and golden/errors/.
#include <map>
#include <set>
#include <unordered_map>

#include "compiler/plan/base/amount.h"
#include "dsl/arguments.h"
#include "dsl/check_parts.h"
#include "dsl/layer_operations.h"

namespace pprun {
namespace {

// What the next operation gets.
struct Flow {
  enum class State : uint8_t { kTokens, kWidth, kUnknown, kLoss } state = State::kTokens;
  int64_t width = 0;
};

std::string WidthText(const Flow& flow) {
  return flow.state == Flow::State::kTokens ? "tokens" : "width " + std::to_string(flow.width);
}

bool IsLoss(LayerOpKind kind) {
  return kind == LayerOpKind::kCrossEntropy || kind == LayerOpKind::kMeanSquaredError;
}

class ModelChecker {
 public:
  ModelChecker(const CheckContext& context, Scope& scope, CheckedModel& model)
      : context_(context), scope_(scope), model_(model) {}

  void Layer(const ast::Layer& layer);
  void TiedWeights(const ast::Model& model);
  int64_t instances() const { return instances_; }

 private:
  CheckedOperation Operation(const ast::Operation& operation, int depth);
  // Moves the flow past an operation whose settings are known.
  void Advance(const ast::Operation& operation, CheckedOperation& checked, int depth);
  void Embed(const CheckedOperation& checked);
  void Residual(const ast::Operation& operation, CheckedOperation& checked, int depth);
  void Attention(const ast::Operation& operation, const CheckedOperation& checked);
  void Loss(const CheckedOperation& checked, int depth);
  void Matrix(const CheckedOperation& checked, int64_t rows, int64_t columns);
  void Repeat(const ast::Layer& layer, CheckedLayer& checked);
  void TiedWeight(const CheckedOperation& operation);

  void Fail(ast::Location location, const std::string& message) {
    context_.diagnostics.Error(location, message);
    flow_.state = Flow::State::kUnknown;
  }

  const CheckContext& context_;
  Scope& scope_;
  CheckedModel& model_;
  Flow flow_;
  int64_t instances_ = 0;
  std::unordered_map<std::string, size_t> by_name_;  // into model_.layers
};

// The labels of one layer, residuals' bodies included.
class Labels {
 public:
  // Reports labels that are given twice.
  void Collect(const std::vector<CheckedOperation>& operations, Diagnostics& diagnostics) {
    for (const CheckedOperation& operation : operations) {
      if (!operation.label.empty() && !taken_.insert(operation.label).second) {
        diagnostics.Error(operation.location,
                          "the label " + Code(operation.label) + " is used twice in this layer");
      }
      Collect(operation.body, diagnostics);
    }
  }
  // The others get their kind and an ordinal: `linear`, `linear1`, ...
  void Complete(std::vector<CheckedOperation>& operations) {
    for (CheckedOperation& operation : operations) {
      const std::string kind(Name(operation.kind));
      while (operation.label.empty()) {
        const int ordinal = next_[kind]++;
        const std::string label = ordinal == 0 ? kind : kind + std::to_string(ordinal);
        if (taken_.insert(label).second) operation.label = label;
      }
      Complete(operation.body);
    }
  }

 private:
  std::set<std::string> taken_;
  std::map<std::string, int> next_;
};

void ModelChecker::Matrix(const CheckedOperation& checked, int64_t rows, int64_t columns) {
  if (rows <= kMostElements / columns) return;
  Fail(checked.location, "a matrix of " + std::to_string(rows) + " by " + std::to_string(columns) +
                             " has more elements than the limit, 2^48");
}

void ModelChecker::Embed(const CheckedOperation& checked) {
  if (flow_.state == Flow::State::kWidth) {
    Fail(checked.location, "`embedding` takes tokens, so it is the first operation of a model");
    return;
  }
  if (flow_.state == Flow::State::kTokens) model_.vocabulary = checked.vocabulary;
  flow_ = {Flow::State::kWidth, checked.width_out};
  Matrix(checked, checked.vocabulary, checked.width_out);
}

void ModelChecker::Attention(const ast::Operation& operation, const CheckedOperation& checked) {
  if (flow_.width % checked.heads != 0) {
    ReportSetting(context_, operation, "heads",
                  "`heads` is " + std::to_string(checked.heads) +
                      ", which does not divide `width` = " + std::to_string(flow_.width),
                  scope_);
    return;
  }
  const int64_t head = flow_.width / checked.heads;
  if (checked.rope_theta != 0 && head % 2 != 0) {
    context_.diagnostics.Error(checked.location,
                               "`rope` turns pairs, but a head has " + Amount(head, "element"));
  }
  Matrix(checked, flow_.width, 3 * flow_.width);
}

void ModelChecker::Loss(const CheckedOperation& checked, int depth) {
  if (depth > 0) {
    Fail(checked.location, "a loss inside a `residual`: it ends the model");
    return;
  }
  // An embedding that is missing or wrong was reported, and leaves the vocabulary unknown.
  if (model_.vocabulary > 0 && flow_.width != model_.vocabulary) {
    const bool squared = checked.kind == LayerOpKind::kMeanSquaredError;
    Diagnostic& error = context_.diagnostics.Error(
        checked.location, Code(Name(checked.kind)) + " needs a " + (squared ? "number" : "score") +
                              " for each of " + Amount(model_.vocabulary, "token") +
                              ", but gets width " + std::to_string(flow_.width));
    if (squared) {
      error.Note(checked.location,
                 "it is the squared distance to the target's one-hot vector: 1 at the token that "
                 "comes, 0 at the others");
    }
    error.Note(checked.location, "a `linear` to the size of the vocabulary comes before it");
  }
  model_.has_loss = true;
  flow_ = {Flow::State::kLoss, 0};
}

void ModelChecker::Residual(const ast::Operation& operation, CheckedOperation& checked, int depth) {
  const Flow before = flow_;
  for (const ast::Operation& inner : operation.body) {
    checked.body.push_back(Operation(inner, depth + 1));
  }
  if (before.state != Flow::State::kWidth || flow_.state != Flow::State::kWidth) return;
  if (before.width != flow_.width) {
    context_.diagnostics.Error(checked.location, "this `residual` takes " + WidthText(before) +
                                                     ", but its body gives " + WidthText(flow_) +
                                                     ": they are added, so they must be equal");
  }
  flow_ = before;
}

void ModelChecker::Advance(const ast::Operation& operation, CheckedOperation& checked, int depth) {
  if (flow_.state == Flow::State::kLoss) {
    Fail(checked.location,
         Code(Name(checked.kind)) + " comes after the loss, which ends the model");
    return;
  }
  if (checked.kind == LayerOpKind::kEmbedding) return Embed(checked);
  if (flow_.state == Flow::State::kTokens) {
    Fail(checked.location,
         "the first operation of a model is `embedding`, not " + Code(Name(checked.kind)));
    return;
  }
  if (checked.kind == LayerOpKind::kResidual) return Residual(operation, checked, depth);
  if (flow_.state == Flow::State::kUnknown) {
    if (IsLoss(checked.kind)) model_.has_loss = true;
    if (checked.width_out > 0) flow_ = {Flow::State::kWidth, checked.width_out};
    return;
  }
  if (checked.kind == LayerOpKind::kAttention) return Attention(operation, checked);
  if (IsLoss(checked.kind)) return Loss(checked, depth);
  const int64_t width_in = flow_.width;
  if (checked.width_out > 0) {
    flow_.width = checked.width_out;
    Matrix(checked, width_in, checked.width_out);
  }
  if (checked.kind == LayerOpKind::kPositions) Matrix(checked, checked.context, width_in);
}

CheckedOperation ModelChecker::Operation(const ast::Operation& operation, int depth) {
  std::optional<CheckedOperation> checked = ReadOperation(context_, operation, scope_);
  if (!checked.has_value()) {
    flow_.state = Flow::State::kUnknown;
    return {};
  }
  checked->width_in = flow_.state == Flow::State::kWidth ? flow_.width : 0;
  Advance(operation, *checked, depth);
  checked->width_out = flow_.state == Flow::State::kWidth ? flow_.width : 0;
  return *std::move(checked);
}

void ModelChecker::Repeat(const ast::Layer& layer, CheckedLayer& checked) {
  if (layer.repeat.valid()) {
    ValueReader reader(context_.program, scope_, context_.diagnostics);
    checked.indexed = true;
    checked.repeat =
        reader.Integer(layer.repeat, "repeat", {.least = 1, .most = context_.limits.layers})
            .value_or(1);
  }
  instances_ += checked.repeat;
}

void ModelChecker::Layer(const ast::Layer& layer) {
  CheckedLayer checked{.name = layer.name.text,
                       .repeat = 1,
                       .indexed = false,
                       .operations = {},
                       .location = layer.location};
  const auto [known_layer, added] = by_name_.try_emplace(checked.name, model_.layers.size());
  if (!added) {
    context_.diagnostics.Error(layer.name.location, "a second layer " + Code(checked.name))
        .Note(model_.layers[known_layer->second].location, "the first is here");
    return;
  }
  Repeat(layer, checked);
  if (layer.operations.empty()) {
    Fail(layer.location, "the layer " + Code(checked.name) + " is empty");
  }
  const Flow before = flow_;
  for (const ast::Operation& operation : layer.operations) {
    checked.operations.push_back(Operation(operation, 0));
  }
  const bool known = before.state != Flow::State::kUnknown && flow_.state != Flow::State::kUnknown;
  const bool fits = before.state == flow_.state && before.width == flow_.width;
  if (checked.repeat > 1 && known && !fits) {
    const std::string gives =
        flow_.state == Flow::State::kLoss ? "ends in a loss" : "gives " + WidthText(flow_);
    context_.diagnostics.Error(layer.name.location, "the layer " + Code(checked.name) +
                                                        " is repeated, but takes " +
                                                        WidthText(before) + " and " + gives);
  }
  Labels labels;
  labels.Collect(checked.operations, context_.diagnostics);
  labels.Complete(checked.operations);
  model_.layers.push_back(std::move(checked));
}

const CheckedOperation* FindEmbedding(const CheckedLayer& layer) {
  for (const CheckedOperation& operation : layer.operations) {
    if (operation.kind == LayerOpKind::kEmbedding) return &operation;
  }
  return nullptr;
}

void ModelChecker::TiedWeight(const CheckedOperation& operation) {
  for (const CheckedOperation& inner : operation.body) TiedWeight(inner);
  if (operation.tied.empty()) return;
  const auto layer = by_name_.find(operation.tied);
  const CheckedOperation* table =
      layer == by_name_.end() ? nullptr : FindEmbedding(model_.layers[layer->second]);
  if (table == nullptr) {
    std::vector<std::string> names;
    // Only for the message, which nobody sees after the others.
    for (size_t i = 0; i < model_.layers.size() && !context_.diagnostics.Full(); ++i) {
      names.push_back(model_.layers[i].name);
    }
    const std::string meant = DidYouMean(operation.tied, names);
    Diagnostic& error = context_.diagnostics.Error(
        operation.location,
        "`tied` is " + Code(operation.tied) + ", which is no layer with an `embedding`");
    if (!meant.empty()) error.Note(operation.location, "did you mean " + Code(meant) + "?");
    return;
  }
  if (operation.width_in == 0 || operation.width_out == 0) return;
  if (operation.width_in == table->width_out && operation.width_out == table->vocabulary) return;
  context_.diagnostics
      .Error(operation.location, "this `linear` maps " + std::to_string(operation.width_in) +
                                     " to " + std::to_string(operation.width_out) +
                                     ", which does not fit the embedding it is tied to")
      .Note(table->location, "the table has " + std::to_string(table->vocabulary) +
                                 " rows of width " + std::to_string(table->width_out));
}

void ModelChecker::TiedWeights(const ast::Model& model) {
  for (const CheckedLayer& layer : model_.layers) {
    for (const CheckedOperation& operation : layer.operations) TiedWeight(operation);
  }
  if (model_.layers.empty()) {
    context_.diagnostics.Error(model.location,
                               "the model " + Code(model.name.text) + " has no layers");
  }
}

}  // namespace

CheckedModel CheckModel(const CheckContext& context, const ast::Model& model, Scope& scope) {
  CheckedModel checked;
  checked.name = model.name.text;
  DefineLets(context, model.lets, scope);
  ModelChecker checker(context, scope, checked);
  for (const ast::Layer& layer : model.layers) {
    checker.Layer(layer);
    if (checker.instances() <= context.limits.layers) continue;
    context.diagnostics.Error(layer.location,
                              "the model has more layers than the limit `layers`, " +
                                  std::to_string(context.limits.layers));
    return checked;
  }
  checker.TiedWeights(model);
  return checked;
}

}  // namespace pprun
