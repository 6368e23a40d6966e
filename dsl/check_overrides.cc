// Applies `--set name=value` to the tree, before anything is evaluated, so that whatever depends on
// a value follows it.
//
// A name is qualified, as in `mesh.pp`, `train.steps`, `train.optimizer.lr`, `model.depth` and
// `schedule.lag`, or shorter where only one thing has it; the argument of a setting gives way to
// what is named so itself. Of a model and a schedule the chosen one is meant, also by its own name.
// Nothing may be set twice, by whatever names.
// Tests: overrides_test.cc.
#include <map>
#include <string>
#include <utility>

#include "dsl/arguments.h"
#include "dsl/check_parts.h"
#include "dsl/syntax.h"

namespace pprun {
namespace {

std::string Shown(const std::string& text) {
  return text.size() <= 40 ? text : text.substr(0, 37) + "...";
}

class Overrider {
 public:
  Overrider(ast::Program& program, const Limits& limits, Diagnostics& diagnostics)
      : program_(program), limits_(limits), diagnostics_(diagnostics) {
    // Trouble with the choice is reported by Check; then there is nothing of it to set.
    Diagnostics ignored;
    if (const auto model = ChosenModel(program, ignored)) model_ = &program.models[*model];
    if (const auto schedule = ChosenSchedule(program, ignored)) {
      schedule_ = &program.schedules[*schedule];
    }
    for (const std::string_view axis : kAxes) names_.push_back("mesh." + std::string(axis));
    for (const ast::Setting& let : program.lets) names_.push_back("let." + let.name.text);
    for (const std::string& setting : TrainSettings()) names_.push_back("train." + setting);
    if (model_ != nullptr) {
      for (const ast::Argument& one : model_->parameters)
        names_.push_back("model." + one.name->text);
      for (const ast::Setting& let : model_->lets) names_.push_back("model." + let.name.text);
    }
    if (schedule_ != nullptr) {
      for (const ast::Argument& one : schedule_->parameters) {
        names_.push_back("schedule." + one.name->text);
      }
    }
    names_.push_back("gradients");
    names_.push_back("transfers");
    names_.push_back("stages");
  }

  void Apply(const Override& given, ast::Location place) {
    place_ = place;
    const std::string name = Resolve(given);
    if (name.empty()) return;
    if (const auto [before, added] = set_.emplace(name, &given); !added) {
      diagnostics_.Error(place_,
                         "it is set twice: " + Written(*before->second) + " and " + Written(given));
      return;
    }
    Diagnostics inner;
    const auto value = ParseValue(given.value, limits_, program_, inner, place_);
    if (value.has_value()) return Set(name, *value);
    diagnostics_.Error(place_, inner.all().front().message);
  }

  AppliedOverrides Finish() && { return std::move(applied_); }

 private:
  static std::string Written(const Override& given) {
    return Code(Shown(given.name + "=" + given.value));
  }
  static std::string Qualifier(const std::string& name) { return name.substr(0, name.find('.')); }
  static std::string Plain(const std::string& name) { return name.substr(name.find('.') + 1); }

  // `tiny.depth` of the model `tiny` as `model.depth`.
  std::string WithoutOwnName(const std::string& name) const {
    const std::string own = Qualifier(name);
    if (own == name) return name;
    if (model_ != nullptr && own == model_->name.text) return "model." + Plain(name);
    if (schedule_ != nullptr && own == schedule_->name.text) return "schedule." + Plain(name);
    return name;
  }

