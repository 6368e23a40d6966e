// The passes over a draft, in the order in which run_passes.cc lists them. Each leaves the draft
// consistent (CheckDraft), and run twice equals run once.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/passes/draft.h"

namespace pprun {

// Parameters have buffers for their values, what functions read of them, and their gradients, and
// are initialised.
void PlaceParameters(Draft& draft);

// Every task becomes the runs of its layers, with their buffers, on the compute streams. After it
// every position's programs hold runs, and boundaries between positions are listed but not yet
// crossed.
void PlaceTasks(Draft& draft);

// Tokens and targets of every microbatch are loaded where a run reads them.
void InsertLoads(Draft& draft);

// Every boundary is crossed by a send and a recv, ordered on all ranks by their predicted times.
void InsertTransfers(Draft& draft);

// Gradients are zeroed, uses of tied parameters added, and sums over replicas taken, as `gradients`
// says.
void SyncGradients(Draft& draft);

// The global norm, clipping and the update of every parameter.
void InsertOptimizer(Draft& draft);

// Every buffer has an offset, so that buffers alive at the same time never share memory.
void AssignMemory(Draft& draft);

// Every dependency between streams is a record and a wait, and none is there twice.
void InsertEvents(Draft& draft);

struct Pass {
  std::string_view name;  // "insert_transfers": of --emit=after:, file and test
  void (*run)(Draft&);
};
const std::vector<Pass>& AllPasses();

// Runs them all; `after` is called with each pass's name and what it left.
void RunPasses(Draft& draft, const std::function<void(std::string_view, const Draft&)>& after);

}  // namespace pprun
