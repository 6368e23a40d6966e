// Published orders, properties of the schedules over many sizes, and every construct of an order.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "tests/schedule/schedule_text.h"

namespace pprun {
namespace {

// ---- published orders, 2 ranks, 4 microbatches
// ------------------------------------------------------

TEST(GoldenOrders, Gpipe) {
  EXPECT_EQ(OrderOf(kGpipe),
            "0F0 0F1 0F2 0F3 0B0 0B1 0B2 0B3\n"
            "1F0 1F1 1F2 1F3 1B0 1B1 1B2 1B3\n");
}

TEST(GoldenOrders, OneForwardOneBackward) {
  EXPECT_EQ(OrderOf(kOneForwardOneBackward),
            "0F0 0F1 0B0 0F2 0B1 0F3 0B2 0B3\n"
            "1F0 1B0 1F1 1B1 1F2 1B2 1F3 1B3\n");
}

TEST(GoldenOrders, EagerOneForwardOneBackward) {
  EXPECT_EQ(OrderOf(kEagerOneForwardOneBackward),
            "0F0 0F1 0F2 0B0 0F3 0B1 0B2 0B3\n"
            "1F0 1B0 1F1 1B1 1F2 1B2 1F3 1B3\n");
}

TEST(GoldenOrders, ZeroBubbleH1) {
  EXPECT_EQ(OrderOf(kZeroBubbleH1),
            "0F0 0F1 0I0 0W0 0F2 0I1 0W1 0F3 0I2 0W2 0I3 0W3\n"
            "1F0 1I0 1F1 1I1 1W0 1F2 1I2 1W1 1F3 1I3 1W2 1W3\n");
}

TEST(GoldenOrders, ZeroBubbleH2) {
  EXPECT_EQ(OrderOf(kZeroBubbleH2),
            "0F0 0F1 0F2 0I0 0W0 0F3 0I1 0W1 0I2 0W2 0I3 0W3\n"
            "1F0 1I0 1F1 1I1 1F2 1I2 1W0 1F3 1I3 1W1 1W2 1W3\n");
}

// ---- properties
// ------------------------------------------------------------------------------------

struct Costs {
  int64_t forward = 1, input_grad = 1, weight_grad = 1;

