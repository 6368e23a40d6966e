// Every field of a plan, damaged by itself: what the verifier accepts all the same is harmless. It
// computes what the sound plan computes, as the oracle says; or it is one of the fields that say
// what to train, or nothing at all, listed here. And whatever is accepted can be simulated, printed
// and run.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <utility>

#include "compiler/plan/file.h"
#include "compiler/plan/text.h"
#include "compiler/simulate/simulate.h"
#include "compiler/verify/verify.h"
#include "runtime/data.h"
#include "runtime/launch.h"
#include "tests/plan/plan_builder.h"
#include "tests/verify/oracle.h"
#include "tests/verify/plan_fields.h"

namespace pprun {
namespace {

using FieldName = std::pair<std::string, int>;

// Any value that is accepted is right.
const std::map<FieldName, std::string> kFree = {
    // The train record, from the data on.
    {{"plan", 2}, "data.kind"},
    {{"plan", 4}, "data.seed"},
    {{"plan", 5}, "data.source: where messages about a file point"},
    {{"plan", 6}, "validation.kind"},
    {{"plan", 8}, "validation.seed"},
    {{"plan", 9}, "validation.source"},
    {{"plan", 10}, "vocabulary: a smaller one than the tables have"},
    {{"plan", 14}, "steps"},
    {{"plan", 15}, "seed"},
    {{"plan", 16}, "validate_every"},
    {{"plan", 17}, "validate_batches"},
    {{"plan", 18}, "optimizer.kind: one with the same moments"},
    {{"plan", 19}, "optimizer.learning_rate"},
    {{"plan", 20}, "optimizer.momentum"},
    {{"plan", 21}, "optimizer.beta1"},
    {{"plan", 22}, "optimizer.beta2"},
    {{"plan", 23}, "optimizer.epsilon"},
    {{"plan", 24}, "optimizer.weight_decay"},
    {{"plan", 25}, "optimizer.warmup"},
    {{"plan", 26}, "optimizer.decay"},
    {{"plan", 27}, "optimizer.final_learning_rate"},
    {{"plan", 28}, "optimizer.clip: another norm, but not none"},
    {{"parameters", 7}, "initialisation.kind"},
    {{"parameters", 8}, "initialisation.deviation"},
    {{"parameters", 9}, "decay"},
    {{"exports", 3}, "layout: a matrix may be saved either way"},
    // Of no consequence for what is computed, though the oracle hashes them.
    {{"arguments", 2}, "bytes: as many as the views need, or some to spare"},
    {{"arguments", 3}, "ordinal: where the role has none"},
    {{"instructions", 11}, "run's function: another one of the same operations"},
};

// A field that must never be accepted with any other value than its own.
const std::map<FieldName, std::string> kFixed = {
    {{"plan", 11}, "sequence"},
    {{"plan", 12}, "batch"},
    {{"plan", 13}, "microbatches"},
    {{"plan", 29}, "stages"},
    {{"axes", 1}, "size"},
    {{"layers", 1}, "key"},
    {{"layers", 2}, "stage"},
    {{"parameters", 1}, "dtype"},
    {{"exports", 1}, "row_begin"},
    {{"exports", 2}, "row_end"},
    {{"operations", 0}, "kind"},
    {{"operations", 6}, "loss_scale"},
    {{"instructions", 15}, "microbatch"},
};

std::string NameOf(const PlanField& field) {
  return field.record + " field " + std::to_string(field.ordinal);
}

// Two steps and the validation, as pprun would; what the world refuses is fine.
void RunBriefly(const Plan& plan) {
  int64_t bytes = 0;
  for (const Position& position : plan.positions) {
    for (const int64_t arena : position.arena_bytes) bytes = std::max(bytes, arena);
  }
  // Memory that no machine of a test has.
  if (bytes > 64 << 20) return;
  try {
    const TrainSpec& train = plan.train;
    const auto open = [&](const DataSpec& data) -> std::unique_ptr<DataSet> {
      if (data.kind == DataSpec::Kind::kNone) return nullptr;
      return OpenData(data, train.sequence, train.vocabulary, train.seed);
    };
    const auto data = open(train.data), held_out = open(train.validation);
    if (!data) return;
    LocalRanks ranks(plan, std::make_unique<CpuBackend>(plan.Ranks(), 1), {}, data.get(),
                     held_out.get());
    ranks.Run([&](Rank rank) {
      rank.executor.Initialise();
      for (int64_t step = 0; step < 2; ++step) rank.executor.RunStep(step, 1e-3F);
      if (held_out) rank.executor.RunValidation(0);
    });
  } catch (const std::runtime_error&) {
  }
}

class FieldDamage : public testing::TestWithParam<PlanToBuild> {};

TEST_P(FieldDamage, IsRejectedOrHarmless) {
  Plan plan = BuildPlan(GetParam());
  plan.train.validation = {DataSpec::Kind::kSynthetic, "", 2};
  ASSERT_TRUE(Verify(plan).empty());
  const OracleReference reference = Reference(plan);
  const std::vector<PlanField> fields = FieldsOf(plan);
  std::map<FieldName, int> accepted;
  int rejected = 0, runs = 0;
  for (const PlanField& field : fields) {
    // Names are for people; those that must be different are in named_damage_test.
    if (field.kind == PlanField::Kind::kText) continue;
    const FieldName name = {field.record, field.ordinal};
    for (int n = 0; field.damage(n); ++n, field.restore()) {
      const std::vector<Finding> findings = Verify(plan);
      for (const Finding& finding : findings) EXPECT_NE(Render(plan, finding), "");
      if (!findings.empty()) {
        ++rejected;
        continue;
      }
      ++accepted[name];
      EXPECT_FALSE(kFixed.contains(name)) << NameOf(field) << ", value " << n;
      if (!kFree.contains(name)) {
        EXPECT_EQ(Judge(plan, reference), "") << NameOf(field) << ", value " << n;
      }
      EXPECT_NE(ToText(plan), "");
      EXPECT_FALSE(Simulate(plan, ProgramKind::kStep, CostTable{}).events.empty());
      // A few of each field: what is run is the same code.
      if (accepted[name] <= 4) {
        RunBriefly(plan);
        ++runs;
      }
      if (HasFailure()) return;
    }
  }
  std::printf("%zu fields, %d damages rejected, %d of them run\n", fields.size(), rejected, runs);
  EXPECT_GT(rejected, 2 * static_cast<int>(fields.size()));
  EXPECT_GT(runs, 50);
}

INSTANTIATE_TEST_SUITE_P(Plans, FieldDamage,
                         testing::Values(PlanToBuild{.dp = 2, .microbatches = 2, .clip = 1},
                                         PlanToBuild{.positions = 1,
                                                     .microbatches = 1,
                                                     .tied = PlanToBuild::Tied::kYes,
                                                     .halves = PlanToBuild::Halves::kApart}));

// A file holds no value that its enumeration does not have.
TEST(Enumerations, BeyondTheirEndAreNotAccepted) {
  Plan plan = BuildPlan({.microbatches = 1, .clip = 1});
  std::set<FieldName> seen;
  for (const PlanField& field : FieldsOf(plan)) {
    if (field.kind != PlanField::Kind::kEnumeration) continue;
    if (!seen.insert({field.record, field.ordinal}).second) continue;
    field.beyond();
    EXPECT_THROW(Deserialise(Serialise(plan)), PlanFileError) << NameOf(field);
    field.restore();
  }
  EXPECT_GT(seen.size(), 15u);
  // What is made in memory is not trusted either, where it decides what is trained.
  const auto types = [](const Plan& damaged) {
    const std::vector<Finding> findings = Verify(damaged);
    return !findings.empty() && findings[0].kind == FindingKind::kTypes;
  };
  plan.train.data.kind = static_cast<DataSpec::Kind>(5);
  EXPECT_TRUE(types(plan));
  plan = BuildPlan();
  plan.train.optimizer.kind = static_cast<OptimizerSpec::Kind>(3);
  EXPECT_TRUE(types(plan));
  plan = BuildPlan();
  plan.train.optimizer.decay = static_cast<OptimizerSpec::Decay>(2);
  EXPECT_TRUE(types(plan));
}

}  // namespace
}  // namespace pprun
