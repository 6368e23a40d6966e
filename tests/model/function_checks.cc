#include "tests/model/function_checks.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

bool Overlap(const View& a, const View& b) {
  return a.argument == b.argument && a.offset < b.offset + b.type.Bytes() &&
         b.offset < a.offset + a.type.Bytes();
}

// Whether an operation writes view b where it reads view a, as it may.
bool Replaces(const Function& function, size_t a, size_t b) {
  for (const Operation& operation : function.operations) {
    const auto signature = Signature(operation.kind).operands;
    for (size_t k = 0; k < signature.size(); ++k) {
      if (signature[k].may_replace < 0) continue;
      const ViewId from = operation.operands[static_cast<size_t>(signature[k].may_replace)];
      if (from.index() == a && operation.operands[k].index() == b) return true;
    }
  }
  return false;
}

std::string ViewProblem(const Function& function) {
  for (const View& view : function.views) {
    if (view.argument < 0 || view.argument >= static_cast<int32_t>(function.arguments.size())) {
      return "a view of no argument";
    }
    const Argument& argument = function.arguments[static_cast<size_t>(view.argument)];
    if (view.offset < 0 || view.offset % 64 != 0) return "a view that is not aligned";
    if (view.offset + view.type.Bytes() > argument.bytes) return "a view outside its argument";
  }
  return {};
}

std::string ArgumentProblem(const Function& function) {
  for (size_t i = 1; i < function.arguments.size(); ++i) {
    const Argument& a = function.arguments[i - 1];
    const Argument& b = function.arguments[i];
    if (std::pair(a.role, a.ordinal) >= std::pair(b.role, b.ordinal)) {
      return "arguments that are not in order";
    }
  }
  // What the operations do to each argument as a whole.
  for (size_t i = 0; i < function.arguments.size(); ++i) {
    bool read = false;
    bool written = false;
    bool accumulated = false;
    for (const Operation& operation : function.operations) {
      for (size_t k = 0; k < operation.operands.size(); ++k) {
        const ViewId id = operation.operands[k];
        if (!id.valid() || function.views[id.index()].argument != static_cast<int32_t>(i)) continue;
        const Access access = Signature(operation.kind).operands[k].access;
        read |= access == Access::kRead;
        written |= access == Access::kWrite;
        accumulated |= access == Access::kAccumulate;
      }
    }
    const Access expected = written       ? Access::kWrite
                            : accumulated ? Access::kAccumulate
                                          : Access::kRead;
    if (!read && !written && !accumulated) return "an argument that nothing accesses";
    if (function.arguments[i].access != expected) return "an access that is not declared";
  }
  return {};
}

// Written at the first operation, read at the last.
struct Span {
  int first = -1;
  int last = -1;
};

std::string WorkspaceProblem(const Function& function) {
  std::vector<Span> spans(function.views.size());
  for (size_t step = 0; step < function.operations.size(); ++step) {
    const Operation& operation = function.operations[step];
    for (size_t k = 0; k < operation.operands.size(); ++k) {
      const ViewId id = operation.operands[k];
      if (!id.valid()) continue;
      const Argument& argument =
          function.arguments[static_cast<size_t>(function.views[id.index()].argument)];
      const Access access = Signature(operation.kind).operands[k].access;
      Span& span = spans[id.index()];
      const bool first = span.first < 0;
      if (first) span.first = static_cast<int>(step);
      span.last = static_cast<int>(step);
      // Regions that the call writes hold nothing before it.
      if (first && argument.access == Access::kWrite && access != Access::kWrite) {
        return "a read of what was not written, by " + operation.label;
      }
      if (!first && access == Access::kWrite) return "a value written twice, by " + operation.label;
    }
  }
  for (size_t a = 0; a < spans.size(); ++a) {
    for (size_t b = a + 1; b < spans.size(); ++b) {
      if (!Overlap(function.views[a], function.views[b])) continue;
      if (Replaces(function, a, b) || Replaces(function, b, a)) continue;
      const Role role = function.arguments[static_cast<size_t>(function.views[a].argument)].role;
      if (role != Role::kWorkspace) return "values that share memory outside the workspace";
      if (spans[a].first <= spans[b].last && spans[b].first <= spans[a].last) {
        return "values that share memory while both are alive";
      }
    }
  }
  return {};
}

}  // namespace

std::string WhatIsWrong(const Function& function) {
  for (const Operation& operation : function.operations) {
    const auto& operands = Signature(operation.kind).operands;
    if (operands.size() != operation.operands.size()) return "operands that do not fit";
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!operation.operands[i].valid() &&
          operands[i].presence == OperandSignature::Presence::kRequired) {
        return "a missing operand of " + operation.label;
      }
    }
  }
  int32_t covered = 0;
  for (const Segment& segment : function.segments) {
    if (segment.first != covered) return "segments with a gap";
    covered += segment.count;
  }
  if (covered != static_cast<int32_t>(function.operations.size())) {
    return "operations in no segment";
  }
  std::string problem = ViewProblem(function);
  if (problem.empty()) problem = ArgumentProblem(function);
  if (problem.empty()) problem = WorkspaceProblem(function);
  return problem;
}

const Function& FunctionNamed(const CompiledModel& model, const std::string& name) {
  const auto found = std::find_if(model.functions.begin(), model.functions.end(),
                                  [&](const Function& function) { return function.name == name; });
  CHECK(found != model.functions.end());
  return *found;
}

}  // namespace pprun
