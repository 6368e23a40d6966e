// completeness, what must hold when a program has ended: each microbatch went forward,
// input-gradient and weight-gradient through every layer exactly once; every holder initialised and
// updated each of its parameters exactly once; losses and norm are where the plan says; validation
// changed nothing that training needs. Tests: named_damage_test.cc, damage_test.cc.
#include <algorithm>
#include <array>

#include "compiler/plan/base/amount.h"
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
      : context_(context), program_(program), tasks_(tasks) {}

  void Run(Part last) {
    if (AllOnce(last)) return;
    parts_ = PartsOf(tasks_);
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

  // Whether there is nothing to find, by counting: the common case needs no list in order.
  bool AllOnce(Part last) const {
    const size_t layers = context_.plan.layers.size();
    const size_t microbatches = static_cast<size_t>(context_.plan.train.microbatches);
    // Each layer goes forward once a microbatch, so there are at least as many tasks.
    if (layers > tasks_.size() / microbatches) return false;
    std::vector<uint8_t> counts(3 * layers * microbatches, 0);
    const auto count = [&](Part part, const TaskDone& task) {
      uint8_t& times =
          counts[(static_cast<size_t>(part) * layers + task.layer.index()) * microbatches +
                 task.microbatch.index()];
      return part <= last && ++times == 1;
    };
    for (const TaskDone& task : tasks_) {
      const bool both = task.kind == TaskKind::kBackward;
      if (task.kind == TaskKind::kForward && !count(Part::kForward, task)) return false;
      if ((both || task.kind == TaskKind::kInputGrad) && !count(Part::kInputGrad, task)) {
        return false;
      }
      if ((both || task.kind == TaskKind::kWeightGrad) && !count(Part::kWeightGrad, task)) {
        return false;
      }
    }
    auto at = counts.begin();
    for (Part part : {Part::kForward, Part::kInputGrad, Part::kWeightGrad}) {
      if (part > last) return true;
      for (size_t layer = 0; layer < layers; ++layer) {
        const auto end = at + static_cast<ptrdiff_t>(microbatches);
        const bool needed = IsNeeded(part, LayerId(static_cast<int64_t>(layer)));
        if (needed && std::find(at, end, 0) != end) return false;
        at = end;
      }
    }
    return true;
  }

  // A first layer has nobody to give an input gradient to, a layer without parameters has no weight
  // gradient: there they may be missing.
  bool IsNeeded(Part part, LayerId layer) const {
    if (part == Part::kInputGrad) return layer.value > 0;
    if (part == Part::kForward) return true;
    return context_.uses.HasAny(layer);
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
  const std::vector<TaskDone>& tasks_;
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

  void Holds(PositionId position, BufferId id, Value wanted, SourceId source) {
    if (memory_[position.index()].Holds(context_.segments[position.index()].Of(id), wanted)) return;
    const Buffer& buffer = context_.plan.positions[position.index()].buffers[id.index()];
    context_.completeness.Add(FindingKind::kCompleteness,
                              "position " + std::to_string(position.value) + ": when " +
                                  std::string(Name(program_)) + " has ended, `" + buffer.name +
                                  "` does not hold " +
                                  Describe(context_.plan, context_.makers, wanted),
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
              OfMicrobatch(ValueKind::kLoss, MicrobatchId(static_cast<int64_t>(i))), {});
      }
    }
    for (size_t i = 0; i < reported.size(); ++i) {
      if (reported[i] == 1) continue;
      context_.completeness.Add(FindingKind::kCompleteness,
                                "the loss of microbatch " + std::to_string(i) + " is reported by " +
                                    Amount(reported[i], "position") + ", not by one");
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
              OfParameter(ValueKind::kParameter, done.parameter), instruction.source);
  }
}

void CheckStep(FollowContext& context, const Memory& start, const Followed& followed) {
  const ProgramKind program = ProgramKind::kStep;
  TaskCheck(context, program, followed.tasks).Run(Part::kWeightGrad);
  CheckHolders(context, program, followed.updated, "update");
  EndCheck end(context, program, followed.memory);
  end.Losses();
  for (const ParameterDone& done : followed.updated) {
    const Instruction& instruction = InstructionAt(context.plan, program, done.site);
    const ParameterUpdate& update =
        context.plan.positions[done.position.index()].updates[static_cast<size_t>(done.row)];
    const auto holds = [&](BufferId buffer, ValueKind kind) {
      if (!buffer.valid()) return;
      end.Holds(done.position, buffer, OfParameter(kind, done.parameter), instruction.source);
    };
    holds(update.value, ValueKind::kUpdatedParameter);
    holds(update.first_moment, ValueKind::kFirstMoment);
    holds(update.second_moment, ValueKind::kSecondMoment);
  }
  for (size_t p = 0; p < context.plan.positions.size(); ++p) {
    const PositionId position(static_cast<int64_t>(p));
    const BufferId norm = context.plan.positions[p].gradient_norm;
    if (norm.valid()) end.Holds(position, norm, Value(ValueKind::kClipFactor), {});
    // What holds a parameter for the next step holds it as it is now.
    const std::vector<Buffer>& buffers = context.plan.positions[p].buffers;
    for (size_t i = 0; i < buffers.size(); ++i) {
      if (!Persists(buffers[i].arena)) continue;
      const BufferId buffer(static_cast<int64_t>(i));
      const Value before = start[p].Whole(context.segments[p].Of(buffer));
      if (before.kind() == ValueKind::kRoundedParameter) {
        end.Holds(position, buffer, Value(ValueKind::kUpdatedRounded, before.index()), {});
      } else if (before.kind() == ValueKind::kParameter) {
        end.Holds(position, buffer, Value(ValueKind::kUpdatedParameter, before.index()), {});
      }
    }
  }
}

void CheckForwardOnly(FollowContext& context, ProgramKind program, const Followed& followed) {
  const bool wanted =
      program == ProgramKind::kStep || context.plan.train.validation.kind != DataSpec::Kind::kNone;
  if (wanted || !followed.tasks.empty()) {
    TaskCheck(context, program, followed.tasks).Run(Part::kForward);
    EndCheck(context, program, followed.memory).Losses();
  }
  std::vector<BufferAccess> accesses;
  for (size_t p = 0; p < context.plan.positions.size(); ++p) {
    const PositionId position(static_cast<int64_t>(p));
    const Program& body = ProgramOf(context.plan, position, program);
    for (size_t i = 0; i < body.instructions.size(); ++i) {
      accesses.clear();
      AppendAccesses(context.plan, context.plan.positions[p], body.instructions[i], accesses);
      const bool changes = std::ranges::any_of(accesses, [&](const BufferAccess& access) {
        return access.access != Access::kRead &&
               Persists(context.plan.positions[p].buffers[access.buffer.index()].arena);
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
