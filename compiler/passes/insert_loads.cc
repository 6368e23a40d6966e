// Tokens and targets are loaded, on a stream of their own, at the start of a program, in microbatch
// order, wherever a run of the position reads them. Tests: insert_loads_test.cc.
#include <set>

#include "compiler/passes/passes.h"

namespace pprun {
namespace {

void InsertInto(Draft& draft, PositionId position_id, ProgramKind program) {
  const Position& position = draft.plan.positions[position_id.index()];
  std::vector<Instruction>& instructions = draft.Instructions(position_id, program);
  std::set<BufferId> loaded;
  for (const Instruction& instruction : instructions) {
    if (const Load* load = std::get_if<Load>(&instruction.operands)) loaded.insert(load->target);
  }
  std::vector<Instruction> loads;
  for (const Instruction& instruction : instructions) {
    const Run* run = std::get_if<Run>(&instruction.operands);
    if (run == nullptr) continue;
    const std::vector<Argument>& arguments = draft.plan.functions[run->function.index()].arguments;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const Role role = arguments[i].role;
      if (role != Role::kTokens && role != Role::kTargets) continue;
      const BufferId target = position.bindings[static_cast<size_t>(run->first_binding) + i];
      if (!loaded.insert(target).second) continue;
      const Load load{.what = role == Role::kTokens ? Load::What::kTokens : Load::What::kTargets,
                      .target = target,
                      .microbatch = run->microbatch};
      const StreamId copy =
          StreamNamed(draft, position_id, {.name = "copy", .kind = StreamKind::kCopy});
      loads.push_back({copy, instruction.source, load});
    }
  }
  instructions.insert(instructions.begin(), loads.begin(), loads.end());
}

}  // namespace

void InsertLoads(Draft& draft) {
  for (size_t p = 0; p < draft.positions.size(); ++p) {
    for (ProgramKind program : {ProgramKind::kStep, ProgramKind::kValidate}) {
      InsertInto(draft, PositionId(static_cast<int64_t>(p)), program);
    }
  }
}

}  // namespace pprun
