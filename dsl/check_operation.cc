// Reads the settings of one operation of a layer. Tests: checker_test.cc and golden/errors/.
#include <algorithm>

#include "compiler/plan/base/check.h"
#include "dsl/arguments.h"
#include "dsl/check_parts.h"
#include "dsl/layer_operations.h"

namespace pprun {
namespace {

constexpr IntegerRange kExtent{.least = 1, .most = kLargestExtent};

const OperationRule* FindRule(const ast::Operation& operation, Diagnostics& diagnostics) {
  const std::string& name = operation.name.text;
  std::vector<std::string> names;
  for (const OperationRule& rule : OperationRules()) {
    if (rule.name == name) return &rule;
    names.push_back(rule.name);
  }
  const std::string meant = DidYouMean(name, names);
  Diagnostic& error = diagnostics.Error(operation.name.location, "unknown operation " + Code(name));
  if (!meant.empty()) error.Note(operation.name.location, "did you mean " + Code(meant) + "?");
  return nullptr;
}

// Reads the arguments of one operation into its fields. `ok` turns false at the first error.
class SettingsReader {
 public:
  SettingsReader(ValueReader& values, const OperationRule& rule, const BoundArguments& arguments)
      : values_(values), rule_(rule), arguments_(arguments) {}

  void Integer(const std::string& name, int64_t& field, IntegerRange range) {
    if (Given(name)) Store(values_.Integer(At(name), name, range), field);
  }
  void Float(const std::string& name, double& field, double least,
             double most = std::numeric_limits<double>::max()) {
    if (Given(name)) Store(values_.Float(At(name), name, least, most), field);
  }
  void Boolean(const std::string& name, bool& field) {
    if (Given(name)) Store(values_.Boolean(At(name), name), field);
  }
  void Word(const std::string& name, std::string& field, const std::vector<std::string>& choices) {
    if (Given(name)) Store(values_.Word(At(name), name, choices), field);
  }
  void Name(const std::string& name, std::string& field) {
    if (Given(name)) Store(values_.Name(At(name), name), field);
  }

  bool Given(const std::string& name) const { return At(name).valid(); }
  ast::ExpressionId At(const std::string& name) const {
    for (size_t i = 0; i < rule_.parameters.size(); ++i) {
      if (rule_.parameters[i].name == name) return arguments_[i];
    }
    CHECK(false && "a parameter of the operation");
  }
  // The settings do not fit each other, as was reported.
  void Fail() { ok_ = false; }
  bool ok() const { return ok_; }

 private:
  template <typename T>
  void Store(std::optional<T> value, T& field) {
    if (!value.has_value()) {
      ok_ = false;
      return;
    }
    field = *std::move(value);
  }

