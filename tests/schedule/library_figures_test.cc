// What the built-in schedules cost: bubble and activations held, against the formulas of their
// papers, wherever those hold.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "compiler/plan/base/check.h"
#include "tests/schedule/library.h"

namespace pprun {
namespace {

struct Costs {
  int64_t f = 1;
  int64_t i = 1;
  int64_t w = 1;
  std::optional<int64_t> pair = {};
  int64_t transfer = 0;

  int64_t b() const { return i + w; }
  int64_t fb() const { return pair.value_or(f + b()); }
  TaskCosts table() const {
    TaskCosts costs{.forward = {f}, .input_grad = {i}, .weight_grad = {w}, .transfer = transfer};
    if (pair) costs.pair = {*pair};
    return costs;
  }
};

constexpr Costs kEqual{1, 1, 1};

struct Figures {
  int64_t makespan = 0;
  int64_t span = 0;  // longest of the ranks' own, from their first start to their last end
  int64_t least_busy = 0;
  std::vector<int64_t> peak;  // by rank, in chunks
};

// Activations are there from the forward until the backward, or the weight gradient, has ended.
int64_t Peak(const std::vector<OrderedTask>& tasks) {
  int64_t live = 0, peak = 0;
  for (const OrderedTask& task : tasks) {
    if (task.kind == TaskKind::kForward) peak = std::max(peak, ++live);
    if (task.kind == TaskKind::kBackward || task.kind == TaskKind::kWeightGrad) --live;
  }
  return peak;
}

Figures FiguresOf(const TaskOrder& order, const Costs& costs) {
  Diagnostics diagnostics;
  const std::optional<TaskTimes> times = PredictTimes(order, costs.table(), diagnostics);
  CHECK(times.has_value());
  Figures figures;
  for (size_t p = 0; p < order.positions.size(); ++p) {
    const std::vector<TaskTime>& here = (*times)[p];
    const std::vector<OrderedTask>& tasks = order.positions[p];
    int64_t busy = 0;
    for (size_t t = 0; t < here.size(); ++t) {
      const bool second =
          t > 0 && tasks[t].overlap_pair >= 0 && tasks[t].overlap_pair == tasks[t - 1].overlap_pair;
      if (!second) busy += here[t].end - here[t].start;
    }
    figures.makespan = std::max(figures.makespan, here.back().end);
    figures.span = std::max(figures.span, here.back().end - here.front().start);
    figures.least_busy = p == 0 ? busy : std::min(figures.least_busy, busy);
    figures.peak.push_back(Peak(tasks));
  }
  return figures;
}

struct Case {
  std::string schedule;
  int64_t p = 2;
  int64_t m = 4;
  int64_t v = 1;
  Costs costs;

