// The passes, in order.
#include "compiler/passes/passes.h"

namespace pprun {

const std::vector<Pass>& AllPasses() {
  static const std::vector<Pass> passes = {
      {"place_parameters", PlaceParameters},  // values, what functions read of them, gradients
      {"place_tasks", PlaceTasks},            // tasks -> runs of layers, with buffers
      {"insert_loads", InsertLoads},          // tokens and targets to where they are read
      {"insert_transfers", InsertTransfers},  // sends and recvs across stage boundaries
      {"sync_gradients", SyncGradients},      // zero, tied uses, sums over replicas
      {"insert_optimizer", InsertOptimizer},  // global norm, clipping, updates
      {"assign_memory", AssignMemory},        // buffers -> offsets in arenas
      {"insert_events", InsertEvents},        // order between streams
  };
  return passes;
}

void RunPasses(Draft& draft, const std::function<void(std::string_view, const Draft&)>& after) {
  for (const Pass& pass : AllPasses()) {
    pass.run(draft);
#ifndef NDEBUG
    CheckDraft(draft);
#endif
    if (after) after(pass.name, draft);
  }
}

}  // namespace pprun
