// Checks how the model is split into stages: every layer in exactly one, in order. Tests:
// checker_test.cc and golden/errors/.
#include <algorithm>
#include <unordered_map>

#include "compiler/plan/base/amount.h"
#include "dsl/arguments.h"
#include "dsl/check_parts.h"

namespace pprun {
namespace {

std::string InstanceName(const CheckedModel& model, LayerInstance instance) {
  const CheckedLayer& layer = model.layers[static_cast<size_t>(instance.layer)];
  return Code(layer.indexed ? layer.name + "[" + std::to_string(instance.index) + "]" : layer.name);
}

std::vector<LayerInstance> AllInstances(const CheckedModel& model) {
  std::vector<LayerInstance> instances;
  for (size_t layer = 0; layer < model.layers.size(); ++layer) {
    for (int64_t index = 0; index < model.layers[layer].repeat; ++index) {
      instances.push_back({static_cast<int32_t>(layer), static_cast<int32_t>(index)});
    }
  }
  return instances;
}

struct IndexRange {
  int64_t begin = 0;
  int64_t end = 0;
};

class StagesChecker {
 public:
  StagesChecker(const CheckContext& context, const CheckedModel& model, Scope& scope)
      : context_(context), model_(model), scope_(scope), expected_(AllInstances(model)) {
    for (size_t i = 0; i < model.layers.size(); ++i) {
      by_name_.emplace(model.layers[i].name, static_cast<int32_t>(i));
    }
  }

  // Stops at the first mistake: what follows would be judged by it.
  bool Read(const ast::Stages& stages, CheckedStages& checked) {
    for (const auto& selections : stages.stages) {
      std::vector<LayerInstance> stage;
      for (const ast::LayerSelection& selection : selections) {
        if (!Select(selection, stage)) return false;
      }
      checked.stages.push_back(std::move(stage));
    }
    if (next_ == expected_.size()) return true;
    context_.diagnostics.Error(
        stages.location, "the stages miss " + InstanceName(model_, expected_[next_]) + Remaining());
    return false;
  }

 private:
  std::string Remaining() const {
    const size_t more = expected_.size() - next_ - 1;
    return more == 0 ? "" : " and " + std::to_string(more) + " more after it";
  }

  bool Select(const ast::LayerSelection& selection, std::vector<LayerInstance>& stage) {
    const auto found = by_name_.find(selection.layer.text);
    if (found == by_name_.end()) return ReportUnknown(selection.layer);
    const auto range = Range(selection, model_.layers[static_cast<size_t>(found->second)]);
    if (!range.has_value()) return false;
    for (int64_t index = range->begin; index < range->end; ++index) {
      const LayerInstance instance{found->second, static_cast<int32_t>(index)};
      if (!IsNext(selection, instance)) return false;
      stage.push_back(instance);
      ++next_;
    }
    return true;
  }

  bool ReportUnknown(const ast::Name& name) {
    std::vector<std::string> names;
    for (const CheckedLayer& layer : model_.layers) names.push_back(layer.name);
    const std::string meant = DidYouMean(name.text, names);
    Diagnostic& error =
        context_.diagnostics.Error(name.location, "the model has no layer " + Code(name.text));
    if (!meant.empty()) error.Note(name.location, "did you mean " + Code(meant) + "?");
    return false;
  }

  std::optional<IndexRange> Range(const ast::LayerSelection& selection, const CheckedLayer& layer) {
    if (!selection.begin.valid()) return IndexRange{0, layer.repeat};
    const std::optional<int64_t> begin = Index(selection.begin, layer);
    const bool one = !selection.end.valid();
    const std::optional<int64_t> end = one ? begin : Index(selection.end, layer);
    if (!begin.has_value() || !end.has_value()) return std::nullopt;
    // The last one selected; `end` may be the smallest integer.
    const bool empty = !one && *begin >= *end;
    const int64_t last = one || empty ? *begin : *end - 1;
    if (!empty && *begin >= 0 && last < layer.repeat) return IndexRange{*begin, last + 1};
    context_.diagnostics
        .Error(selection.location, empty ? "this selects no layer: `a .. b` excludes b"
                                         : Code(layer.name) + " has no layer of that index")
        .Note(layer.location, Code(layer.name) + " has " + std::to_string(layer.repeat) +
                                  " instances, counted from 0");
    return std::nullopt;
  }

