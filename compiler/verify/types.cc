// types: references, shapes, dtypes and byte ranges fit buffers, arenas and limits, whatever a
// hostile file says. After it, every id of the plan that an instruction uses is in range, every
// buffer lies in its arena, and no size overflows. Tests: named_damage_test.cc.
#include "compiler/verify/argument_types.h"
#include "compiler/verify/checks.h"

namespace pprun {
namespace {

bool IsRegion(Role role) {
  return role == Role::kFrameInput || role == Role::kFrameWeight || role == Role::kStash ||
         role == Role::kWorkspace;
}

}  // namespace

ArgumentTypes ArgumentTypesOf(const Plan& plan, TypeNumbers& numbers) {
  ArgumentTypes types;
  for (const Function& function : plan.functions) {
    auto& of_function = types.emplace_back();
    for (const Argument& argument : function.arguments) of_function.push_back({argument.bytes});
    for (const View& view : function.views) {
      const Argument& argument = function.arguments[static_cast<size_t>(view.argument)];
      if (IsRegion(argument.role) || view.offset != 0 || view.type.Bytes() != argument.bytes) {
        continue;
      }
      ArgumentType& type = of_function[static_cast<size_t>(view.argument)];
      type.type = view.type;
      type.number = numbers.Of(view.type);
    }
  }
  return types;
}

void CheckTypes(const Plan& plan, Findings& findings) {
  CheckTables(plan, findings);
  if (!findings.empty()) return;
  for (const Function& function : plan.functions) CheckFunction(function, findings);
  if (!findings.empty()) return;
  for (const Function& function : plan.functions) CheckTokens(plan, function, findings);
  if (!findings.empty()) return;
  TypeNumbers numbers;
  const ArgumentTypes argument_types = ArgumentTypesOf(plan, numbers);
  const std::vector<size_t> layer_arguments = LayerArguments(plan);
  std::vector<ChannelQueues> queues(plan.channels.size());
  for (size_t i = 0; i < plan.positions.size(); ++i) {
    CheckInstructions(plan, argument_types, layer_arguments, numbers, queues,
                      PositionId(static_cast<int64_t>(i)), findings);
  }
}

}  // namespace pprun
