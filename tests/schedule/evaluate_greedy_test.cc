// `greedy` as a schedule says it.
#include <gtest/gtest.h>

#include "compiler/schedule/predict_times.h"
#include "tests/schedule/schedule_text.h"

namespace pprun {
namespace {

std::string Greedy(const std::string& body, const std::string& rank = "r") {
  return "greedy on rank " + rank + " { " + body + " }";
}
std::string Schedule(const std::string& items) { return "schedule s {\n" + items + "\n}"; }

const std::string kHalves = "prefer input_grad, forward, weight_grad; ";
const std::string kWhole = "prefer backward, forward; ";

TEST(EvaluateGreedy, AsThePageOfTheLanguageSays) {
  EXPECT_EQ(OrderOf("schedule zero_bubble_auto(memory = 2 * pp) {\n"
                    "  greedy on rank r { limit in_flight <= memory; prefer input_grad, forward, "
                    "weight_grad; }\n}",
                    {.pp = 2, .microbatches = 4, .parameters = {{"memory", int64_t{2}}}}),
            "0F0 0F1 0I0 0W0 0I1 0F2 0W1 0F3 0I2 0W2 0I3 0W3\n"
            "1F0 1I0 1F1 1I1 1W0 1W1 1F2 1I2 1F3 1I3 1W2 1W3\n");
}

TEST(EvaluateGreedy, FollowsItsPreferencesAndLimits) {
  // 1F1B is what a limit of pp - r makes of gradients first.
  for (const int64_t pp : {1, 2, 3, 5}) {
    for (const int64_t microbatches : {1, 2, 4, 9}) {
      const ScheduleSetting setting{.pp = pp, .microbatches = microbatches};
      EXPECT_EQ(OrderOf(Schedule(Greedy("limit in_flight <= pp - r; " + kWhole)), setting),
                OrderOf(kOneForwardOneBackward, setting));
      // And GPipe of forwards first.
      EXPECT_EQ(OrderOf(Schedule(Greedy("prefer forward, backward;")), setting),
                OrderOf(kGpipe, setting));
    }
  }
}

TEST(EvaluateGreedy, BoundsSeeWhatAnOrderSees) {
  const std::string with_function =
      "let spare = 1;\nfn room(k) = if k == r then pp - r else spare;\n" +
      Greedy("limit in_flight <= room(r); " + kWhole);
  EXPECT_EQ(OrderOf(Schedule(with_function), {.pp = 3, .microbatches = 5}),
            OrderOf(kOneForwardOneBackward, {.pp = 3, .microbatches = 5}));
}

TEST(EvaluateGreedy, CostsDecide) {
  // A long weight gradient waits where a short one runs between.
  const std::string text = Schedule(Greedy("limit in_flight <= 2; " + kHalves));
  const auto makespan = [&](int64_t weight) {
    const TaskCosts costs{.forward = {2}, .input_grad = {2, 3}, .weight_grad = {weight}};
    const EvaluatedText evaluated =
        EvaluateText(text, {.pp = 2, .microbatches = 3, .costs = costs});
    Diagnostics diagnostics;
    const TaskTimes times = PredictTimes(*evaluated.order, costs, diagnostics).value();
    return std::pair(ToText(*evaluated.order), std::max(times[0].back().end, times[1].back().end));
  };
  EXPECT_NE(makespan(1).first, makespan(9).first);
  EXPECT_LT(makespan(1).second, makespan(9).second);
}

TEST(EvaluateGreedy, ASearchIsNoWorse) {
  const auto makespan = [](const std::string& search) {
    const TaskCosts costs{.forward = {5, 6, 7}, .input_grad = {6, 7}, .weight_grad = {4}};
    const EvaluatedText evaluated =
        EvaluateText(Schedule("place chunk 0 on rank r as stage r;\n"
                              "place chunk 1 on rank r as stage 2 * pp - 1 - r;\n" +
                              Greedy("limit in_flight <= 5; " + kHalves + search)),
                     {.pp = 4, .microbatches = 12, .costs = costs});
    Diagnostics diagnostics;
    int64_t end = 0;
    const TaskTimes times = PredictTimes(*evaluated.order, costs, diagnostics).value();
    for (const auto& rank : times) {
      end = std::max(end, rank.back().end);
    }
    return end;
  };
  EXPECT_LT(makespan("search nodes <= 100;"), makespan(""));
}

TEST(EvaluateGreedy, OneRankBesideAnOrder) {
  const std::string order =
      "order on rank r {\n"
      "  for i in 0 .. microbatches { forward(i); }\n"
      "  for i in 0 .. microbatches { backward(i); }\n}\n";
  EXPECT_EQ(OrderOf(Schedule(order + Greedy("limit in_flight <= 2; " + kHalves, "1")),
                    {.pp = 2, .microbatches = 3}),
            "0F0 0F1 0F2 0B0 0B1 0B2\n"
            "1F0 1I0 1F1 1I1 1W0 1F2 1I2 1W1 1W2\n");
  EXPECT_EQ(
      OrderOf(Schedule(Greedy(kWhole, "0") + Greedy(kHalves, "r")), {.pp = 2, .microbatches = 2}),
      "0F0 0F1 0B0 0B1\n1F0 1I0 1F1 1I1 1W0 1W1\n");
}

TEST(EvaluateGreedy, OneRankMistakes) {
  const std::string order =
      "order on rank r { for i in 0 .. microbatches { forward(i); backward(i); } }\n";
  EXPECT_EQ(OrderOf(Schedule(order + Greedy(kWhole, "2")), {.pp = 2}),
            "3:1: there is no rank 2: they go from 0 to 1\n");
  EXPECT_EQ(OrderOf(Schedule(Greedy(kWhole, "1")), {.pp = 2}),
            "1:10: rank 0 has neither an order nor a `greedy`\n"
            "  2:1: this stands for another rank\n");
  const std::string backwards =
      "order on rank r { for i in 0 .. 4 { forward(3 - i); } for i in 0 .. 4 { backward(i); } }\n";
  EXPECT_EQ(OrderOf(Schedule(backwards + Greedy(kWhole, "1")), {.pp = 2}),
            "2:37: beside a `greedy` on other ranks an order has microbatches of a kind in their "
            "order\n");
  // Rank 0 runs every forward first, and rank 1 may hold but one.
  const std::string waits =
      "order on rank r {\n forward(0); forward(1); backward(1); backward(0);\n}\n";
  EXPECT_EQ(OrderOf(Schedule(waits + Greedy(kWhole, "1")), {.pp = 2, .microbatches = 2}),
            "3:26: beside a `greedy` on other ranks an order has microbatches of a kind in their "
            "order\n");
}

TEST(EvaluateGreedy, AnOrderThatNothingFits) {
  // Rank 0 wants a gradient before it sends what rank 1 needs for it.
  const std::string text = Schedule(
      "place chunk 0 on rank r as stage r;\nplace chunk 1 on rank r as stage 2 + r;\n"
      "order on rank r {\n"
      "  forward(0, chunk = 0); backward(0, chunk = 0); forward(0, chunk = 1);\n"
      "  backward(0, chunk = 1);\n}\n" +
      Greedy(kWhole, "1"));
  EXPECT_EQ(OrderOf(text, {.pp = 2, .microbatches = 1}),
            "5:26: this schedule cannot go on: rank 0 waits at `backward(0, chunk = 0)`\n"
            "  8:1: no order of the ranks that `greedy` orders gets it further within their "
            "limits\n");
}

TEST(EvaluateGreedy, TooLittleRoom) {
  EXPECT_EQ(OrderOf(Schedule(Greedy("limit in_flight <= pp - 2; " + kHalves)), {.pp = 2}),
            "2:20: rank 0 holds an activation of 1 chunk at least, and the limit is 0\n"
            "  2:20: `pp` is 2\n");
  EXPECT_EQ(OrderOf(Schedule("let chunks = 3;\nplace chunk c on rank r as stage c * pp + r;\n" +
                             Greedy("limit in_flight <= 4 - r; " + kHalves)),
                    {.pp = 3}),
            "4:20: rank 2 holds an activation of 3 chunks at least, and the limit is 2\n"
            "  4:20: `r` is 2\n");
  EXPECT_EQ(
      OrderOf(Schedule(Greedy("limit in_flight <= 2; " + kHalves + "search nodes <= pp - 2;")),
              {.pp = 2}),
      "2:99: a search of 0 nodes finds nothing\n  2:99: `pp` is 2\n");
}

TEST(EvaluateGreedy, AUnitMakesItBytes) {
  const std::string text = Schedule("let room = 2 * 4 KiB;\nfn most() = max(room, 1);\n" +
                                    Greedy("limit in_flight <= most(); " + kHalves));
  EXPECT_EQ(OrderOf(text),
            "4:20: a limit in bytes needs a model\n"
            "  4:20: without one, activations are counted: `in_flight <= 8`\n");
  const auto with_bytes = [](int64_t first, int64_t second) {
    TaskCosts costs;
    costs.activation_bytes = [=](int32_t) { return std::vector<int64_t>{first, second}; };
    return ScheduleSetting{.pp = 2, .microbatches = 4, .costs = costs};
  };
  const auto counted = [](const std::string& limit) {
    return OrderOf(Schedule(Greedy("limit in_flight <= " + limit + "; " + kHalves)),
                   {.pp = 2, .microbatches = 4});
  };
  EXPECT_EQ(OrderOf(text, with_bytes(4096, 4096)), counted("2"));
  EXPECT_EQ(OrderOf(text, with_bytes(2048, 4096)), counted("4 - 2 * r"));
  EXPECT_EQ(OrderOf(text, with_bytes(9000, 4096)),
            "4:20: an activation of rank 0 takes 8.8 KiB, and the limit is 8.0 KiB\n");
}

TEST(EvaluateGreedy, ChoosesItsPlacement) {
  const std::string places =
      "place chunk c on rank r as stage c * pp + r\n"
      "    | stage if c == 0 then r else 2 * pp - 1 - r;\n" +
      Greedy("limit in_flight <= 4; " + kHalves + "search nodes <= 50;");
  const EvaluatedText evaluated =
      EvaluateText("schedule s(chunks = 2) {\n" + places + "\n}",
                   {.pp = 4, .microbatches = 8, .parameters = {{"chunks", int64_t{2}}}});
  ASSERT_TRUE(evaluated.order) << evaluated.errors;
  EXPECT_EQ(evaluated.order->placement[0][1].stage, 7) << "a V holds fewer activations";
  // Both are one placement, and it is tried once.
  EXPECT_TRUE(EvaluateText("schedule s(chunks = 1) {\n" + places + "\n}",
                           {.pp = 3, .parameters = {{"chunks", int64_t{1}}}})
                  .order);
}

TEST(EvaluateGreedy, Limits) {
  Limits limits;
  limits.unrolled_tasks = 80;
  EXPECT_EQ(OrderOf(Schedule(Greedy(kHalves)), {.pp = 4, .microbatches = 10, .limits = limits}),
            "1:10: the schedule runs more than the limit of 80 tasks (`unrolled_tasks`)\n");
  limits = {};
  limits.evaluation_steps = 200;
  EXPECT_EQ(OrderOf(Schedule(Greedy(kHalves)), {.pp = 4, .microbatches = 10, .limits = limits}),
            "1:10: evaluating the schedule takes more than the limit of 200 steps "
            "(`evaluation_steps`)\n");
  // A search that would take more ends early.
  limits.evaluation_steps = 2000;
  EXPECT_TRUE(EvaluateText(Schedule(Greedy("limit in_flight <= 2; " + kHalves +
                                           "search nodes <= 1000000000;")),
                           {.pp = 4, .microbatches = 10, .limits = limits})
                  .order);
}

}  // namespace
}  // namespace pprun
