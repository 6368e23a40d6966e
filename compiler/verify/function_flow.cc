#include "compiler/verify/function_flow.h"

namespace pprun {

std::vector<ArgumentFlow> FlowOf(const Function& function) {
  std::vector<ArgumentFlow> flows(function.arguments.size());
  for (const Operation& operation : function.operations) {
    const auto operands = Signature(operation.kind).operands;
    // An operation reads all its operands before it writes any.
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!operation.operands[i].valid() || operands[i].access == Access::kWrite) continue;
      const View& view = function.views[operation.operands[i].index()];
      ArgumentFlow& flow = flows[static_cast<size_t>(view.argument)];
      const int64_t end = view.offset + view.type.Bytes();
      if (!flow.written.Contains(view.offset, end)) flow.needed.Add(view.offset, end);
    }
    for (size_t i = 0; i < operands.size(); ++i) {
      if (!operation.operands[i].valid() || operands[i].access == Access::kRead) continue;
      const View& view = function.views[operation.operands[i].index()];
      flows[static_cast<size_t>(view.argument)].written.Add(view.offset,
                                                            view.offset + view.type.Bytes());
    }
  }
  return flows;
}

}  // namespace pprun
