// completeness, what must hold when a program has ended: each microbatch went forward,
// input-gradient and weight-gradient through every layer exactly once; every holder initialised and
// updated each of its parameters exactly once; losses and norm are where the plan says; validation
// changed nothing that training needs. Tests: named_damage_test.cc, damage_test.cc.
#include <algorithm>
#include <array>

#include "compiler/plan/effects.h"
#include "compiler/verify/follow.h"
#include "compiler/verify/segments.h"

namespace pprun {
namespace {

enum class Part : uint8_t { kForward, kInputGrad, kWeightGrad };

std::string_view PartName(Part part) {
  constexpr std::array<std::string_view, 3> kNames = {"forward", "input gradient",
                                                      "weight gradient"};
  return kNames[static_cast<size_t>(part)];
}

struct PartDone {
  Part part = Part::kForward;
  LayerId layer;
  MicrobatchId microbatch;
  Site site;

  auto Key() const { return std::tuple(part, layer, microbatch); }
};

std::vector<PartDone> PartsOf(const std::vector<TaskDone>& tasks) {
  std::vector<PartDone> parts;
  const auto add = [&](Part part, const TaskDone& task) {
    parts.push_back({part, task.layer, task.microbatch, task.site});
  };
  for (const TaskDone& task : tasks) {
    switch (task.kind) {
      case TaskKind::kForward:
        add(Part::kForward, task);
        break;
      case TaskKind::kBackward:
        add(Part::kInputGrad, task);
        add(Part::kWeightGrad, task);
        break;
      case TaskKind::kInputGrad:
        add(Part::kInputGrad, task);
        break;
      case TaskKind::kWeightGrad:
        add(Part::kWeightGrad, task);
        break;
      case TaskKind::kRecompute:
        break;
    }
  }
  std::ranges::stable_sort(parts, {}, &PartDone::Key);
  return parts;
}

class TaskCheck {
 public:
  TaskCheck(FollowContext& context, ProgramKind program, const std::vector<TaskDone>& tasks)
      : context_(context), program_(program), parts_(PartsOf(tasks)) {}

  void Run(Part last) {
    const auto same = [](const PartDone& a, const PartDone& b) { return a.Key() == b.Key(); };
    for (auto at = parts_.begin();
         (at = std::adjacent_find(at, parts_.end(), same)) != parts_.end(); ++at) {
      const auto again = std::next(at);
      context_.completeness.Add(
          FindingKind::kCompleteness,
          NameOf(context_.plan, program_, again->site) + " does the " +
              std::string(PartName(again->part)) + " a second time",
          InstructionAt(context_.plan, program_, again->site).source,
          {{"the first time", InstructionAt(context_.plan, program_, at->site).source}});
    }
    auto next = parts_.begin();
    for (Part part : {Part::kForward, Part::kInputGrad, Part::kWeightGrad}) {
      if (part > last) {
        if (next != parts_.end()) Unwanted(*next);
        return;
      }
      for (size_t layer = 0; layer < context_.plan.layers.size(); ++layer) {
        if (!CheckLayer(part, LayerId(static_cast<int64_t>(layer)), next)) return;
      }
    }
  }

 private:
  using Iterator = std::vector<PartDone>::iterator;

  // A first layer has nobody to give an input gradient to, a layer without parameters has no weight
  // gradient: there they may be missing.
  bool IsNeeded(Part part, LayerId layer) const {
    if (part == Part::kInputGrad) return layer.value > 0;
    if (part == Part::kForward) return true;
    const auto& uses = context_.uses.parameter_of;
    const auto first = uses.lower_bound(ParameterUseSite{layer, 0});
    return first != uses.end() && first->first.layer == layer;
  }

