// Matches arguments with parameters and reads values. Tests: checker_test.cc.
#include "dsl/arguments.h"

#include <algorithm>
#include <unordered_map>
#include <variant>

#include "dsl/ast_text.h"

namespace pprun {
namespace {

std::string Signature(std::string_view callee, const std::vector<CallParameter>& parameters) {
  if (parameters.empty()) return "it takes no arguments";
  std::string text = std::string(callee) + "(";
  for (size_t i = 0; i < parameters.size(); ++i) {
    const bool optional = parameters[i].need == CallParameter::Need::kOptional;
    text += (i > 0 ? ", " : "") + parameters[i].name + (optional ? " = ..." : "");
  }
  return "it is written " + Code(text + ")");
}

// Appends the names in an expression; as deep as the tree, which the limit on nesting bounds.
struct Namer {
  const ast::Program& program;
  std::vector<std::string>& names;

  void At(ast::ExpressionId id) const { std::visit(*this, program[id].node); }

  void operator()(const ast::IntegerLiteral&) const {}
  void operator()(const ast::SizeLiteral&) const {}
  void operator()(const ast::FloatLiteral&) const {}
  void operator()(const ast::BooleanLiteral&) const {}
  void operator()(const ast::StringLiteral&) const {}
  void operator()(const ast::Reference& reference) const { names.push_back(reference.name); }
  void operator()(const ast::Unary& unary) const { At(unary.operand); }
  void operator()(const ast::Binary& binary) const {
    At(binary.left);
    At(binary.right);
  }
  void operator()(const ast::Conditional& conditional) const {
    At(conditional.condition);
    At(conditional.then);
    At(conditional.otherwise);
  }
  void operator()(const ast::Call& call) const {
    for (const ast::Argument& argument : call.arguments) At(argument.value);
  }
  void operator()(const ast::Tuple& tuple) const {
    for (const ast::ExpressionId item : tuple.items) At(item);
  }
};

}  // namespace

std::vector<std::string> NamesIn(const ast::Program& program, ast::ExpressionId id) {
  std::vector<std::string> names;
  Namer{program, names}.At(id);
  return names;
}

std::string Code(std::string_view text) { return "`" + std::string(text) + "`"; }

std::optional<BoundArguments> BindArguments(std::string_view callee, ast::Location location,
                                            const std::vector<ast::Argument>& arguments,
                                            const std::vector<CallParameter>& parameters,
                                            Diagnostics& diagnostics) {
  BoundArguments bound(parameters.size());
  std::unordered_map<std::string_view, size_t> by_name;
  for (size_t i = 0; i < parameters.size(); ++i) by_name.emplace(parameters[i].name, i);
  bool named = false;
  const auto fail = [&](ast::Location where, const std::string& message) -> Diagnostic& {
    return diagnostics.Error(where, Code(callee) + " " + message);
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    const ast::Argument& argument = arguments[i];
    size_t index = i;
    if (argument.name.has_value()) {
      named = true;
      const auto found = by_name.find(argument.name->text);
      if (found == by_name.end()) {
        std::vector<std::string> names;
        for (const CallParameter& parameter : parameters) names.push_back(parameter.name);
        const std::string meant = DidYouMean(argument.name->text, names);
        fail(argument.name->location, "has no argument " + Code(argument.name->text))
            .Note(argument.name->location, meant.empty() ? Signature(callee, parameters)
                                                         : "did you mean " + Code(meant) + "?");
        return std::nullopt;
      }
      index = found->second;
    } else if (named) {
      fail(argument.location, "has an argument without a name after one with a name");
      return std::nullopt;
    } else if (i >= parameters.size()) {
      fail(argument.location, "has too many arguments")
          .Note(argument.location, Signature(callee, parameters));
      return std::nullopt;
    }
    if (bound[index].valid()) {
      fail(argument.location, "has its argument " + Code(parameters[index].name) + " given twice");
      return std::nullopt;
    }
    bound[index] = argument.value;
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (bound[i].valid() || parameters[i].need == CallParameter::Need::kOptional) continue;
    fail(location, "needs " + Code(parameters[i].name))
        .Note(location, Signature(callee, parameters));
    return std::nullopt;
  }
  return bound;
}

std::optional<Constant> ValueReader::Any(ast::ExpressionId id) {
  Constant value = Evaluate(program_, id, scope_, diagnostics_);
  if (value.IsError()) return std::nullopt;
  return value;
}

void ValueReader::NoteWhereSet(ast::ExpressionId id, Diagnostic& diagnostic) const {
  const auto* reference = std::get_if<ast::Reference>(&program_[id].node);
  if (reference == nullptr) return;
  if (const auto place = scope_.PlaceOf(reference->name)) {
    diagnostic.Note(*place, Code(reference->name) + " is set here");
  }
}

void ValueReader::Distrust(ast::ExpressionId id) {
  // What nobody will be told need not be held back.
  if (diagnostics_.Full()) return;
  for (const std::string& name : NamesIn(program_, id)) scope_.Distrust(name);
}

void ValueReader::WrongKind(ast::ExpressionId id, std::string_view what, const Constant& value,
                            std::string_view expected) {
  NoteWhereSet(id,
               diagnostics_.Error(Place(id), Code(what) + " is " + std::string(Describe(value)) +
                                                 ", not " + std::string(expected)));
  Distrust(id);
}

std::optional<int64_t> ValueReader::Integer(ast::ExpressionId id, std::string_view what,
                                            IntegerRange range) {
  const std::optional<Constant> constant = Any(id);
  if (!constant.has_value()) {
    Distrust(id);
    return std::nullopt;
  }
  const auto* value = std::get_if<int64_t>(&constant->data);
  if (value == nullptr) {
    WrongKind(id, what, *constant, "an integer");
    return std::nullopt;
  }
  if (*value >= range.least && *value <= range.most) return *value;
  const bool low = *value < range.least;
  Diagnostic& error = diagnostics_.Error(
      Place(id),
      Code(what) + " is " + std::to_string(*value) + ": it must be at " +
          (low ? "least " + std::to_string(range.least) : "most " + std::to_string(range.most)));
  NoteWhereSet(id, error);
  Distrust(id);
  return std::nullopt;
}

std::optional<double> ValueReader::Float(ast::ExpressionId id, std::string_view what, double least,
                                         double most) {
  const std::optional<Constant> value = Any(id);
  if (!value.has_value()) return std::nullopt;
  double number = 0;
  if (const auto* integer = std::get_if<int64_t>(&value->data)) {
    number = static_cast<double>(*integer);
  } else if (const auto* real = std::get_if<double>(&value->data)) {
    number = *real;
  } else {
    WrongKind(id, what, *value, "a number");
    return std::nullopt;
  }
  if (number >= least && number <= most) return number;
  Diagnostic& error = diagnostics_.Error(
      Place(id), Code(what) + " is " + ToString(*value) + ": it must be at " +
                     (number < least ? "least " + FloatText(least) : "most " + FloatText(most)));
  NoteWhereSet(id, error);
  Distrust(id);
  return std::nullopt;
}

std::optional<bool> ValueReader::Boolean(ast::ExpressionId id, std::string_view what) {
  const std::optional<Constant> value = Any(id);
  if (!value.has_value()) {
    Distrust(id);
    return std::nullopt;
  }
  if (const auto* boolean = std::get_if<bool>(&value->data)) return *boolean;
  WrongKind(id, what, *value, "a boolean");
  return std::nullopt;
}

std::optional<std::string> ValueReader::String(ast::ExpressionId id, std::string_view what) {
  const std::optional<Constant> value = Any(id);
  if (!value.has_value()) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&value->data)) return *text;
  diagnostics_.Error(Place(id),
                     Code(what) + " is " + std::string(Describe(*value)) + ", not a string");
  return std::nullopt;
}

std::optional<std::string> ValueReader::Name(ast::ExpressionId id, std::string_view what) {
  if (const auto* word = std::get_if<ast::Reference>(&program_[id].node)) return word->name;
  diagnostics_.Error(Place(id), Code(what) + " is a plain word");
  return std::nullopt;
}

std::optional<std::string> ValueReader::Word(ast::ExpressionId id, std::string_view what,
                                             const std::vector<std::string>& choices) {
  const std::optional<std::string> word = Name(id, what);
  if (!word.has_value()) return std::nullopt;
  if (std::find(choices.begin(), choices.end(), *word) != choices.end()) return word;
  std::string known;
  for (size_t i = 0; i < choices.size(); ++i) known += (i > 0 ? ", " : "") + Code(choices[i]);
  const std::string meant = DidYouMean(*word, choices);
  diagnostics_.Error(Place(id), Code(what) + " has no choice " + Code(*word))
      .Note(Place(id),
            meant.empty() ? "it is one of " + known : "did you mean " + Code(meant) + "?");
  return std::nullopt;
}

}  // namespace pprun
