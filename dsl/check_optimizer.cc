// Checks `optimizer = adamw(lr = 3e-4, ...)`. Tests: checker_test.cc.
#include "dsl/arguments.h"
#include "dsl/check_parts.h"

namespace pprun {
namespace {

struct OptimizerRule {
  std::string name;
  CheckedOptimizer::Kind kind = CheckedOptimizer::Kind::kSgd;
};

const std::vector<OptimizerRule>& Rules() {
  static const std::vector<OptimizerRule> rules = {{"sgd", CheckedOptimizer::Kind::kSgd},
                                                   {"adam", CheckedOptimizer::Kind::kAdam},
                                                   {"adamw", CheckedOptimizer::Kind::kAdamW}};
  return rules;
}

// The order is the one in which ReadOptimizer takes them.
std::vector<CallParameter> ParametersOf(CheckedOptimizer::Kind kind) {
  std::vector<CallParameter> parameters = {{"lr", CallParameter::Need::kRequired},
                                           {"weight_decay"},
                                           {"warmup"},
                                           {"decay"},
                                           {"final_lr"},
                                           {"clip"}};
  if (kind == CheckedOptimizer::Kind::kSgd) {
    parameters.push_back({"momentum"});
  } else {
    parameters.push_back({"betas"});
    parameters.push_back({"epsilon"});
  }
  return parameters;
}

void ReadBetas(const CheckContext& context, ValueReader& reader, ast::ExpressionId id,
               CheckedOptimizer& checked) {
  const std::optional<Constant> value = reader.Any(id);
  if (!value.has_value()) return;
  const auto* pair = std::get_if<std::vector<Constant>>(&value->data);
  const auto beta = [](const Constant& item) {
    const auto* number = std::get_if<double>(&item.data);
    if (number != nullptr) return *number;
    const auto* integer = std::get_if<int64_t>(&item.data);
    return integer != nullptr && *integer == 0 ? 0.0 : -1.0;
  };
  if (pair != nullptr && pair->size() == 2) {
    checked.beta1 = beta((*pair)[0]);
    checked.beta2 = beta((*pair)[1]);
    const auto within = [](double b) { return b >= 0 && b < 1; };
    if (within(checked.beta1) && within(checked.beta2)) return;
  }
  context.diagnostics.Error(
      reader.Place(id),
      "`betas` is " + ToString(*value) + ": it must be two numbers, each at least 0 and below 1");
}

void ReadDecay(const CheckContext& context, ValueReader& reader, const BoundArguments& bound,
               CheckedOptimizer& checked) {
  const ast::ExpressionId decay = bound[3];
  const ast::ExpressionId final_lr = bound[4];
  if (decay.valid()) {
    const auto word = reader.Word(decay, "decay", {"constant", "cosine"});
    if (!word.has_value()) return;
    if (*word == "cosine") checked.decay = CheckedOptimizer::Decay::kCosine;
  }
  if (!final_lr.valid()) return;
  checked.final_lr = reader.Float(final_lr, "final_lr", 0).value_or(0);
  if (checked.decay == CheckedOptimizer::Decay::kConstant) {
    context.diagnostics.Error(reader.Place(final_lr), "`final_lr` needs `decay = cosine`");
  } else if (checked.final_lr > checked.lr) {
    context.diagnostics.Error(reader.Place(final_lr), "`final_lr` is above `lr`");
  }
}

void ReadOptimizer(const CheckContext& context, const BoundArguments& bound, Scope& scope,
                   CheckedOptimizer& checked) {
  ValueReader reader(context.program, scope, context.diagnostics);
  const auto number = [&](size_t index, std::string_view name, double& field) {
    if (bound[index].valid()) field = reader.Float(bound[index], name, 0).value_or(field);
  };
  number(0, "lr", checked.lr);
  number(1, "weight_decay", checked.weight_decay);
  if (bound[2].valid()) {
    checked.warmup = reader.Integer(bound[2], "warmup", {.least = 0}).value_or(0);
  }
  ReadDecay(context, reader, bound, checked);
  number(5, "clip", checked.clip);
  if (checked.kind == CheckedOptimizer::Kind::kSgd) {
    if (bound[6].valid()) {
      checked.momentum = reader.Float(bound[6], "momentum", 0, 1).value_or(0);
    }
    return;
  }
  if (bound[6].valid()) ReadBetas(context, reader, bound[6], checked);
  if (bound[7].valid()) {
    checked.epsilon = reader.Float(bound[7], "epsilon", 1e-30, 1).value_or(checked.epsilon);
  }
}

}  // namespace

std::vector<std::string> OptimizerArguments(std::string_view optimizer) {
  std::vector<std::string> names;
  for (const OptimizerRule& rule : Rules()) {
    if (rule.name != optimizer) continue;
    for (const CallParameter& parameter : ParametersOf(rule.kind)) names.push_back(parameter.name);
  }
  return names;
}

CheckedOptimizer CheckOptimizer(const CheckContext& context, ast::ExpressionId value,
                                Scope& scope) {
  CheckedOptimizer checked;
  const ast::Expression& written = context.program[value];
  const auto* call = std::get_if<ast::Call>(&written.node);
  const OptimizerRule* rule = nullptr;
  std::vector<std::string> names;
  for (const OptimizerRule& candidate : Rules()) {
    names.push_back(candidate.name);
    if (call != nullptr && call->callee.text == candidate.name) rule = &candidate;
  }
  if (rule == nullptr) {
    const std::string meant = call == nullptr ? "" : DidYouMean(call->callee.text, names);
    context.diagnostics.Error(written.location, "unknown optimizer")
        .Note(written.location, meant.empty()
                                    ? "write `sgd(lr = ...)`, `adam(lr = ...)` or `adamw(lr = ...)`"
                                    : "did you mean " + Code(meant) + "?");
    return checked;
  }
  checked.kind = rule->kind;
  const auto bound = BindArguments(rule->name, written.location, call->arguments,
                                   ParametersOf(rule->kind), context.diagnostics);
  if (bound.has_value()) ReadOptimizer(context, *bound, scope, checked);
  return checked;
}

}  // namespace pprun