  // Of a step without any idle time.
  int64_t work() const { return m * v * (costs.f + costs.b()); }
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.schedule << " p " << c.p << " m " << c.m << " v " << c.v << " F " << c.costs.f
             << " I " << c.costs.i << " W " << c.costs.w << " FB " << c.costs.fb();
}

struct Range {
  std::vector<int64_t> chunks = {1};
  bool (*holds)(const Case&) = [](const Case& c) { return c.m >= c.p; };
  std::vector<Costs> costs = {kEqual};
  int64_t (*bubble)(const Case&) = nullptr;
  // Chunks whose activations a rank holds; or the most that any rank holds.
  int64_t (*peak)(const Case&, int64_t rank) = nullptr;
  int64_t (*largest_peak)(const Case&) = nullptr;
  enum class Of { kMakespan, kSpan, kLeastBusy } of = Of::kMakespan;
};

void Compare(const std::string& schedule, const Range& range) {
  static constexpr int64_t kMicrobatches[] = {1, 2,  3,  4,  5,  6,  7,  8,
                                              9, 12, 13, 15, 16, 21, 24, 32};
  const Library library;
  int cases = 0;
  for (int64_t p = 2; p <= 8; ++p) {
    for (const int64_t m : kMicrobatches) {
      for (const int64_t v : range.chunks) {
        Case c{schedule, p, m, v, {}};
        if (!range.holds(c)) continue;
        LibrarySetting setting{.pp = p, .microbatches = m};
        if (library.HasChunks(schedule)) setting.chunks = v;
        const LibraryOrder evaluated = library.Evaluate(schedule, setting);
        ASSERT_EQ(evaluated.outcome, Outcome::kRuns) << c << evaluated.errors;
        c.v = evaluated.order.chunks;
        // Of two pipes each chunk sees half of the microbatches.
        if (evaluated.order.pipes == 2) c.v = 1;
        for (const Costs& costs : range.costs) {
          c.costs = costs;
          ++cases;
          const Figures figures = FiguresOf(evaluated.order, costs);
          int64_t idle = 0;
          if (range.of == Range::Of::kMakespan) idle = figures.makespan - c.work();
          if (range.of == Range::Of::kSpan) idle = figures.span - c.work();
          if (range.of == Range::Of::kLeastBusy) idle = figures.makespan - figures.least_busy;
          EXPECT_EQ(idle, range.bubble(c)) << c;
          if (range.largest_peak != nullptr) {
            EXPECT_EQ(*std::max_element(figures.peak.begin(), figures.peak.end()),
                      range.largest_peak(c))
                << c;
          }
          for (int64_t r = 0; range.peak != nullptr && r < p; ++r) {
            EXPECT_EQ(figures.peak[static_cast<size_t>(r)], range.peak(c, r)) << c << " rank " << r;
          }
        }
      }
    }
  }
  EXPECT_GT(cases, 10);  // or else the domain is wrong
}

int64_t FullBubble(const Case& c) { return (c.p - 1) * (c.costs.f + c.costs.b()); }
int64_t ZeroBubble(const Case& c) { return (c.p - 1) * (c.costs.f + c.costs.i - c.costs.w); }

const std::vector<Costs> kAny = {kEqual, {1, 2, 1}, {3, 2, 5}, {185, 181, 93}, {7, 1, 2}};
// Where a weight gradient is no longer than a forward or an input gradient.
const std::vector<Costs> kShortWeights = {kEqual, {2, 3, 1}, {3, 2, 2}, {185, 181, 93}, {7, 4, 3}};

TEST(LibraryFigures, GPipe) {
  Compare("gpipe", {.holds = [](const Case&) { return true; },
                    .costs = kAny,
                    .bubble = FullBubble,
                    .peak = [](const Case& c, int64_t) { return c.m; }});
}

TEST(LibraryFigures, OneForwardOneBackward) {
  Compare("one_f_one_b", {.costs = kAny,
                          .bubble = FullBubble,
                          .peak = [](const Case& c, int64_t r) { return std::min(c.m, c.p - r); }});
}

TEST(LibraryFigures, EagerOneForwardOneBackward) {
  Compare("eager_one_f_one_b",
          {.costs = kAny, .bubble = FullBubble, .peak = [](const Case& c, int64_t r) {
             return std::min(c.m, 2 * (c.p - 1 - r) + 1);
           }});
}

// With a transfer a quarter as long as a forward, 1F1B waits for one in every microbatch; the eager
// warm-up hides all but those of the first and the last.
TEST(LibraryFigures, EagerHidesTransfers) {
  const Library library;
  const Costs still{.f = 4, .i = 4, .w = 4};
  const Costs moving{.f = 4, .i = 4, .w = 4, .transfer = 1};
  for (int64_t p = 3; p <= 8; ++p) {
    for (int64_t m : {2 * p, 4 * p}) {
      const LibrarySetting setting{.pp = p, .microbatches = m};
      const TaskOrder eager = library.Evaluate("eager_one_f_one_b", setting).order;
      const TaskOrder plain = library.Evaluate("one_f_one_b", setting).order;
      const int64_t ideal = FiguresOf(plain, still).makespan;
      EXPECT_EQ(FiguresOf(eager, moving).makespan, ideal + 2 * (p - 1));
      EXPECT_GE(FiguresOf(plain, moving).makespan, ideal + m);
    }
  }
}

TEST(LibraryFigures, InterleavedOneForwardOneBackward) {
  Compare("interleaved_one_f_one_b", {.chunks = {1, 2, 3, 4},
                                      .holds = [](const Case& c) { return c.m % c.p == 0; },
                                      .costs = kAny,
                                      .bubble = FullBubble,
                                      .peak =
                                          [](const Case& c, int64_t r) {
                                            return std::min(
                                                c.m * c.v, (c.v - 1) * c.p + 2 * (c.p - 1 - r) + 1);
                                          }});
}

TEST(LibraryFigures, BreadthFirst) {
  Compare("breadth_first", {.chunks = {1, 2, 3, 4},
                            .costs = kAny,
                            .bubble = FullBubble,
                            .peak = [](const Case& c, int64_t) { return c.m * c.v; }});
}

TEST(LibraryFigures, ZeroBubbleH1) {
  Compare("zero_bubble_h1", {.costs = kShortWeights,
                             .bubble = ZeroBubble,
                             .peak = [](const Case& c, int64_t) { return std::min(c.m, c.p); }});
}

TEST(LibraryFigures, ZeroBubbleH2) {
  Compare(
      "zero_bubble_h2",
      {.holds = [](const Case& c) { return c.m >= 2 * c.p - 1; },
       .costs = kShortWeights,
       .bubble = [](const Case& c) { return (c.p - 1) * (c.costs.f + c.costs.i - 2 * c.costs.w); },
       .peak = [](const Case& c, int64_t) { return std::min(c.m, 2 * c.p - 1); },
       .of = Range::Of::kSpan});
}

TEST(LibraryFigures, InterleavedZeroBubble) {
  Compare("interleaved_zero_bubble", {.chunks = {1, 2, 3, 4},
                                      .holds = [](const Case& c) { return c.m % c.p == 0; },
                                      .costs = kShortWeights,
                                      .bubble = ZeroBubble,
                                      .peak = [](const Case& c, int64_t) { return c.p * c.v; }});
}

TEST(LibraryFigures, ZeroBubbleV) {
  const auto holds = [](const Case& c) { return c.m >= 2 * c.p - 1; };
  const auto peak = [](const Case& c, int64_t) { return 2 * c.p; };
  Compare("zero_bubble_v",
          {.holds = holds, .bubble = [](const Case& c) { return c.p - 1; }, .peak = peak});
  // No rank idles between its first task and its last.
  Compare("zero_bubble_v", {.holds = holds,
                            .bubble = [](const Case&) { return int64_t{0}; },
                            .peak = peak,
                            .of = Range::Of::kSpan});
}

TEST(LibraryFigures, VHalf) {
  Compare(
      "v_half",
      {.bubble = [](const Case& c) { return c.p % 2 == 0 ? (7 * c.p - 4) / 2 : (7 * c.p - 7) / 2; },
       .largest_peak = [](const Case& c) { return 2 * ((c.p + 2) / 2); }});
}

TEST(LibraryFigures, VMin) {
  Compare("v_min",
          {.bubble = [](const Case& c) { return c.p % 3 == 0 ? 4 * c.p - 3 : 4 * c.p - 5; },
           .largest_peak = [](const Case& c) { return 2 * ((c.p + 4) / 3); }});
}

const std::vector<Costs> kPairs = {kEqual, {2, 2, 1}, {3, 3, 2}, {1, 1, 1, 2}, {4, 4, 3, 9}};
int64_t PairBubble(const Case& c, int64_t ranks) {
  return (ranks - 1) * (c.costs.fb() + c.costs.b() - 3 * c.costs.w);
}

TEST(LibraryFigures, DualPipeV) {
  Compare("dualpipe_v", {.holds = [](const Case& c) { return c.m >= 2 * c.p; },
                         .costs = kPairs,
                         .bubble = [](const Case& c) { return PairBubble(c, c.p); },
                         .peak = [](const Case& c, int64_t) { return 2 * c.p + 1; },
                         .of = Range::Of::kLeastBusy});
}

TEST(LibraryFigures, DualPipe) {
  Compare("dualpipe",
          {.holds = [](const Case& c) { return c.p % 2 == 0 && c.m % 2 == 0 && c.m >= 2 * c.p; },
           .costs = kPairs,
           .bubble = [](const Case& c) { return PairBubble(c, c.p / 2); },
           .peak = [](const Case& c, int64_t) { return c.p + 1; },
           .of = Range::Of::kLeastBusy});
}

TEST(LibraryFigures, ForwardOnly) {
  const Library library;
  for (int64_t p = 1; p <= 8; ++p) {
    for (int64_t m = 1; m <= 9; ++m) {
      const LibraryOrder evaluated = library.Evaluate("forward_only", {.pp = p, .microbatches = m});
      ASSERT_EQ(evaluated.outcome, Outcome::kRuns) << evaluated.errors;
      EXPECT_EQ(FiguresOf(evaluated.order, {2, 1, 1}).makespan, 2 * (m + p - 1));
    }
  }
}

}  // namespace
}  // namespace pprun