  // The call that a setting of `train` is, if it is one.
  ast::Call* CallOf(const ast::Setting& setting) {
    ast::Expression& written = program_.expressions[static_cast<size_t>(setting.value.value)];
    return std::get_if<ast::Call>(&written.node);
  }
  // The names of its arguments, in order: those that it may have, or those that are written.
  static std::vector<std::string> ArgumentsOf(const ast::Setting& setting, const ast::Call& call) {
    if (setting.name.text == "optimizer") return OptimizerArguments(call.callee.text);
    std::vector<std::string> names;
    for (const ast::Argument& argument : call.arguments) {
      names.push_back(argument.name.has_value() ? argument.name->text : "");
    }
    return names;
  }
  // `train.optimizer.lr` and its like, as the settings are now.
  std::vector<std::string> ArgumentNames() {
    std::vector<std::string> names;
    for (const ast::Setting& setting : program_.train) {
      const ast::Call* call = CallOf(setting);
      if (call == nullptr) continue;
      for (const std::string& name : ArgumentsOf(setting, *call)) {
        if (!name.empty()) names.push_back("train." + setting.name.text + "." + name);
      }
    }
    return names;
  }

  // The one qualified name that is meant; empty after an error, and where it is left out.
  std::string Resolve(const Override& given) {
    const std::string& name = given.name;
    std::vector<std::string> meant;
    std::vector<std::string> candidates;
    const std::string full = WithoutOwnName(name);
    for (const std::string& known : names_) {
      if (known == name || known == full) return known;
      if (Plain(known) == name) meant.push_back(known);
      candidates.push_back(known);
      candidates.push_back(Plain(known));
    }
    const std::vector<std::string> of_calls = ArgumentNames();
    const size_t direct = meant.size();
    for (const std::string& known : of_calls) {
      const std::string short_name = Plain(known), last = Plain(short_name);
      if (known == name || short_name == name) return known;
      if (direct == 0 && last == name) meant.push_back(known);
      candidates.insert(candidates.end(), {known, short_name, last});
    }
    if (meant.size() == 1) return meant.front();
    if (meant.empty() && given.absent == Override::Absent::kLeftOut) {
      applied_.left_out.push_back(name);
      return "";
    }
    Diagnostic& error = diagnostics_.Error(
        place_, meant.empty() ? "there is nothing of that name" : "several things have that name");
    if (meant.size() > 1) {
      error.Note(place_, "it is " + Code(meant[0]) + " or " + Code(meant[1]));
    } else if (const std::string near = DidYouMean(full, candidates); !near.empty()) {
      error.Note(place_, "did you mean " + Code(near) + "?");
    }
    return "";
  }

  void Set(const std::string& name, ast::ExpressionId value) {
    const std::string part = Qualifier(name);
    const ast::Name plain{Plain(name), place_};
    if (part == "mesh") return SetOrAdd(program_.mesh, plain, value);
    if (part == "let") return SetOrAdd(program_.lets, plain, value);
    if (part == "train") return SetTrain(plain, value);
    if (part == "gradients" || part == "transfers" || part == "stages") {
      return SetChoice(part, value);
    }
    if (part == "schedule") {
      if (IsGivenWithTheChoice(plain.text)) {
        diagnostics_.Error(place_, "it is set twice: the schedule that was chosen beside it says " +
                                       Code(plain.text) + " too");
        return;
      }
      return SetParameter(schedule_->parameters, program_.schedule, plain, value);
    }
    for (ast::Setting& let : model_->lets) {
      if (let.name.text == plain.text) return Replace(let, value);
    }
    SetParameter(model_->parameters, program_.model, plain, value);
  }

  // `--set schedule=NAME(chunks = 2)`, for `chunks`; the file's own choice gives way.
  bool IsGivenWithTheChoice(const std::string& parameter) const {
    const std::optional<ast::Choice>& choice = program_.schedule;
    if (!choice.has_value() || choice->location.file != kCommandLine.file) return false;
    const std::vector<ast::Argument>& given = choice->call.arguments;
    for (size_t i = 0; i < given.size(); ++i) {
      const std::string& name = given[i].name.has_value() ? given[i].name->text
                                : i < schedule_->parameters.size()
                                    ? schedule_->parameters[i].name->text
                                    : "";
      if (name == parameter) return true;
    }
    return false;
  }

  // From here on messages about it speak of the command line.
  void Replace(ast::Setting& setting, ast::ExpressionId value) {
    setting = {{setting.name.text, place_}, value, place_};
  }