  int64_t Of(TaskKind kind) const {
    switch (kind) {
      case TaskKind::kForward:
        return forward;
      case TaskKind::kBackward:
        return input_grad + weight_grad;
      case TaskKind::kInputGrad:
        return input_grad;
      case TaskKind::kWeightGrad:
        return weight_grad;
      case TaskKind::kRecompute:
        break;
    }
    return 0;
  }
};

// The makespan with free transfers, by the obvious method; -1 if the order deadlocks.
int64_t Makespan(const TaskOrder& order, const Costs& costs) {
  // When the forward, and the gradient, of (stage, microbatch) is there.
  std::map<std::tuple<bool, int32_t, int32_t>, int64_t> done;
  std::vector<size_t> next(order.positions.size(), 0);
  std::vector<int64_t> free_at(order.positions.size(), 0);
  for (bool progress = true; progress;) {
    progress = false;
    for (size_t position = 0; position < order.positions.size(); ++position) {
      while (next[position] < order.positions[position].size()) {
        const OrderedTask& task = order.positions[position][next[position]];
        const bool forward = task.kind == TaskKind::kForward;
        const int32_t from = task.stage + (forward ? -1 : 1);
        int64_t start = free_at[position];
        const bool needs = task.kind != TaskKind::kWeightGrad && from >= 0 && from < order.stages;
        if (needs) {
          auto arrived = done.find({forward, from, task.microbatch});
          if (arrived == done.end()) break;
          start = std::max(start, arrived->second);
        }
        free_at[position] = start + costs.Of(task.kind);
        if (task.kind != TaskKind::kWeightGrad) {
          done[{forward, task.stage, task.microbatch}] = free_at[position];
        }
        ++next[position];
        progress = true;
      }
    }
  }
  for (size_t position = 0; position < order.positions.size(); ++position) {
    if (next[position] != order.positions[position].size()) return -1;
  }
  return *std::max_element(free_at.begin(), free_at.end());
}

// Live activations at most: freed by a backward, or by the weight gradient.
int64_t Peak(const std::vector<OrderedTask>& tasks) {
  int64_t live = 0, peak = 0;
  for (const OrderedTask& task : tasks) {
    if (task.kind == TaskKind::kForward) peak = std::max(peak, ++live);
    if (task.kind == TaskKind::kBackward || task.kind == TaskKind::kWeightGrad) --live;
  }
  EXPECT_EQ(live, 0);
  return peak;
}

// Complete and in order, found without the code under test.
void ExpectComplete(const TaskOrder& order) {
  for (size_t position = 0; position < order.positions.size(); ++position) {
    std::map<std::pair<TaskKind, int32_t>, size_t> at;
    const std::vector<OrderedTask>& tasks = order.positions[position];
    for (size_t i = 0; i < tasks.size(); ++i) {
      EXPECT_EQ(tasks[i].stage, static_cast<int32_t>(position));
      EXPECT_TRUE(at.emplace(std::pair(tasks[i].kind, tasks[i].microbatch), i).second);
    }
    for (int32_t microbatch = 0; microbatch < order.microbatches; ++microbatch) {
      ASSERT_TRUE(at.contains({TaskKind::kForward, microbatch}));
      const size_t forward = at[{TaskKind::kForward, microbatch}];
      if (at.contains({TaskKind::kBackward, microbatch})) {
        EXPECT_LT(forward, (at[{TaskKind::kBackward, microbatch}]));
        EXPECT_FALSE(at.contains({TaskKind::kInputGrad, microbatch}));
        EXPECT_FALSE(at.contains({TaskKind::kWeightGrad, microbatch}));
        continue;
      }
      ASSERT_TRUE(at.contains({TaskKind::kInputGrad, microbatch}));
      ASSERT_TRUE(at.contains({TaskKind::kWeightGrad, microbatch}));
      EXPECT_LT(forward, (at[{TaskKind::kInputGrad, microbatch}]));
      EXPECT_LT((at[{TaskKind::kInputGrad, microbatch}]),
                (at[{TaskKind::kWeightGrad, microbatch}]));
    }
  }
}

// Calls check(order, p, m) for all p in 1..8, m in 1..24.
template <typename Check>
void Sweep(const char* text, Check check) {
  for (int64_t p = 1; p <= 8; ++p) {
    for (int64_t m = 1; m <= 24; ++m) {
      SCOPED_TRACE("pp = " + std::to_string(p) + ", microbatches = " + std::to_string(m));
      EvaluatedText evaluated = EvaluateText(text, {.pp = p, .microbatches = m});
      ASSERT_TRUE(evaluated.order) << evaluated.errors;
      const TaskOrder& order = *evaluated.order;
      ASSERT_EQ(order.positions.size(), static_cast<size_t>(p));
      ASSERT_EQ(order.stages, p);
      ASSERT_EQ(order.microbatches, m);
      ExpectComplete(order);
      check(order, p, m);
    }
  }
}

TEST(Sweeps, Gpipe) {
  Sweep(kGpipe, [](const TaskOrder& order, int64_t p, int64_t m) {
    EXPECT_EQ(Makespan(order, {}), 3 * (m + p - 1));
    for (const auto& tasks : order.positions) EXPECT_EQ(Peak(tasks), m);
  });
}

TEST(Sweeps, OneForwardOneBackward) {
  Sweep(kOneForwardOneBackward, [](const TaskOrder& order, int64_t p, int64_t m) {
    EXPECT_EQ(Makespan(order, {}), 3 * (m + p - 1));
    EXPECT_EQ(Makespan(order, {.forward = 3, .input_grad = 4, .weight_grad = 2}), 9 * (m + p - 1));
    for (int64_t r = 0; r < p; ++r) {
      EXPECT_EQ(Peak(order.positions[static_cast<size_t>(r)]), std::min(m, p - r));
    }
  });
}

TEST(Sweeps, EagerOneForwardOneBackward) {
  Sweep(kEagerOneForwardOneBackward, [](const TaskOrder& order, int64_t p, int64_t m) {
    EXPECT_EQ(Makespan(order, {}), 3 * (m + p - 1));
    for (int64_t r = 0; r < p; ++r) {
      EXPECT_EQ(Peak(order.positions[static_cast<size_t>(r)]), std::min(m, 2 * (p - 1 - r) + 1));
    }
  });
}

TEST(Sweeps, ZeroBubbleH1) {
  Sweep(kZeroBubbleH1, [](const TaskOrder& order, int64_t p, int64_t m) {
    ASSERT_GE(Makespan(order, {}), 3 * m);
    if (m >= p) {
      EXPECT_EQ(Makespan(order, {}), 3 * m + (p - 1));
      EXPECT_EQ(Makespan(order, {.forward = 3, .input_grad = 4, .weight_grad = 2}),
                9 * m + (p - 1) * (3 + 4 - 2));
    }
    for (const auto& tasks : order.positions) EXPECT_LE(Peak(tasks), std::min(m, p));
    EXPECT_EQ(Peak(order.positions[0]), std::min(m, p));
  });
}

TEST(Sweeps, ZeroBubbleH2) {
  Sweep(kZeroBubbleH2, [](const TaskOrder& order, int64_t p, int64_t m) {
    ASSERT_GE(Makespan(order, {}), 3 * m);
    for (const auto& tasks : order.positions) EXPECT_LE(Peak(tasks), std::min(m, 2 * p - 1));
    EXPECT_EQ(Peak(order.positions[0]), std::min(m, 2 * p - 1));
  });
}

// ---- constructs
// ------------------------------------------------------------------------------------

// One rank, three microbatches: the order alone.
std::string OneRank(const std::string& body) {
  return OrderOf(WithOrder(body), {.pp = 1, .microbatches = 3});
}

constexpr const char* kForwards = "0F0 0F1 0F2 0B0 0B1 0B2\n";

TEST(Constructs, RangesExcludeTheirEndAndEmptyOnesRunZeroTimes) {
  EXPECT_EQ(OneRank("for i in 0 .. 3 { forward(i); } for i in 5 .. 2 { forward(i); } "
                    "repeat 0 { forward(); } repeat -4 { forward(); } "
                    "for i in 0 .. 3 { backward(2 - i); }"),
            "0F0 0F1 0F2 0B2 0B1 0B0\n");
}

TEST(Constructs, ATaskWithoutAnIndexIsTheNextOfItsKind) {
  EXPECT_EQ(OneRank("repeat 3 { forward(); } repeat 3 { backward(); }"), kForwards);
  // Next is the first that has not run.
  EXPECT_EQ(OneRank("forward(1); repeat 2 { forward(); } repeat 3 { backward(); }"),
            "0F1 0F0 0F2 0B0 0B1 0B2\n");
  // A backward and an input gradient are one duty.
  EXPECT_EQ(OneRank("repeat 3 { forward(); } backward(); input_grad(); backward(); weight_grad();"),
            "0F0 0F1 0F2 0B0 0I1 0B2 0W1\n");
}

TEST(Constructs, OldestIsTheFirstInputGradientStillOwed) {
  EXPECT_EQ(OneRank("repeat 3 { forward(); } input_grad(2); input_grad(0); weight_grad(oldest); "
                    "input_grad(1); repeat pending { weight_grad(oldest); }"),
            "0F0 0F1 0F2 0I2 0I0 0W2 0I1 0W0 0W1\n");
  EXPECT_EQ(OneRank("repeat 3 { forward(); } input_grad(2); input_grad(0); weight_grad(2); "
                    "input_grad(1); repeat 2 { weight_grad(oldest, chunk = 0); }"),
            "0F0 0F1 0F2 0I2 0I0 0W2 0I1 0W0 0W1\n");
}

TEST(Constructs, PendingAndLeftCount) {
  EXPECT_EQ(OneRank("require pending == 0; require left(forward, 0) == 3; forward(); "
                    "require left(forward, 0) == 2; require left(forward) == 2; "
                    "require left(backward, chunk = 0) == 3; input_grad(); require pending == 1; "
                    "require left(input_grad, 0) == 2 and left(backward, 0) == 2; "
                    "require left(weight_grad, 0) == 3; weight_grad(); "
                    "require left(weight_grad, 0) == 2 and pending == 0; "
                    "repeat left(forward, 0) { forward(); } "
                    "repeat left(backward, 0) { backward(); } "
                    "require left(weight_grad, 0) == 0;"),
            "0F0 0I0 0W0 0F1 0F2 0B1 0B2\n");
}

TEST(Constructs, InnerNamesHideOuterOnesUntilTheirBlockEnds) {
  EXPECT_EQ(OneRank("let i = 2; for i in 0 .. 1 { forward(i); let i = i + 1; forward(i); } "
                    "if true { let k = i; forward(k); } "
                    "let j = 3; if true { let j = j; for i in 0 .. j { backward(i); } }"),
            kForwards);
}

TEST(Constructs, ConditionsChooseStatementsAndValues) {
  EXPECT_EQ(OneRank("for t in 0 .. 6 { if t < 3 { forward(t); } else if t == 3 { backward(0); } "
                    "else { backward(if t == 4 then 1 else 2); } }"),
            kForwards);
}

TEST(Constructs, FunctionsAreValuesOrTasksAndSeeTheRank) {
  EXPECT_EQ(OrderOf(R"(
schedule s(lag = 1) {
  let last = microbatches - 1;
  fn reversed(k) = last - k;
  fn sum(k) = if k == 0 then 0 else k + sum(k - 1);
  fn both(i) { f(i); if lag == 1 { backward(reversed(reversed(i))); } }
  fn f(i) { forward(if r == 0 then i else reversed(i) * 0 + i); }
  order on rank r { require sum(10) == 55; for i in 0 .. microbatches { both(i); } }
})",
                    {.pp = 2, .microbatches = 2, .parameters = {{"lag", int64_t{1}}}}),
            "0F0 0B0 0F1 0B1\n1F0 1B0 1F1 1B1\n");
}

TEST(Constructs, NamesOfTheFileTheMeshAndTheParametersAreKnown) {
  EXPECT_EQ(OrderOf(R"(
let base = 5;
let twice = 2 * base;
let text = "not a number";
schedule s(depth = 1, rate = 0.5, wide = true) {
  let total = depth * microbatches;
  require total == 6;
  require twice == 10 and dp == 4 and pp == 1 and rate < 0.75 and wide, "names are wrong";
  require text == "not a number";
  order on rank r {
    let half = rate * 4;
    repeat floor(half) + 1 { forward(); }
    repeat 3 { backward(); }
  }
})",
                    {.pp = 1,
                     .microbatches = 3,
                     .dp = 4,
                     .parameters = {{"depth", int64_t{2}}, {"rate", 0.5}, {"wide", true}}}),
            kForwards);
}

