#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <variant>

#include "tests/verify/oracle.h"
#include "tests/verify/oracle_numbers.h"

namespace pprun {

Words BatchWords(int what, int32_t microbatch, int64_t replica, int64_t bytes) {
  Words words(static_cast<size_t>(bytes / 4));
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = Combine({17, static_cast<Word>(what), static_cast<Word>(microbatch),
                        static_cast<Word>(replica), i});
  }
  return words;
}

Words InitialWords(ParameterId parameter, int64_t bytes) {
  Words words(static_cast<size_t>(bytes / 4));
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = Combine({23, static_cast<Word>(parameter.value), i});
  }
  return words;
}

OracleCall::OracleCall(const Function& function, LayerId layer, MicrobatchId microbatch,
                       int64_t replica)
    : state(Combine({29, static_cast<Word>(function.kind), static_cast<Word>(layer.value),
                     static_cast<Word>(microbatch.value), static_cast<Word>(replica)})) {
  for (const char c : function.name) state = Combine({state, static_cast<Word>(c)});
}

void OracleCall::Read(const Argument& argument, const Words& words) {
  state = Combine({state, static_cast<Word>(argument.role), static_cast<Word>(argument.ordinal)});
  state = Combine(state, words);
}

Words OracleCall::Result(const Argument& argument) const {
  Words words(static_cast<size_t>(argument.bytes / 4));
  for (size_t i = 0; i < words.size(); ++i) {
    words[i] = Combine(
        {state, 31, static_cast<Word>(argument.role), static_cast<Word>(argument.ordinal), i});
  }
  return words;
}

Words RoundedWords(const Words& words) {
  Words rounded;
  for (size_t i = 0; i + 1 < words.size(); i += 2) {
    rounded.push_back(Combine({71, words[i], words[i + 1]}));
  }
  return rounded;
}

Words SquareSums(const Words& gradient) {
  constexpr size_t kBlock = 64 << 10;
  Words sums;
  for (size_t begin = 0; begin < gradient.size(); begin += kBlock) {
    Word sum = 37;
    for (size_t i = begin; i < std::min(gradient.size(), begin + kBlock); ++i) {
      sum = Combine({sum, gradient[i]});
    }
    sums.push_back(sum);
    sums.push_back(Combine({sum, 41}));
  }
  return sums;
}

// Odd, so that no gradient is scaled to the same as another.
Word ClipWord(const Words& sums_in_order) { return Combine(43, sums_in_order) | 1; }

void UpdateWords(Words& value, const Words& gradient, Words& first, Words& second) {
  for (size_t i = 0; i < value.size(); ++i) {
    const Word one = first.empty() ? 0 : first[i];
    const Word two = second.empty() ? 0 : second[i];
    const Word was = value[i];
    value[i] = Combine({47, was, gradient[i], one, two});
    if (!first.empty()) first[i] = Combine({53, gradient[i], one});
    if (!second.empty()) second[i] = Combine({59, gradient[i], two});
  }
}

namespace {

// What a sound plan says about the model.
struct Model {
  struct Layer {
    // A schedule may split the backward of one microbatch and not of another.
    std::map<std::pair<TaskKind, MicrobatchId>, FunctionId> functions;
    std::optional<FunctionId> evaluate;
    std::map<int32_t, ParameterId> parameters;  // by ordinal
  };
  std::vector<Layer> layers;
  bool clips = false;
  int moments = 0;
};

Model ModelOf(const Plan& plan) {
  Model model;
  model.layers.resize(plan.layers.size());
  for (const Position& position : plan.positions) {
    std::map<int32_t, ParameterId> parameter_of;  // by buffer
    const auto body = [&](ProgramKind kind) -> const std::vector<Instruction>& {
      return position.programs[static_cast<size_t>(kind)].instructions;
    };
    for (const Instruction& instruction : body(ProgramKind::kInitialise)) {
      const auto* initialise = std::get_if<Initialise>(&instruction.operands);
      if (initialise != nullptr) parameter_of[initialise->target.value] = initialise->parameter;
      const auto* cast = std::get_if<Cast>(&instruction.operands);
      if (cast != nullptr) parameter_of[cast->target.value] = parameter_of.at(cast->source.value);
    }
    for (const ParameterUpdate& update : position.updates) {
      model.moments = update.second_moment.valid() ? 2 : update.first_moment.valid() ? 1 : 0;
    }
    for (const Instruction& instruction : body(ProgramKind::kStep)) {
      if (std::holds_alternative<ClipFactor>(instruction.operands)) model.clips = true;
      const auto* run = std::get_if<Run>(&instruction.operands);
      if (run == nullptr) continue;
      Model::Layer& layer = model.layers[run->layer.index()];
      layer.functions[{run->kind, run->microbatch}] = run->function;
      size_t binding = static_cast<size_t>(run->first_binding);
      for (const Argument& argument : plan.functions[run->function.index()].arguments) {
        const BufferId bound = position.bindings[binding++];
        if (argument.role == Role::kParameter) {
          layer.parameters[argument.ordinal] = parameter_of.at(bound.value);
        }
      }
    }
    for (const Instruction& instruction : body(ProgramKind::kValidate)) {
      const auto* run = std::get_if<Run>(&instruction.operands);
      if (run != nullptr) model.layers[run->layer.index()].evaluate = run->function;
    }
  }
  return model;
}

// Memory with names for addresses.
class Trainer {
 public:
  Trainer(const Plan& plan, Model model) : plan_(plan), model_(std::move(model)) {
    for (size_t p = 0; p < plan.parameters.size(); ++p) {
      const int64_t bytes = plan.parameters[p].type.Bytes();
      values_.push_back(InitialWords(ParameterId(static_cast<int64_t>(p)), bytes));
      const Words zeros(static_cast<size_t>(bytes / 4), 0);
      first_.push_back(model_.moments > 0 ? zeros : Words());
      second_.push_back(model_.moments > 1 ? zeros : Words());
    }
  }