  ValueReader& values_;
  const OperationRule& rule_;
  const BoundArguments& arguments_;
  bool ok_ = true;
};

void ReadAttention(const CheckContext& context, const ast::Operation& operation,
                   SettingsReader& read, CheckedOperation& checked) {
  checked.bias = true;
  read.Integer("heads", checked.heads, kExtent);
  checked.kv_heads = checked.heads;
  read.Integer("kv_heads", checked.kv_heads, kExtent);
  read.Float("rope", checked.rope_theta, 0);
  read.Boolean("bias", checked.bias);
  if (!read.ok() || checked.heads % checked.kv_heads == 0) return;
  context.diagnostics
      .Error(operation.location,
             "`kv_heads` is " + std::to_string(checked.kv_heads) +
                 ", which does not divide `heads` = " + std::to_string(checked.heads))
      .Note(operation.location, "each head of keys and values serves the same number of heads");
  read.Fail();
}

void ReadSettings(const CheckContext& context, const ast::Operation& operation,
                  SettingsReader& read, CheckedOperation& checked) {
  switch (checked.kind) {
    case LayerOpKind::kEmbedding:
      read.Integer("vocab", checked.vocabulary, kExtent);
      read.Integer("width", checked.width_out, kExtent);
      return;
    case LayerOpKind::kPositions:
      read.Integer("context", checked.context, kExtent);
      return;
    case LayerOpKind::kLayerNorm:
    case LayerOpKind::kRmsNorm:
      checked.epsilon = 1e-5;
      read.Float("epsilon", checked.epsilon, 1e-20, 1);
      return;
    case LayerOpKind::kLinear:
      checked.bias = true;
      read.Integer("width", checked.width_out, kExtent);
      read.Boolean("bias", checked.bias);
      read.Name("tied", checked.tied);
      return;
    case LayerOpKind::kGelu:
    case LayerOpKind::kGeluTanh:
      if (read.Given("approximate")) {
        std::string approximation;
        read.Word("approximate", approximation, {"tanh", "none"});
        if (approximation == "tanh") checked.kind = LayerOpKind::kGeluTanh;
      }
      return;
    case LayerOpKind::kSwiglu:
      read.Integer("hidden", checked.hidden, kExtent);
      checked.width_out = checked.hidden;
      return;
    case LayerOpKind::kAttention:
      ReadAttention(context, operation, read, checked);
      return;
    case LayerOpKind::kDropout:
      read.Float("p", checked.probability, 0, 1);
      if (read.ok() && checked.probability == 1) {
        context.diagnostics.Error(operation.location, "`p` is 1: nothing would be left");
      }
      return;
    case LayerOpKind::kSilu:
    case LayerOpKind::kRelu:
    case LayerOpKind::kResidual:
    case LayerOpKind::kCrossEntropy:
    case LayerOpKind::kMeanSquaredError:
      return;
  }
  CHECK(false && "an operation of the table");
}

// Labels become parts of names in files, as in `block[3].attn.qkv.weight`.
bool IsLabel(const std::string& text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool ReadModifiers(const ast::Operation& operation, CheckedOperation& checked,
                   Diagnostics& diagnostics) {
  if (operation.label.has_value()) {
    checked.label = operation.label->text;
    if (!IsLabel(checked.label)) {
      diagnostics.Error(operation.label->location,
                        "a label consists of 1 to 64 letters, digits and `_`");
      return false;
    }
  }
  if (!operation.split.has_value()) return true;
  const std::vector<std::string> splits = {"column", "row", "heads", "vocab"};
  checked.split = operation.split->text;
  if (std::find(splits.begin(), splits.end(), checked.split) != splits.end()) return true;
  const std::string meant = DidYouMean(checked.split, splits);
  diagnostics.Error(operation.split->location, "unknown split " + Code(checked.split))
      .Note(operation.split->location, meant.empty()
                                           ? "it is one of `column`, `row`, `heads`, `vocab`"
                                           : "did you mean " + Code(meant) + "?");
  return false;
}

bool CheckBody(const ast::Operation& operation, LayerOpKind kind, Diagnostics& diagnostics) {
  const std::string name = Code(operation.name.text);
  if (kind != LayerOpKind::kResidual && operation.has_body) {
    diagnostics.Error(operation.location, name + " has no body: only `residual` has one");
    return false;
  }
  if (kind == LayerOpKind::kResidual && operation.body.empty()) {
    diagnostics.Error(operation.location, "a `residual` needs operations in braces");
    return false;
  }
  return true;
}

}  // namespace

std::optional<CheckedOperation> ReadOperation(const CheckContext& context,
                                              const ast::Operation& operation, Scope& scope) {
  const OperationRule* rule = FindRule(operation, context.diagnostics);
  if (rule == nullptr) return std::nullopt;
  const auto arguments = BindArguments(rule->name, operation.location, operation.arguments,
                                       rule->parameters, context.diagnostics);
  if (!arguments.has_value()) return std::nullopt;
  CheckedOperation checked;
  checked.kind = rule->kind;
  checked.location = operation.location;
  if (!ReadModifiers(operation, checked, context.diagnostics)) return std::nullopt;
  if (!CheckBody(operation, rule->kind, context.diagnostics)) return std::nullopt;
  ValueReader values(context.program, scope, context.diagnostics);
  SettingsReader read(values, *rule, *arguments);
  ReadSettings(context, operation, read, checked);
  if (!read.ok()) return std::nullopt;
  return checked;
}

void ReportSetting(const CheckContext& context, const ast::Operation& operation,
                   const std::string& name, const std::string& message, Scope& scope) {
  Diagnostic& error = context.diagnostics.Error(operation.location, message);
  // The argument of that name, or the first, which has none where it is written plainly.
  for (const ast::Argument& argument : operation.arguments) {
    if (argument.name.has_value() && argument.name->text != name) continue;
    ValueReader reader(context.program, scope, context.diagnostics);
    reader.NoteWhereSet(argument.value, error);
    reader.Distrust(argument.value);
    return;
  }
}

}  // namespace pprun
