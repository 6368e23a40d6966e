// types, second part: a function's views lie inside its arguments, its operands fit the operations'
// signatures and shape rules, every argument is accessed only as it declares, and nothing is read
// before it is written. Tests: named_damage_test.cc.
#include <cmath>
#include <set>
#include <span>
#include <utility>

#include "compiler/plan/base/amount.h"
#include "compiler/verify/check_shapes.h"
#include "compiler/verify/checks.h"
#include "compiler/verify/function_flow.h"
#include "compiler/verify/limits.h"

namespace pprun {
namespace {

// Whether an argument of that role may be accessed so by a call.
bool MayAccess(Role role, Access access) {
  switch (role) {
    case Role::kParameter:
    case Role::kInput:
    case Role::kOutputGradient:
    case Role::kTokens:
    case Role::kTargets:
      return access == Access::kRead;
    case Role::kGradient:
      return access == Access::kAccumulate;
    case Role::kOutput:
    case Role::kInputGradient:
    case Role::kLoss:
    case Role::kWorkspace:
      return access == Access::kWrite;
    case Role::kFrameInput:
    case Role::kFrameWeight:
    case Role::kStash:
      return access != Access::kAccumulate;
  }
  return false;
}

class FunctionCheck {
 public:
  FunctionCheck(const Function& function, Findings& findings)
      : function_(function), findings_(findings) {}

  void Run() {
    CheckArguments();
    CheckViews();
    CheckSegments();
    if (!sound_) return;
    for (const Operation& operation : function_.operations) CheckOperation(operation);
    if (sound_) CheckFlow();
  }

 private:
  void Fail(const std::string& what) {
    sound_ = false;
    findings_.Add(FindingKind::kTypes, "function `" + function_.name + "`: " + what);
  }

  void CheckArguments() {
    std::set<std::pair<Role, int32_t>> seen;
    for (size_t i = 0; i < function_.arguments.size(); ++i) {
      const Argument& argument = function_.arguments[i];
      const std::string name =
          "argument " + std::to_string(i) + " (" + std::string(Name(argument.role)) + ")";
      if (argument.bytes <= 0 || argument.bytes > kMaxArenaBytes) {
        Fail(name + " has " + std::to_string(argument.bytes) + " bytes");
      }
      if (!MayAccess(argument.role, argument.access)) {
        Fail(name + " is accessed as its role does not allow");
      }
      if (argument.ordinal < 0) Fail(name + " has a negative ordinal");
      if (!seen.insert({argument.role, argument.ordinal}).second) Fail(name + " is there twice");
    }
    if (!std::isfinite(function_.flops) || function_.flops < 0) Fail("its FLOPs are no count");
  }

  void CheckViews() {
    for (size_t i = 0; i < function_.views.size(); ++i) {
      const View& view = function_.views[i];
      const std::string name = "view " + std::to_string(i);
      if (view.argument < 0 || static_cast<size_t>(view.argument) >= function_.arguments.size()) {
        Fail(name + " is of an argument that does not exist");
        continue;
      }
      if (!view.type.shape.ElementsIfValid()) {
        Fail(name + " has the impossible shape " + ToString(view.type.shape));
        continue;
      }
      const int64_t bytes = function_.arguments[static_cast<size_t>(view.argument)].bytes;
      if (view.offset < 0 || view.offset > bytes || view.type.Bytes() > bytes - view.offset) {
        Fail(name + " of " + ToString(view.type) + " lies outside its argument of " +
             std::to_string(bytes) + " bytes");
      } else if (view.offset % SizeOf(view.type.dtype) != 0) {
        Fail(name + " is not aligned to its elements");
      }
    }
  }

  void CheckSegments() {
    int64_t next = 0;
    for (const Segment& segment : function_.segments) {
      if (segment.first != next || segment.count < 0) {
        return Fail("its segments do not cover its operations in order");
      }
      if (segment.axis.valid()) return Fail("a segment runs on a mesh axis, which is not proven");
      next += segment.count;
    }
    if (next != static_cast<int64_t>(function_.operations.size())) {
      Fail("its segments do not cover its operations in order");
    }
  }

  void CheckOperation(const Operation& operation) {
    const OpSignature& signature = Signature(operation.kind);
    const std::string name = "`" + std::string(signature.name) +
                             (operation.label.empty() ? "`" : "` \"" + operation.label + "\"");
    if (operation.operands.size() != signature.operands.size()) {
      return Fail(name + " has " +
                  Amount(static_cast<int64_t>(operation.operands.size()), "operand") + ", not " +
                  std::to_string(signature.operands.size()));
    }
    std::vector<const TensorType*> types;
    types.reserve(operation.operands.size());
    for (size_t i = 0; i < operation.operands.size(); ++i) {
      const ViewId id = operation.operands[i];
      const OperandSignature& wanted = signature.operands[i];
      if (!id.valid() && wanted.presence == OperandSignature::Presence::kOptional) {
        types.push_back(nullptr);
        continue;
      }
      const std::string operand = name + " operand `" + std::string(wanted.name) + "`";
      if (!id.valid() || id.index() >= function_.views.size()) {
        return Fail(operand + " is missing or no view");
      }
      const View& view = function_.views[id.index()];
      const Access allowed = function_.arguments[static_cast<size_t>(view.argument)].access;
      if (allowed != Access::kWrite && allowed != wanted.access) {
        Fail(operand + " accesses an argument in a way that the argument does not declare");
      }
      types.push_back(&view.type);
    }
    CheckOverlap(operation, name);
    if (const auto problem = ShapeProblem(operation, types)) Fail(name + ": " + *problem);
  }

  // No written operand shares bytes with another one, since kernels may read in any order, but for
  // one that it may replace.
  void CheckOverlap(const Operation& operation, const std::string& name) {
    const auto operands = Signature(operation.kind).operands;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!operation.operands[i].valid() || operands[i].access == Access::kRead) continue;
      const View& written = function_.views[operation.operands[i].index()];
      for (size_t j = 0; j < operands.size(); ++j) {
        if (i == j || !operation.operands[j].valid()) continue;
        const View& other = function_.views[operation.operands[j].index()];
        const bool replaces = operands[i].may_replace == static_cast<int>(j) &&
                              written.offset == other.offset && written.type == other.type;
        if (replaces) continue;
        if (written.argument == other.argument &&
            written.offset < other.offset + other.type.Bytes() &&
            other.offset < written.offset + written.type.Bytes()) {
          return Fail(name + ": `" + std::string(operands[i].name) + "` overlaps `" +
                      std::string(operands[j].name) + "`");
        }
      }
    }
  }

  void CheckFlow() {
    const std::vector<ArgumentFlow> flows = FlowOf(function_);
    for (size_t i = 0; i < flows.size(); ++i) {
      const Argument& argument = function_.arguments[i];
      if (argument.access != Access::kWrite) continue;
      const std::string name =
          "argument " + std::to_string(i) + " (" + std::string(Name(argument.role)) + ")";
      if (!flows[i].needed.empty()) Fail(name + " is read before it is written");
      const bool whole = argument.role == Role::kOutput || argument.role == Role::kInputGradient ||
                         argument.role == Role::kLoss;
      if (whole && !flows[i].written.Contains(0, argument.bytes)) {
        Fail(name + " is not written wholly");
      }
    }
  }

  const Function& function_;
  Findings& findings_;
  bool sound_ = true;
};

}  // namespace

void CheckFunction(const Function& function, Findings& findings) {
  FunctionCheck(function, findings).Run();
}

}  // namespace pprun
