#include <gtest/gtest.h>

#include <algorithm>

#include "tests/passes/compile_text.h"

namespace pprun {
namespace {

std::vector<size_t> Indices(const Program& program, auto matches) {
  std::vector<size_t> found;
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    if (matches(program.instructions[i])) found.push_back(i);
  }
  return found;
}

bool IsBackward(const Instruction& instruction) {
  const pprun::Run* run = std::get_if<pprun::Run>(&instruction.operands);
  return run != nullptr && run->kind == TaskKind::kBackward;
}

bool IsCollective(const Instruction& instruction) {
  return std::holds_alternative<Collective>(instruction.operands);
}

TEST(SyncGradientsTest, NoReplicasNoCollectives) {
  const Plan plan = CompilePlan(
      {.pp = 2, .dp = 1, .gradients = "gradients ddp(bucket = 4 KiB, overlap = true);"});
  for (size_t p = 0; p < 2; ++p) EXPECT_TRUE(Select<Collective>(Step(plan, p)).empty());
}

TEST(SyncGradientsTest, NaiveIsOneAParameterAndFlatOneForAll) {
  for (const auto& [gradients, one_each] :
       {std::pair{"gradients naive;", true}, std::pair{"gradients flat;", false}}) {
    const Plan plan = CompilePlan({.pp = 2, .dp = 2, .gradients = gradients});
    for (size_t p = 0; p < 2; ++p) {
      const size_t held = static_cast<size_t>(std::count_if(
          plan.parameters.begin(), plan.parameters.end(),
          [&](const Parameter& parameter) { return parameter.holders.front().index() == p; }));
      EXPECT_EQ(Select<Collective>(Step(plan, p)).size(), one_each ? held : 1u);
      EXPECT_GT(Indices(Step(plan, p), IsCollective).front(),
                Indices(Step(plan, p), IsBackward).back());
    }
  }
}

TEST(SyncGradientsTest, BucketsHoldEveryGradientOnceAndKeepTheirSize) {
  const Plan plan = CompilePlan(
      {.pp = 1, .dp = 2, .gradients = "gradients ddp(bucket = 20 KiB, overlap = false);"});
  const Position& position = plan.positions[0];
  int64_t end = 0;
  for (const Collective& collective : Select<Collective>(Step(plan, 0))) {
    const Buffer& bucket = position.buffers[collective.source.index()];
    EXPECT_EQ(collective.source, collective.target);
    EXPECT_EQ(bucket.offset, end) << "buckets lie one after the other";
    end = bucket.offset + bucket.type.Bytes();
    const auto parts =
        std::count_if(position.buffers.begin(), position.buffers.end(), [&](const Buffer& buffer) {
          return buffer.name.starts_with("gradient of ") && buffer.offset >= bucket.offset &&
                 buffer.offset < end;
        });
    EXPECT_TRUE(bucket.type.Bytes() <= 20 * 1024 + 64 * parts || parts == 1);
  }
  EXPECT_EQ(end, position.arena_bytes[static_cast<size_t>(ArenaKind::kGradients)]);
}

TEST(SyncGradientsTest, OverlapIssuesABucketRightAfterItsLastGradient) {
  const Plan plan = CompilePlan(
      {.pp = 1, .dp = 2, .gradients = "gradients ddp(bucket = 8448, overlap = true);"});
  const Program& program = Step(plan, 0);
  const std::vector<size_t> collectives = Indices(program, IsCollective);
  const std::vector<size_t> backwards = Indices(program, IsBackward);
  EXPECT_LT(collectives.front(), backwards.back());
  // The first bucket holds the head's gradients, which come first, in the last microbatch.
  const pprun::Run& before =
      std::get<pprun::Run>(program
                               .instructions[*std::prev(std::upper_bound(
                                   backwards.begin(), backwards.end(), collectives.front()))]
                               .operands);
  EXPECT_EQ(before.microbatch.value, 3);
  EXPECT_EQ(plan.layers[before.layer.index()].name, "head");
}

TEST(SyncGradientsTest, UsesOfATiedParameterAreAddedOnce) {
  const Plan plan = CompilePlan(
      {.pp = 1,
       .dp = 2,
       .head = "layer_norm; linear(vocab, bias = false, tied = embed); cross_entropy;"});
  const std::vector<Add> adds = Select<Add>(Step(plan, 0));
  ASSERT_EQ(adds.size(), 1u);
  const std::vector<Buffer>& buffers = plan.positions[0].buffers;
  EXPECT_EQ(buffers[adds[0].source.index()].arena, ArenaKind::kTransientGradients);
  EXPECT_EQ(buffers[adds[0].target.index()].arena, ArenaKind::kGradients);
}

}  // namespace
}  // namespace pprun
