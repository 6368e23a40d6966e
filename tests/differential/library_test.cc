// Every built-in schedule trains, with the bits of one rank that accumulates gradients in the same
// order.
//
// The reference is one rank that holds every stage as a chunk: it runs all forward passes, then all
// input gradients, then each stage's weight gradients in the order in which the schedule under test
// runs them. A bidirectional schedule sums two halves apart and adds once, which no order on one
// rank does: there values agree to rounding.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <map>

#include "compiler/schedule/task_order.h"
#include "compiler/simulate/live_activations.h"
#include "tests/differential/train.h"
#include "tests/passes/compile_text.h"

namespace pprun {
namespace {

struct Case {
  std::string schedule;  // with its parameters
  int pp = 2;
  int microbatches = 4;
};

// A GPT of five layers a stage at least, with dropout and clipping.
std::string Source(int pp, int microbatches, const std::string& schedule, int steps = 20) {
  return "mesh { pp = " + std::to_string(pp) +
         "; }\n"
         "model gpt {\n"
         "  layer embed { embedding(37, 16); positions(8); dropout(0.1); }\n"
         "  layer block repeat 8 {\n"
         "    residual { layer_norm; attention(2) as \"attn\"; }\n"
         "    residual { layer_norm; linear(32); gelu; linear(16); dropout(0.1); }\n"
         "  }\n"
         "  layer head { layer_norm; linear(37, bias = false); cross_entropy; }\n}\n"
         "stages balance(layers);\n"
         "train { data = synthetic(seed = 3); sequence = 8; batch = " +
         std::to_string(microbatches) + "; microbatches = " + std::to_string(microbatches) +
         "; steps = " + std::to_string(steps) +
         "; seed = 7;\n"
         "  optimizer = adamw(lr = 3e-3, weight_decay = 0.1, warmup = 5, clip = 0.5); }\n" +
         schedule;
}

// One rank with a chunk a stage, whose weight gradients of stage s run in the order orders[s].
std::string ReferenceSchedule(const std::vector<std::vector<int32_t>>& orders) {
  const std::string stages = std::to_string(orders.size());
  std::string text =
      "schedule reference(chunks = " + stages +
      ") {\n  place chunk c on rank r as stage c;\n  order on rank r {\n"
      "    for i in 0 .. microbatches { for c in 0 .. chunks { forward(i, chunk = c); } }\n"
      "    for i in 0 .. microbatches { for c in 0 .. chunks { "
      "input_grad(i, chunk = chunks - 1 - c); } }\n";
  for (size_t stage = 0; stage < orders.size(); ++stage) {
    for (int32_t i : orders[stage]) {
      text +=
          "    weight_grad(" + std::to_string(i) + ", chunk = " + std::to_string(stage) + ");\n";
    }
  }
  return text + "  }\n}\nschedule reference;\n";
}

// By stage, the microbatches in the order of their weight gradients.
std::vector<std::vector<int32_t>> WeightOrders(const TaskOrder& order) {
  std::vector<std::vector<int32_t>> orders(static_cast<size_t>(order.stages));
  for (const std::vector<OrderedTask>& tasks : order.positions) {
    for (const OrderedTask& task : tasks) {
      if (task.kind != TaskKind::kBackward && task.kind != TaskKind::kWeightGrad) continue;
      orders[static_cast<size_t>(task.stage)].push_back(task.microbatch);
    }
  }
  return orders;
}

double RelativeNorm(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(double{a[i]} - double{b[i]}, 2);
    norm += std::pow(double{b[i]}, 2);
  }
  return std::sqrt(difference / std::max(norm, 1e-30));
}

std::string NameOfCase(const testing::TestParamInfo<Case>& tested) {
  const Case& c = tested.param;
  std::string name =
      c.schedule + "_p" + std::to_string(c.pp) + "_m" + std::to_string(c.microbatches);
  std::erase_if(name, [](char letter) {
    return letter != '_' && !std::isalnum(static_cast<unsigned char>(letter));
  });
  return name;
}

class LibraryTest : public testing::TestWithParam<Case> {};

TEST_P(LibraryTest, TrainsAsOneRankDoes) {
  const Case& c = GetParam();
  const CompiledText compiled =
      CompileText(Source(c.pp, c.microbatches, "schedule " + c.schedule + ";\n"));
  ASSERT_TRUE(compiled.result.plan);
  const Trained trained = Train(*compiled.result.plan);
  const TaskOrder& order = *compiled.result.order;
  const CompiledText reference =
      CompileText(Source(1, c.microbatches, ReferenceSchedule(WeightOrders(order))));
  ASSERT_TRUE(reference.result.plan);
  const Trained one = Train(*reference.result.plan);
  ASSERT_EQ(trained.losses.size(), 20u);
  ASSERT_EQ(trained.weights.size(), one.weights.size());
  if (order.pipes == 1) {
    EXPECT_EQ(trained.losses, one.losses);
    for (const auto& [name, values] : one.weights)
      EXPECT_EQ(trained.weights.at(name), values) << name;
    return;
  }
  for (size_t step = 0; step < one.losses.size(); ++step) {
    EXPECT_NEAR(trained.losses[step] / one.losses[step], 1, 1e-4) << "step " << step;
  }
  for (const auto& [name, values] : one.weights) {
    // The true gradient of an attention's key bias is zero, so Adam amplifies rounding there.
    if (name.ends_with("qkv.bias")) continue;
    EXPECT_LT(RelativeNorm(trained.weights.at(name), values), 1e-2) << name;
  }
}

// Which transfers share a queue changes when they run, and nothing else.
TEST_P(LibraryTest, EveryChoiceOfQueuesHasTheSameBits) {
  const Case& c = GetParam();
  std::vector<Trained> trained;
  for (const char* choice : {"queue_per_peer", "queue_per_rank", "queue_per_flow"}) {
    const CompiledText compiled = CompileText(Source(
        c.pp, c.microbatches, "schedule " + c.schedule + ";\ntransfers " + choice + ";\n", 3));
    ASSERT_TRUE(compiled.result.plan) << choice;
    trained.push_back(Train(*compiled.result.plan));
  }
  ASSERT_EQ(trained[0].losses.size(), 3u);
  EXPECT_EQ(trained[1], trained[0]);
  EXPECT_EQ(trained[2], trained[0]);
}

// As many activations are live at once in a run as the compiler says, rank by rank: counted from
// when forward and backward really ran, an overlapped pair being one.
TEST_P(LibraryTest, HoldsAsManyActivationsAsTheCompilerSays) {
  const Case& c = GetParam();
  const CompiledText compiled =
      CompileText(Source(c.pp, c.microbatches, "schedule " + c.schedule + ";\n"));
  ASSERT_TRUE(compiled.result.plan);
  const Plan& plan = *compiled.result.plan;
  std::map<int64_t, int64_t> said;
  for (int64_t rank = 0; rank < c.pp; ++rank) {
    said[rank] = PeaksOf(plan.positions[static_cast<size_t>(rank)]).activations;
  }
  EXPECT_EQ(LiveActivations(plan, TraceSteps(plan)), said);
}

INSTANTIATE_TEST_SUITE_P(
    Schedules, LibraryTest,
    testing::Values(Case{"gpipe", 3, 5}, Case{"one_f_one_b", 3, 5}, Case{"eager_one_f_one_b", 3, 5},
                    Case{"interleaved_one_f_one_b", 2, 4},
                    Case{"interleaved_one_f_one_b(chunks = 3)", 2, 6},
                    Case{"interleaved_zero_bubble", 2, 4}, Case{"breadth_first", 2, 4},
                    Case{"breadth_first(chunks = 4)", 2, 3}, Case{"zero_bubble_h1", 3, 5},
                    Case{"zero_bubble_h2", 3, 6}, Case{"zero_bubble_v", 3, 6}, Case{"v_half", 4, 6},
                    Case{"v_min", 3, 6}, Case{"dualpipe_v", 2, 5}, Case{"dualpipe_v", 3, 7},
                    Case{"dualpipe", 2, 6}, Case{"dualpipe", 4, 8}, Case{"automatic", 3, 5},
                    Case{"automatic(chunks = 1, memory = 5)", 4, 8},
                    Case{"automatic(chunks = 3, memory = 4)", 2, 5}),
    NameOfCase);

}  // namespace
}  // namespace pprun
