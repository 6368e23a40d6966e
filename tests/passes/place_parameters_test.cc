#include <gtest/gtest.h>

#include <set>

#include "tests/passes/compile_text.h"

namespace pprun {
namespace {

const Program& Initialising(const Plan& plan, size_t position) {
  return plan.positions[position].programs[static_cast<size_t>(ProgramKind::kInitialise)];
}

const Buffer& BufferOf(const Plan& plan, size_t position, BufferId id) {
  return plan.positions[position].buffers[id.index()];
}

// The buffers that runs of the step read as parameters.
std::set<BufferId> ReadAsParameters(const Plan& plan, size_t position) {
  std::set<BufferId> read;
  for (const pprun::Run& run : Select<pprun::Run>(Step(plan, position))) {
    size_t binding = static_cast<size_t>(run.first_binding);
    for (const Argument& argument : plan.functions[run.function.index()].arguments) {
      const BufferId bound = plan.positions[position].bindings[binding++];
      if (argument.role == Role::kParameter) read.insert(bound);
    }
  }
  return read;
}

TEST(PlaceParametersTest, EveryHolderMakesItsParametersOnce) {
  const Plan plan = CompilePlan({.pp = 2});
  size_t made = 0;
  for (size_t p = 0; p < 2; ++p) {
    EXPECT_TRUE(Select<Cast>(Initialising(plan, p)).empty());
    for (const Initialise& initialise : Select<Initialise>(Initialising(plan, p))) {
      const Buffer& buffer = BufferOf(plan, p, initialise.target);
      EXPECT_EQ(buffer.name, plan.parameters[initialise.parameter.index()].name);
      EXPECT_EQ(buffer.arena, ArenaKind::kParameters);
      EXPECT_TRUE(ReadAsParameters(plan, p).contains(initialise.target));
      ++made;
    }
  }
  EXPECT_EQ(made, plan.parameters.size());
}

TEST(PlaceParametersTest, InBfloat16FunctionsReadRoundedCopiesAndTheOptimizerKeepsTheValues) {
  const Plan plan = CompilePlan({.pp = 2, .extra_train = "precision = bf16;"});
  size_t norms = 0, rounded = 0;
  for (size_t p = 0; p < 2; ++p) {
    std::set<BufferId> read = ReadAsParameters(plan, p);
    std::set<BufferId> copies;
    for (const Cast& cast : Select<Cast>(Initialising(plan, p))) {
      const Buffer& value = BufferOf(plan, p, cast.source);
      const Buffer& copy = BufferOf(plan, p, cast.target);
      EXPECT_EQ(value.name, "master of " + copy.name);
      EXPECT_EQ(value.arena, ArenaKind::kOptimizer);
      EXPECT_EQ(copy.arena, ArenaKind::kParameters);
      EXPECT_EQ(value.type.dtype, DType::kF32);
      EXPECT_EQ(copy.type, (TensorType{DType::kBF16, value.type.shape}));
      EXPECT_TRUE(read.contains(cast.target));
      copies.insert(cast.target);
      ++rounded;
    }
    for (const ParameterUpdate& update : plan.positions[p].updates) {
      const Parameter& parameter = plan.parameters[update.parameter.index()];
      EXPECT_EQ(BufferOf(plan, p, update.value).type.dtype, DType::kF32);
      EXPECT_EQ(BufferOf(plan, p, update.gradient).type.dtype, DType::kF32);
      if (parameter.name.find("norm") == std::string::npos) {
        EXPECT_TRUE(copies.contains(update.rounded)) << parameter.name;
        continue;
      }
      // What a norm reads is the value itself.
      EXPECT_FALSE(update.rounded.valid()) << parameter.name;
      EXPECT_TRUE(read.contains(update.value)) << parameter.name;
      ++norms;
    }
  }
  EXPECT_GT(norms, 0u);
  EXPECT_EQ(norms + rounded, plan.parameters.size());
}

TEST(PlaceParametersTest, InBfloat16WhatCrossesIsBfloat16) {
  const Plan plan = CompilePlan({.pp = 2, .extra_train = "precision = bf16;"});
  ASSERT_FALSE(plan.channels.empty());
  for (const Channel& channel : plan.channels) EXPECT_EQ(channel.type.dtype, DType::kBF16);
}

}  // namespace
}  // namespace pprun
