// Which samples each rank stages, on several meshes.
#include "runtime/batch_staging.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/cpu/cpu_device.h"
#include "tests/runtime/small_plan.h"

namespace pprun {
namespace {

// A sample's tokens are its index, its targets the negative of it.
class IndexData : public DataSet {
 public:
  int64_t Tokens() const override { return 0; }
  void Sample(int64_t index, std::span<int32_t> inputs, std::span<int32_t> targets) const override {
    std::ranges::fill(inputs, static_cast<int32_t>(index));
    std::ranges::fill(targets, static_cast<int32_t>(-index));
  }
};

TEST(BatchStaging, MicrobatchesAreContiguousAndReplicasTakeSlicesOfThem) {
  // Batch 8, two microbatches of four, two replicas: rank 1 has 2, 3 and 6, 7.
  const Plan plan = Build({.positions = 1, .replicas = 2, .microbatches = 2, .batch = 8});
  CpuDevice device(1);
  BatchStaging staging(plan, 1, device);
  const int32_t* const first = staging.Reserve(Load::What::kTokens, MicrobatchId(0));
  const int32_t* const second = staging.Reserve(Load::What::kTargets, MicrobatchId(1));
  EXPECT_EQ(staging.share().FirstSample(MicrobatchId(1)), 6);
  staging.Fill(IndexData(), 3);
  for (int64_t place = 0; place < plan.train.sequence; ++place) {
    EXPECT_EQ(first[place], 24 + 2);
    EXPECT_EQ(first[plan.train.sequence + place], 24 + 3);
    EXPECT_EQ(second[place], -(24 + 6));
    EXPECT_EQ(second[plan.train.sequence + place], -(24 + 7));
  }
}

TEST(BatchStaging, EveryReplicaMeshCoversTheBatchOnceAPosition) {
  for (const int32_t replicas : {1, 2, 4}) {
    for (const int32_t microbatches : {1, 2}) {
      const Plan plan =
          Build({.positions = 2, .replicas = replicas, .microbatches = microbatches, .batch = 8});
      std::multiset<int64_t> seen;
      for (int64_t rank = 0; rank < plan.Ranks(); ++rank) {
        const BatchShare share = ShareOf(plan, rank);
        for (int32_t i = 0; i < microbatches; ++i) {
          for (int64_t j = 0; j < share.samples; ++j) {
            seen.insert(share.FirstSample(MicrobatchId(i)) + j);
          }
        }
      }
      for (int64_t sample = 0; sample < 8; ++sample) EXPECT_EQ(seen.count(sample), 2U) << sample;
    }
  }
}

}  // namespace
}  // namespace pprun