  void SetOrAdd(std::vector<ast::Setting>& settings, const ast::Name& name,
                ast::ExpressionId value) {
    for (ast::Setting& setting : settings) {
      if (setting.name.text == name.text) return Replace(setting, value);
    }
    settings.push_back({name, value, place_});
  }

  // `optimizer.lr`: where it is written, by its name or by its place, else one more.
  void SetArgument(const ast::Name& name, ast::ExpressionId value) {
    const ast::Name argument{Plain(name.text), place_};
    for (const ast::Setting& setting : program_.train) {
      if (setting.name.text != Qualifier(name.text)) continue;
      ast::Call& call = *CallOf(setting);
      const std::vector<std::string> names = ArgumentsOf(setting, call);
      for (size_t i = 0; i < call.arguments.size(); ++i) {
        ast::Argument& given = call.arguments[i];
        const bool same = given.name.has_value() ? given.name->text == argument.text
                                                 : i < names.size() && names[i] == argument.text;
        if (!same) continue;
        given.value = value;
        given.location = place_;
        return;
      }
      call.arguments.push_back({argument, value, place_});
      return;
    }
  }

  void SetTrain(const ast::Name& name, ast::ExpressionId value) {
    if (name.text.find('.') != std::string::npos) return SetArgument(name, value);
    if (program_.train_location.end > 0) return SetOrAdd(program_.train, name, value);
    // A study of a schedule has microbatches, and nothing else of a training run.
    if (name.text != "microbatches") {
      diagnostics_.Error(place_, "there is no `train`");
      return;
    }
    applied_.microbatches = value;
  }

  // `gradients=naive` and `gradients=ddp(bucket = 1 MiB)`.
  void SetChoice(const std::string& part, ast::ExpressionId value) {
    const auto& node = program_[value].node;
    ast::Call call;
    if (const auto* word = std::get_if<ast::Reference>(&node)) {
      call.callee = {word->name, place_};
    } else if (const auto* written = std::get_if<ast::Call>(&node)) {
      call = *written;
    } else {
      diagnostics_.Error(place_, "this is no choice of " + part);
      return;
    }
    if (part == "gradients") {
      program_.gradients = ast::Choice{std::move(call), place_};
    } else if (part == "transfers") {
      program_.transfers = ast::Choice{std::move(call), place_};
    } else {
      program_.stages = ast::Stages{.stages = {}, .policy = std::move(call), .location = place_};
    }
  }

  // The value that the choice gives, else the default.
  static void SetParameter(std::vector<ast::Argument>& parameters,
                           std::optional<ast::Choice>& choice, const ast::Name& name,
                           ast::ExpressionId value) {
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (parameters[i].name->text != name.text) continue;
      parameters[i].value = value;
      if (!choice.has_value()) return;
      std::vector<ast::Argument>& arguments = choice->call.arguments;
      for (size_t k = 0; k < arguments.size(); ++k) {
        const std::optional<ast::Name>& given = arguments[k].name;
        if (given.has_value() ? given->text == name.text : k == i) arguments[k].value = value;
      }
      return;
    }
  }

  ast::Program& program_;
  const Limits& limits_;
  Diagnostics& diagnostics_;
  ast::Model* model_ = nullptr;
  ast::ScheduleDefinition* schedule_ = nullptr;
  std::vector<std::string> names_;
  ast::Location place_ = kCommandLine;          // of the setting at hand
  std::map<std::string, const Override*> set_;  // so far, by qualified name
  AppliedOverrides applied_;
};

}  // namespace

AppliedOverrides ApplyOverrides(ast::Program& program, const std::vector<Override>& overrides,
                                const Limits& limits, Diagnostics& diagnostics) {
  if (overrides.empty()) return {};
  std::vector<std::string> names;
  for (const Override& given : overrides) names.push_back(Shown(given.name));
  diagnostics.NameSettings(std::move(names));
  Overrider overrider(program, limits, diagnostics);
  for (size_t i = 0; i < overrides.size(); ++i) overrider.Apply(overrides[i], SettingPlace(i));
  return std::move(overrider).Finish();
}

}  // namespace pprun
