// A hand-built plan, small enough to follow: embedding, dropout, linear, cross entropy, on one
// position or two, any number of data-parallel replicas and microbatches. Also its data, and what
// it should compute, by the obvious loops in double.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "compiler/plan/plan.h"
#include "runtime/data.h"

namespace pprun {

struct SmallPlan {
  int32_t positions = 2;
  int32_t replicas = 1;
  int32_t microbatches = 2;
  int64_t batch = 8;
  int64_t sequence = 4;
  int64_t vocabulary = 11;
  int64_t width = 6;
  float dropout = 0;
  double clip = 0;  // 0: none
  int64_t steps = 5;
  OptimizerSpec optimizer = {.kind = OptimizerSpec::Kind::kSgd, .learning_rate = 0.5};
};

// Parameters: "embedding.table", "head.weight". The mesh is pp x dp.
Plan Build(const SmallPlan& small);

// Tokens that depend on sample and place alone; a target is a function of its token, so that it can
// be learned.
class SmallData : public DataSet {
 public:
  explicit SmallData(int64_t vocabulary) : vocabulary_(vocabulary) {}
  int64_t Tokens() const override { return 0; }
  void Sample(int64_t index, std::span<int32_t> inputs, std::span<int32_t> targets) const override;

 private:
  int64_t vocabulary_;
};

// Trains the model from these parameters with plain loops, SGD and clipping, without dropout.
struct SmallModel {
  std::vector<double> table;   // [vocabulary, width]
  std::vector<double> weight;  // [vocabulary, width]

  // Returns the loss of the step's batch.
  double Step(const SmallPlan& small, const DataSet& data, int64_t step);
};

}  // namespace pprun
