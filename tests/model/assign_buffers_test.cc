#include "compiler/model/assign_buffers.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "compiler/model/lifetimes.h"
#include "compiler/model/model.h"
#include "tests/model/example_models.h"
#include "tests/model/function_checks.h"

namespace pprun {
namespace {

std::vector<CheckedProgram> Programs() {
  return {TinyGpt({}), TinyGpt({.dropout = 0.1, .tied = "embed"}), TinyLlama({.kv_heads = 1}),
          TinyLlama({.tied = "embed"})};
}

std::vector<Role> RolesOf(const Function& function) {
  std::vector<Role> roles;
  for (const Argument& argument : function.arguments) {
    if (roles.empty() || roles.back() != argument.role) roles.push_back(argument.role);
  }
  return roles;
}

TEST(AssignBuffers, EveryFunctionIsSound) {
  for (const CheckedProgram& program : Programs()) {
    for (const Function& function : CompileModel(program, 2).functions) {
      EXPECT_EQ(WhatIsWrong(function), "") << function.name;
    }
  }
}

TEST(AssignBuffers, RegionsHaveTheSameSizeInAllFunctions) {
  for (const CheckedProgram& program : Programs()) {
    const CompiledModel model = CompileModel(program, 2);
    for (const CompiledLayer& layer : model.layers) {
      const std::map<Role, int64_t> bytes = {{Role::kFrameInput, layer.frame_input_bytes},
                                             {Role::kFrameWeight, layer.frame_weight_bytes},
                                             {Role::kStash, layer.stash_bytes}};
      for (const FunctionId id :
           {layer.forward, layer.evaluate, layer.backward, layer.input_grad, layer.weight_grad}) {
        if (!id.valid()) continue;
        for (const Argument& argument : model.functions[id.index()].arguments) {
          const auto region = bytes.find(argument.role);
          if (region == bytes.end()) continue;
          EXPECT_EQ(argument.bytes, region->second);
        }
      }
    }
  }
}

TEST(AssignBuffers, ArgumentsOfAGptBlock) {
  const CompiledModel model = CompileModel(TinyGpt({}), 2);
  using enum Role;
  // All that it makes is kept or passed on.
  EXPECT_EQ(RolesOf(FunctionNamed(model, "block.forward")),
            (std::vector<Role>{kParameter, kInput, kOutput, kFrameInput, kFrameWeight}));
  EXPECT_EQ(RolesOf(FunctionNamed(model, "block.evaluate")),
            (std::vector<Role>{kParameter, kInput, kOutput, kWorkspace}));
  EXPECT_EQ(RolesOf(FunctionNamed(model, "block.backward")),
            (std::vector<Role>{kParameter, kGradient, kInput, kOutputGradient, kInputGradient,
                               kFrameInput, kFrameWeight, kWorkspace}));
  EXPECT_EQ(RolesOf(FunctionNamed(model, "block.input_grad")),
            (std::vector<Role>{kParameter, kInput, kOutputGradient, kInputGradient, kFrameInput,
                               kFrameWeight, kStash, kWorkspace}));
  // The last linear's weight gradient reads the layer's output gradient, the first norm's the
  // layer's input.
  EXPECT_EQ(RolesOf(FunctionNamed(model, "block.weight_grad")),
            (std::vector<Role>{kGradient, kInput, kOutputGradient, kFrameWeight, kStash}));
}

TEST(AssignBuffers, ArgumentsAtTheEnds) {
  const CompiledModel model = CompileModel(TinyGpt({}), 2);
  using enum Role;
  EXPECT_EQ(RolesOf(FunctionNamed(model, "embed.forward")),
            (std::vector<Role>{kParameter, kOutput, kTokens, kWorkspace}));
  EXPECT_EQ(RolesOf(FunctionNamed(model, "embed.backward")),
            (std::vector<Role>{kGradient, kOutputGradient, kTokens}));
  EXPECT_EQ(RolesOf(FunctionNamed(model, "embed.weight_grad")),
            (std::vector<Role>{kGradient, kOutputGradient, kTokens}));
  EXPECT_FALSE(model.layers[0].input_grad.valid());
  EXPECT_EQ(RolesOf(FunctionNamed(model, "head.forward")),
            (std::vector<Role>{kParameter, kInput, kTargets, kLoss, kFrameWeight}));
  EXPECT_EQ(RolesOf(FunctionNamed(model, "head.input_grad")),
            (std::vector<Role>{kParameter, kInput, kInputGradient, kFrameWeight, kStash}));
  EXPECT_EQ(RolesOf(FunctionNamed(model, "head.weight_grad")),
            (std::vector<Role>{kGradient, kInput, kFrameWeight, kStash}));
}

// b = 2 samples, s = 6, d = 8, h = 2, in floats; every value is padded to 64 bytes.
TEST(AssignBuffers, SavesOnlyWhatIsNeeded) {
  const CompiledModel model = CompileModel(TinyGpt({}), 2);
  const auto floats = [](int64_t count) { return AlignedBytes(count * 4); };
  const int64_t tokens = 12;
  // qkv, lse, the activation's input.
  EXPECT_EQ(model.layers[1].frame_input_bytes,
            floats(tokens * 24) + floats(tokens * 2) + floats(tokens * 32));
  // Both norms' outputs and statistics, attention's output, the first residual's output, the
  // activation's output.
  EXPECT_EQ(model.layers[1].frame_weight_bytes, 2 * (floats(tokens * 8) + 2 * floats(tokens)) +
                                                    2 * floats(tokens * 8) + floats(tokens * 32));
  // Output gradients of: first linear, both norms, out projection, qkv projection.
  EXPECT_EQ(model.layers[1].stash_bytes,
            floats(tokens * 32) + 3 * floats(tokens * 8) + floats(tokens * 24));
  EXPECT_EQ(model.layers[0].frame_input_bytes + model.layers[0].frame_weight_bytes, 0);
}

TEST(AssignBuffers, WorkspaceIsReused) {
  const CompiledModel model = CompileModel(TinyGpt({}), 2);
  const Function& evaluate = FunctionNamed(model, "block.evaluate");
  const Argument& workspace = evaluate.arguments.back();
  ASSERT_EQ(workspace.role, Role::kWorkspace);
  // The activation's input and output are written together, from the second norm's output and
  // beside the first residual's; all else fits where these are.
  EXPECT_EQ(workspace.bytes, (12 * 32 * 2 + 12 * 8 * 2) * 4);
}

TEST(AssignBuffers, EvaluateHasNoDropout) {
  const CompiledModel model = CompileModel(TinyGpt({.dropout = 0.1}), 2);
  for (const Operation& operation : FunctionNamed(model, "block.evaluate").operations) {
    EXPECT_NE(operation.kind, OpKind::kDropout);
  }
}

// Layers whose output or input gradient would be the very value they are given.
TEST(AssignBuffers, DegenerateLayersCopy) {
  const TinySizes sizes;
  const CheckedProgram program = ProgramOf(
      sizes,
      {{.name = "drop", .operations = {DropoutOf("dropout", 8, 0.5)}},
       {.name = "place", .operations = {PositionsOf(sizes)}},
       {.name = "both", .operations = {PositionsOf(sizes), LinearOf("linear", 8, 8, false)}}});
  const CompiledModel model = CompileModel(program, 2);
  for (const Function& function : model.functions) {
    EXPECT_EQ(WhatIsWrong(function), "") << function.name;
  }
  using enum Role;
  EXPECT_EQ(RolesOf(FunctionNamed(model, "drop.evaluate")), (std::vector<Role>{kInput, kOutput}));
  EXPECT_FALSE(model.layers[0].weight_grad.valid());
  EXPECT_EQ(RolesOf(FunctionNamed(model, "place.input_grad")),
            (std::vector<Role>{kOutputGradient, kInputGradient}));
  EXPECT_EQ(RolesOf(FunctionNamed(model, "both.input_grad")),
            (std::vector<Role>{kParameter, kOutputGradient, kInputGradient, kStash}));
}

TEST(PlaceByLifetime, RandomBlocksNeverShareMemoryWhileAlive) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<MemoryBlock> blocks(1 + random() % 40);
    int64_t heaviest = 0;
    for (MemoryBlock& block : blocks) {
      block.bytes = 1 + random() % 1000;
      block.first = static_cast<int32_t>(random() % 30);
      block.last = block.first + static_cast<int32_t>(random() % 8);
    }
    const int64_t total = PlaceByLifetime(blocks);
    for (int step = 0; step < 40; ++step) {
      int64_t alive = 0;
      for (const MemoryBlock& block : blocks) {
        if (block.first <= step && step <= block.last) alive += AlignedBytes(block.bytes);
      }
      heaviest = std::max(heaviest, alive);
    }
    EXPECT_GE(total, heaviest);
    for (size_t a = 0; a < blocks.size(); ++a) {
      EXPECT_EQ(blocks[a].offset % kBufferAlignment, 0);
      EXPECT_LE(blocks[a].offset + blocks[a].bytes, total);
      for (size_t b = a + 1; b < blocks.size(); ++b) {
        const bool together =
            blocks[a].first <= blocks[b].last && blocks[b].first <= blocks[a].last;
        const bool apart = blocks[a].offset + blocks[a].bytes <= blocks[b].offset ||
                           blocks[b].offset + blocks[b].bytes <= blocks[a].offset;
        EXPECT_TRUE(!together || apart);
      }
    }
  }
}

}  // namespace
}  // namespace pprun
