// The buffers that runs bind to the parameters and gradients of their layer: the same ones for
// every microbatch, as a rule, and most of what is bound. They are numbered, so that what depends
// on them alone is found once for all runs. Tests: layer_bindings_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

// How many of each function's arguments, the first ones, are parameters or gradients.
std::vector<size_t> LayerArguments(const Plan& plan);

// Of one position.
class LayerBindings {
 public:
  struct List {
    FunctionId function;
    int32_t first_binding = 0;  // of the first run that binds it
  };

  // `counts` are LayerArguments(plan). All outlive this.
  LayerBindings(const Plan& plan, const std::vector<size_t>& counts, const Position& position);

  // Runs of one number run one function, and bind the same buffers to its first arguments. A run
  // that binds others than the last of its layer and kind has a new number, which is the next one.
  // The run's function and bindings must exist.
  size_t NumberOf(const Run& run);

  // By number.
  const std::vector<List>& lists() const { return lists_; }
  std::span<const BufferId> BoundBy(const List& list) const {
    return {position_.bindings.data() + list.first_binding, counts_[list.function.index()]};
  }

 private:
  const std::vector<size_t>& counts_;
  const Position& position_;
  std::vector<List> lists_;
  std::vector<int32_t> recent_;  // number, by layer and kind, which may share an entry
};

}  // namespace pprun