  // Takes the layer's parts off the list; false after a finding.
  bool CheckLayer(Part part, LayerId layer, Iterator& next) {
    for (int32_t i = 0; i < context_.plan.train.microbatches; ++i) {
      const auto key = std::tuple(part, layer, MicrobatchId(i));
      if (next == parts_.end() || next->Key() != key) {
        if (!IsNeeded(part, layer)) continue;
        context_.completeness.Add(FindingKind::kCompleteness,
                                  std::string(Name(program_)) + " leaves out the " +
                                      std::string(PartName(part)) + " of microbatch " +
                                      std::to_string(i) + " of layer `" +
                                      context_.plan.layers[layer.index()].name + "`");
        return false;
      }
      while (next != parts_.end() && next->Key() == key) ++next;
    }
    return true;
  }

  void Unwanted(const PartDone& part) {
    context_.completeness.Add(FindingKind::kCompleteness,
                              NameOf(context_.plan, program_, part.site) + " does a " +
                                  std::string(PartName(part.part)) +
                                  " in a program that goes forward only",
                              InstructionAt(context_.plan, program_, part.site).source);
  }

  FollowContext& context_;
  ProgramKind program_;
  std::vector<PartDone> parts_;  // ascending
};

// Every holder did it exactly once, nobody else did.
void CheckHolders(FollowContext& context, ProgramKind program, std::vector<ParameterDone> done,
                  const std::string& what) {
  const auto key = [](const ParameterDone& one) { return std::pair(one.parameter, one.position); };
  std::ranges::stable_sort(done, {}, key);
  auto next = done.begin();
  const auto unwanted = [&] {
    context.completeness.Add(FindingKind::kCompleteness,
                             NameOf(context.plan, program, next->site) + " is one " + what +
                                 " too many of `" +
                                 context.plan.parameters[next->parameter.index()].name + "`",
                             InstructionAt(context.plan, program, next->site).source);
  };
  for (size_t p = 0; p < context.plan.parameters.size(); ++p) {
    const ParameterId parameter(static_cast<int64_t>(p));
    std::vector<PositionId> holders = context.plan.parameters[p].holders;
    std::ranges::sort(holders);
    for (const PositionId holder : holders) {
      const auto wanted = std::pair(parameter, holder);
      if (next != done.end() && key(*next) == wanted) {
        ++next;
        continue;
      }
      if (next != done.end() && key(*next) < wanted) return unwanted();
      context.completeness.Add(FindingKind::kCompleteness,
                               "position " + std::to_string(holder.value) + " leaves out the " +
                                   what + " of `" + context.plan.parameters[p].name + "`");
      return;
    }
  }
  if (next != done.end()) unwanted();
}

// Whether a buffer holds one value of that kind.
class EndCheck {
 public:
  EndCheck(FollowContext& context, ProgramKind program, const Memory& memory)
      : context_(context), program_(program), memory_(memory) {}

  void Holds(PositionId position, BufferId id, const Value& wanted, SourceId source) {
    const Buffer& buffer = context_.plan.positions[position.index()].buffers[id.index()];
    const std::vector<Piece> pieces =
        memory_[position.index()][static_cast<size_t>(buffer.arena)].Read(
            buffer.offset, buffer.offset + buffer.type.Bytes());
    if (pieces.size() == 1 && pieces[0].value != kNoValue && pieces[0].offset == 0) {
      const Value& value = context_.values[pieces[0].value];
      if (value.kind == wanted.kind && value.microbatch == wanted.microbatch &&
          value.parameter == wanted.parameter) {
        return;
      }
    }
    context_.completeness.Add(FindingKind::kCompleteness,
                              "position " + std::to_string(position.value) + ": when " +
                                  std::string(Name(program_)) + " has ended, `" + buffer.name +
                                  "` does not hold " + Describe(context_.plan, wanted),
                              source);
  }