  std::optional<int64_t> Index(ast::ExpressionId id, const CheckedLayer& layer) {
    return EvaluateInteger(context_.program, id, scope_, context_.diagnostics,
                           "the index of " + Code(layer.name));
  }

  bool IsNext(const ast::LayerSelection& selection, LayerInstance instance) {
    const auto order = [](LayerInstance i) { return std::pair(i.layer, i.index); };
    if (next_ < expected_.size() && order(expected_[next_]) == order(instance)) return true;
    const bool repeated = next_ == expected_.size() || order(instance) < order(expected_[next_]);
    const std::string name = InstanceName(model_, instance);
    if (repeated) {
      context_.diagnostics.Error(selection.location, name + " is already in a stage before this");
    } else {
      context_.diagnostics
          .Error(selection.location, "the stages miss " + InstanceName(model_, expected_[next_]) +
                                         ", which comes before " + name)
          .Note(selection.location, "the order of the layers is the order of the model");
    }
    return false;
  }

  const CheckContext& context_;
  const CheckedModel& model_;
  Scope& scope_;
  std::vector<LayerInstance> expected_;
  size_t next_ = 0;
  std::unordered_map<std::string, int32_t> by_name_;
};

void ReadBalance(const CheckContext& context, const ast::Call& policy, Scope& scope,
                 CheckedStages& checked) {
  if (policy.callee.text != "balance") {
    context.diagnostics
        .Error(policy.callee.location, "unknown way to split, " + Code(policy.callee.text))
        .Note(policy.callee.location,
              "write `balance(flops)`, `balance(parameters)`, `balance(layers)`, or the stages in "
              "braces");
    return;
  }
  const auto bound = BindArguments("balance", checked.location, policy.arguments,
                                   {{"what", CallParameter::Need::kRequired}}, context.diagnostics);
  if (!bound.has_value()) return;
  ValueReader reader(context.program, scope, context.diagnostics);
  const auto what = reader.Word((*bound)[0], "balance", {"flops", "parameters", "layers"});
  if (what == "parameters") checked.balance = Balance::kParameters;
  if (what == "layers") checked.balance = Balance::kLayers;
}

const CheckedAxis& Pipeline(const CheckedProgram& checked) {
  return *std::find_if(checked.mesh.begin(), checked.mesh.end(),
                       [](const CheckedAxis& axis) { return axis.name == "pp"; });
}

// The number of stages is that of the ranks, unless the schedule says where chunks are: then it is
// known once the schedule is evaluated, and compiler/model compares.
bool PlacesChunks(const ast::Program& program) {
  Diagnostics ignored;
  const std::optional<size_t> chosen = ChosenSchedule(program, ignored);
  return chosen.has_value() && !program.schedules[*chosen].placements.empty();
}

void CheckCount(const CheckContext& context, const CheckedProgram& checked,
                const CheckedStages& stages) {
  const CheckedAxis& pp = Pipeline(checked);
  int64_t layers = 0;
  for (const CheckedLayer& layer : checked.model->layers) layers += layer.repeat;
  const auto listed = static_cast<int64_t>(stages.stages.size());
  if (listed > 0 && listed != pp.size) {
    context.diagnostics
        .Error(stages.location, (listed == 1 ? "there is " : "there are ") +
                                    Amount(listed, "stage") +
                                    " here, but `pp` = " + std::to_string(pp.size))
        .Note(pp.location, "`pp` is set here");
  } else if (layers < pp.size) {
    context.diagnostics.Error(pp.location, "`pp` is " + std::to_string(pp.size) +
                                               ", but the model has only " +
                                               Amount(layers, "layer") + " to split");
  }
}

}  // namespace

CheckedStages CheckStages(const CheckContext& context, const CheckedProgram& checked,
                          Scope& scope) {
  CheckedStages stages;
  const std::optional<ast::Stages>& written = context.program.stages;
  stages.location = written.has_value() ? written->location : Pipeline(checked).location;
  if (written.has_value() && written->policy.has_value()) {
    ReadBalance(context, *written->policy, scope, stages);
  }
  if (!checked.model.has_value()) {
    if (written.has_value() && !written->stages.empty()) {
      context.diagnostics.Error(stages.location, "`stages` lists layers, but there is no `model`");
    }
    return stages;
  }
  if (written.has_value() && !written->policy.has_value()) {
    if (!StagesChecker(context, *checked.model, scope).Read(*written, stages)) return stages;
  }
  if (!PlacesChunks(context.program)) CheckCount(context, checked, stages);
  return stages;
}

}  // namespace pprun