  void Step() {
    gradients_.assign(values_.size(), {});
    for (size_t p = 0; p < values_.size(); ++p) gradients_[p].assign(values_[p].size(), 0);
    ForEachMicrobatch([&] {
      for (size_t l = 0; l < model_.layers.size(); ++l) Call(l, TaskKind::kForward);
      losses[{replica_, microbatch_.value}] = named_["loss"];
      for (size_t l = model_.layers.size(); l-- > 0;) {
        for (const TaskKind kind :
             {TaskKind::kBackward, TaskKind::kInputGrad, TaskKind::kWeightGrad}) {
          Call(l, kind);
        }
      }
    });
    Words sums;
    for (const Words& gradient : gradients_) {
      const Words own = SquareSums(gradient);
      sums.insert(sums.end(), own.begin(), own.end());
    }
    const Word factor = model_.clips ? ClipWord(sums) : 1;
    for (size_t p = 0; p < values_.size(); ++p) {
      for (Word& word : gradients_[p]) word *= factor;
      UpdateWords(values_[p], gradients_[p], first_[p], second_[p]);
    }
  }

  void Validate() {
    ForEachMicrobatch([&] {
      for (size_t l = 0; l < model_.layers.size(); ++l) {
        if (model_.layers[l].evaluate) Call(l, *model_.layers[l].evaluate);
      }
      losses[{replica_, microbatch_.value}] = named_["loss"];
    });
  }

  const std::vector<Words>& values() const { return values_; }
  std::map<std::pair<int64_t, int32_t>, Words> losses;

 private:
  template <typename Body>
  void ForEachMicrobatch(Body&& body) {
    for (replica_ = 0; replica_ < plan_.Replicas(); ++replica_) {
      for (int32_t i = 0; i < plan_.train.microbatches; ++i) {
        microbatch_ = MicrobatchId(i);
        named_.clear();
        body();
      }
    }
  }

  void Call(size_t layer, TaskKind kind) {
    const auto& functions = model_.layers[layer].functions;
    const auto function = functions.find({kind, microbatch_});
    if (function != functions.end()) Call(layer, function->second);
  }

  void Call(size_t layer, FunctionId id) {
    const Function& function = plan_.functions[id.index()];
    OracleCall call(function, LayerId(static_cast<int64_t>(layer)), microbatch_, replica_);
    for (const Argument& argument : function.arguments) {
      if (argument.access != Access::kRead) continue;
      call.Read(argument, argument.role == Role::kParameter ? ParameterRead(layer, argument)
                                                            : Named(layer, argument));
    }
    for (const Argument& argument : function.arguments) {
      if (argument.access == Access::kWrite) {
        named_[NameOfArgument(layer, argument)] = call.Result(argument);
      } else if (argument.access == Access::kAccumulate) {
        const Words result = call.Result(argument);
        Words& gradient = gradients_[ParameterAt(layer, argument)];
        for (size_t i = 0; i < result.size(); ++i) gradient[i] += result[i];
      }
    }
  }

  size_t ParameterAt(size_t layer, const Argument& argument) const {
    return model_.layers[layer].parameters.at(argument.ordinal).index();
  }

  // As the function reads it: in half the bytes, rounded.
  Words ParameterRead(size_t layer, const Argument& argument) const {
    const Words& value = values_[ParameterAt(layer, argument)];
    return static_cast<size_t>(argument.bytes) == 4 * value.size() ? value : RoundedWords(value);
  }

  static std::string NameOfArgument(size_t layer, const Argument& argument) {
    switch (argument.role) {
      case Role::kLoss:
        return "loss";
      case Role::kInput:
        return "activation " + std::to_string(layer);
      case Role::kOutput:
        return "activation " + std::to_string(layer + 1);
      case Role::kOutputGradient:
        return "gradient " + std::to_string(layer + 1);
      case Role::kInputGradient:
        return "gradient " + std::to_string(layer);
      default:
        return std::string(Name(argument.role)) + " " + std::to_string(layer);
    }
  }

  Words Named(size_t layer, const Argument& argument) {
    if (argument.role == Role::kTokens || argument.role == Role::kTargets) {
      return BatchWords(argument.role == Role::kTokens ? 0 : 1, microbatch_.value, replica_,
                        argument.bytes);
    }
    return named_.at(NameOfArgument(layer, argument));
  }

  const Plan& plan_;
  Model model_;
  std::vector<Words> values_, first_, second_, gradients_;  // by parameter
  std::map<std::string, Words> named_;                      // of the microbatch and replica
  int64_t replica_ = 0;
  MicrobatchId microbatch_;
};

}  // namespace

OracleReference Reference(const Plan& plan) {
  Trainer trainer(plan, ModelOf(plan));
  OracleReference reference;
  trainer.Validate();
  reference.validation_losses = trainer.losses;
  trainer.Step();
  trainer.Step();
  reference.losses = trainer.losses;
  reference.parameters = trainer.values();
  return reference;
}

}  // namespace pprun