TEST(Constructs, AnOrderWithoutABackwardIsOneOfInference) {
  const EvaluatedText evaluated =
      EvaluateText(WithOrder("repeat microbatches { forward(); }"), {.pp = 2, .microbatches = 2});
  ASSERT_TRUE(evaluated.order) << evaluated.errors;
  EXPECT_FALSE(evaluated.order->HasBackward());
  EXPECT_EQ(ToText(*evaluated.order), "0F0 0F1\n1F0 1F1\n");
  // A single backward anywhere makes it one of training, which misses the others.
  EXPECT_EQ(OrderOf(WithOrder("repeat microbatches { forward(); } if r == 1 { backward(0); }"),
                    {.pp = 2, .microbatches = 1}),
            "2:17: rank 0 never runs `backward(0)`\n"
            "  3:23: its `forward` runs here\n");
}

TEST(Constructs, AnOverlappedPairSharesANumber) {
  EvaluatedText evaluated =
      EvaluateText(WithOrder("forward(0); overlap { forward(1); backward(0); } "
                             "overlap { forward(2); backward(1); } backward(2);"),
                   {.pp = 1, .microbatches = 3});
  ASSERT_TRUE(evaluated.order) << evaluated.errors;
  EXPECT_EQ(ToText(*evaluated.order), "0F0 (0F1;0B0) (0F2;0B1) 0B2\n");
  std::vector<int32_t> pairs;
  for (const OrderedTask& task : evaluated.order->positions[0]) pairs.push_back(task.overlap_pair);
  EXPECT_EQ(pairs, (std::vector<int32_t>{-1, 0, 0, 1, 1, -1}));
}

TEST(Constructs, ATaskKnowsTheCallThatIssuedIt) {
  const std::string text = WithOrder("forward(0); backward(0);");
  EvaluatedText evaluated = EvaluateText(text, {.pp = 1, .microbatches = 1});
  ASSERT_TRUE(evaluated.order) << evaluated.errors;
  for (const OrderedTask& task : evaluated.order->positions[0]) {
    const std::string call =
        text.substr(task.location.begin, task.location.end - task.location.begin);
    EXPECT_TRUE(call.starts_with(task.kind == TaskKind::kForward ? "forward(0)" : "backward(0)"))
        << call;
  }
}

TEST(Constructs, TheOrderIsTheSameEveryTime) {
  const std::string first = OrderOf(kZeroBubbleH2, {.pp = 7, .microbatches = 23});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(OrderOf(kZeroBubbleH2, {.pp = 7, .microbatches = 23}), first);
  }
}

}  // namespace
}  // namespace pprun