  // The loss of each microbatch is there, at one position.
  void Losses() {
    std::vector<int> reported(static_cast<size_t>(context_.plan.train.microbatches), 0);
    for (size_t p = 0; p < context_.plan.positions.size(); ++p) {
      const std::vector<BufferId>& losses = context_.plan.positions[p].losses;
      for (size_t i = 0; i < losses.size(); ++i) {
        if (!losses[i].valid()) continue;
        ++reported[i];
        Holds(PositionId(static_cast<int64_t>(p)), losses[i],
              {.kind = Value::Kind::kLoss, .microbatch = MicrobatchId(static_cast<int64_t>(i))},
              {});
      }
    }
    for (size_t i = 0; i < reported.size(); ++i) {
      if (reported[i] == 1) continue;
      context_.completeness.Add(FindingKind::kCompleteness,
                                "the loss of microbatch " + std::to_string(i) + " is reported by " +
                                    std::to_string(reported[i]) + " positions, not by one");
      return;
    }
  }

 private:
  FollowContext& context_;
  ProgramKind program_;
  const Memory& memory_;
};

}  // namespace

void CheckInitialised(FollowContext& context, const Followed& followed) {
  const ProgramKind program = ProgramKind::kInitialise;
  CheckHolders(context, program, followed.initialised, "initialisation");
  EndCheck end(context, program, followed.memory);
  for (const ParameterDone& done : followed.initialised) {
    const Instruction& instruction = InstructionAt(context.plan, program, done.site);
    end.Holds(done.position, std::get<Initialise>(instruction.operands).target,
              {.kind = Value::Kind::kParameter, .parameter = done.parameter}, instruction.source);
  }
}

void CheckStep(FollowContext& context, const Followed& followed) {
  const ProgramKind program = ProgramKind::kStep;
  TaskCheck(context, program, followed.tasks).Run(Part::kWeightGrad);
  CheckHolders(context, program, followed.updated, "update");
  EndCheck end(context, program, followed.memory);
  end.Losses();
  for (const ParameterDone& done : followed.updated) {
    const Instruction& instruction = InstructionAt(context.plan, program, done.site);
    const Update& update = std::get<Update>(instruction.operands);
    const auto holds = [&](BufferId buffer, Value::Kind kind) {
      if (!buffer.valid()) return;
      end.Holds(done.position, buffer, {.kind = kind, .parameter = done.parameter},
                instruction.source);
    };
    holds(update.value, Value::Kind::kUpdatedParameter);
    holds(update.first_moment, Value::Kind::kFirstMoment);
    holds(update.second_moment, Value::Kind::kSecondMoment);
  }
  for (size_t p = 0; p < context.plan.positions.size(); ++p) {
    const BufferId norm = context.plan.positions[p].gradient_norm;
    if (!norm.valid()) continue;
    end.Holds(PositionId(static_cast<int64_t>(p)), norm, {.kind = Value::Kind::kClipFactor}, {});
  }
}

void CheckValidate(FollowContext& context, const Followed& followed) {
  const ProgramKind program = ProgramKind::kValidate;
  if (followed.tasks.empty()) return;
  TaskCheck(context, program, followed.tasks).Run(Part::kForward);
  EndCheck(context, program, followed.memory).Losses();
  std::vector<Effect> effects;
  for (size_t p = 0; p < context.plan.positions.size(); ++p) {
    const PositionId position(static_cast<int64_t>(p));
    const Program& body = ProgramOf(context.plan, position, program);
    for (size_t i = 0; i < body.instructions.size(); ++i) {
      effects.clear();
      AppendEffects(context.plan, context.plan.positions[p], body.instructions[i], effects);
      const bool changes = std::ranges::any_of(effects, [](const Effect& effect) {
        return effect.access != Access::kRead && Persists(effect.arena);
      });
      if (!changes) continue;
      context.completeness.Add(
          FindingKind::kCompleteness,
          NameOf(context.plan, program, {position, 0, static_cast<int32_t>(i)}) +
              " changes what training needs",
          body.instructions[i].source);
      return;
    }
  }
}

}  // namespace pprun
