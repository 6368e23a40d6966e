// Where chunks are: what `place` may say, what follows from it, and what is said of a placement
// that is none.
#include <gtest/gtest.h>

#include "tests/schedule/schedule_text.h"

namespace pprun {
namespace {

// Every forward of a rank, chunk by chunk, then every backward, the other way round.
constexpr const char* kOrder = R"(
  order on rank r {
    for c in 0 .. CHUNKS { repeat left(forward, c) { forward(chunk = c); } }
    for c in 0 .. CHUNKS { let d = CHUNKS - 1 - c; repeat left(backward, d) { backward(chunk = d); } }
  }
})";

// A schedule with these clauses, on line 2, for so many chunks.
std::string Placed(const std::string& clauses, int chunks, const std::string& parameters = "") {
  std::string order = kOrder;
  for (size_t at = order.find("CHUNKS"); at != std::string::npos; at = order.find("CHUNKS")) {
    order.replace(at, 6, std::to_string(chunks));
  }
  return "schedule s" + parameters + " {\n" + clauses + order;
}

// "0 1 | 2 3": stages by rank and chunk; with a pipe "0/1".
std::string PlacementOf(const std::string& text, const ScheduleSetting& setting = {}) {
  const EvaluatedText evaluated = EvaluateText(text, setting);
  if (!evaluated.order) return evaluated.errors;
  std::string placement;
  for (const std::vector<ChunkPlace>& rank : evaluated.order->placement) {
    if (!placement.empty()) placement += " |";
    for (const ChunkPlace& place : rank) {
      placement += (placement.empty() ? "" : " ") + std::to_string(place.stage);
      if (evaluated.order->pipes > 1) placement += "/" + std::to_string(place.pipe);
    }
  }
  return placement;
}

TEST(Placement, Linear) {
  EXPECT_EQ(PlacementOf(kGpipe, {.pp = 3}), "0 | 1 | 2");
  EXPECT_EQ(PlacementOf(Placed("place chunk c on rank r as stage pp - 1 - r;", 1), {.pp = 3}),
            "2 | 1 | 0");
}

TEST(Placement, Looped) {
  const std::string looped =
      Placed("place chunk c on rank r as stage c * pp + r;", 3, "(chunks = 3)");
  const ScheduleSetting setting{.pp = 2, .parameters = {{"chunks", int64_t{3}}}};
  EXPECT_EQ(PlacementOf(looped, setting), "0 2 4 | 1 3 5");
  const EvaluatedText evaluated = EvaluateText(looped, setting);
  ASSERT_TRUE(evaluated.order);
  EXPECT_EQ(evaluated.order->chunks, 3);
  EXPECT_EQ(evaluated.order->stages, 6);
  EXPECT_EQ(evaluated.order->pipes, 1);
}

TEST(Placement, TheNumberOfChunks) {
  // A `let` says it as well as a parameter.
  EXPECT_EQ(
      PlacementOf(Placed("let chunks = 2 * 1; place chunk c on rank q as stage c * pp + q;", 2)),
      "0 2 | 1 3");
  // Without either it follows from the chunks that are placed by number.
  EXPECT_EQ(PlacementOf(Placed("place chunk 1 on rank r as stage 2 * pp - 1 - r;"
                               "place chunk 0 on rank r as stage r;",
                               2),
                        {.pp = 3}),
            "0 5 | 1 4 | 2 3");
  // `chunks` of the file is no word of the schedule.
  EXPECT_EQ(PlacementOf("let chunks = 2;" + Placed("place chunk c on rank r as stage r;", 1)),
            "0 | 1");
}

TEST(Placement, BothWays) {
  const std::string text = Placed(
      "place chunk 0 on rank r as stage r of pipe 0;"
      "place chunk 1 on rank r as stage pp - 1 - r of pipe 1;",
      2);
  EXPECT_EQ(PlacementOf(text, {.pp = 3}), "0/0 2/1 | 1/0 1/1 | 2/0 0/1");
  // Each pipe takes half of the microbatches; "next" is the next one of the chunk's pipe.
  EXPECT_EQ(OrderOf(text, {.pp = 2, .microbatches = 4}),
            "0F0 0F1 1F2 1F3 1B2 1B3 0B0 0B1\n"
            "1F0 1F1 0F2 0F3 0B2 0B3 1B0 1B1\n");
  EXPECT_EQ(OrderOf(text, {.pp = 1, .microbatches = 3}), "0F0 0F1 0F2 0B2 0B0 0B1\n");
  EXPECT_EQ(OrderOf(text, {.pp = 1, .microbatches = 1}), "0F0 0B0\n");
  const EvaluatedText evaluated = EvaluateText(text, {.pp = 2, .microbatches = 5});
  ASSERT_TRUE(evaluated.order);
  EXPECT_EQ(evaluated.order->stages, 2);
  EXPECT_EQ(evaluated.order->pipes, 2);
  for (const std::vector<OrderedTask>& tasks : evaluated.order->positions) {
    for (const OrderedTask& task : tasks) {
      EXPECT_EQ(task.pipe, evaluated.order->PipeOf(task.microbatch));
      EXPECT_TRUE(evaluated.order->MicrobatchesOf(task.pipe).Contains(task.microbatch));
    }
  }
}

TEST(Placement, MayCallFunctions) {
  EXPECT_EQ(PlacementOf(Placed("fn turn(k) = 2 * pp - 1 - k; fn here() = r;"
                               "place chunk 0 on rank q as stage here();"
                               "place chunk 1 on rank q as stage if q < 0 then 0 else turn(q);",
                               2)),
            "0 3 | 1 2");
}

TEST(Placement, ATaskWithoutAChunkIsOfChunkZero) {
  EXPECT_EQ(OrderOf("schedule s {\n"
                    "place chunk 0 on rank r as stage 0; place chunk 1 on rank r as stage 1;\n"
                    "order on rank r { forward(0); forward(0, chunk = 1); input_grad(chunk = 1);\n"
                    "input_grad(); repeat pending { weight_grad(oldest); } } }",
                    {.pp = 1, .microbatches = 1}),
            "0F0 1F0 1I0 0I0 1W0 0W0\n");
}

// ---- mistakes ----------------------------------------------------------------------------------

TEST(PlacementErrors, TheNumberOfChunks) {
  const std::string text = Placed("place chunk c on rank r as stage r;", 1, "(chunks = 1)");
  EXPECT_EQ(PlacementOf(text, {.parameters = {{"chunks", int64_t{0}}}}),
            "1:12: `chunks` is 0, and a rank has at least one chunk\n");
  EXPECT_EQ(PlacementOf(text, {.parameters = {{"chunks", 1.5}}}),
            "1:12: `chunks` is an integer: how many chunks a rank has\n");
  EXPECT_EQ(PlacementOf(text, {.parameters = {{"chunks", int64_t{1} << 62}}}),
            "1:12: 2 ranks of 4611686018427387904 chunks need more than the limit of 4194304 tasks "
            "(`unrolled_tasks`)\n");
  EXPECT_EQ(PlacementOf(Placed("place chunk 9223372036854775807 on rank r as stage r;", 1)),
            "2:1: 2 ranks of 4194305 chunks need more than the limit of 4194304 tasks "
            "(`unrolled_tasks`)\n");
}

TEST(PlacementErrors, ChunksWithoutAPlace) {
  EXPECT_EQ(PlacementOf(Placed("let chunks = 2;", 2)),
            "2:5: no `place` says which stage chunk 0 is\n"
            "  2:5: as in `place chunk c on rank r as stage c * pp + r;`\n");
  EXPECT_EQ(PlacementOf(Placed("place chunk 1 on rank r as stage r;", 2)),
            "2:1: no `place` says which stage chunk 0 is\n"
            "  2:1: as in `place chunk c on rank r as stage c * pp + r;`\n");
}

TEST(PlacementErrors, AChunkTooMany) {
  EXPECT_EQ(PlacementOf(Placed("place chunk 2 on rank r as stage r;", 2, "(chunks = 2)"),
                        {.parameters = {{"chunks", int64_t{2}}}}),
            "2:1: there is no chunk 2: a rank has 2 chunks\n"
            "  1:12: `chunks` is set here\n");
  EXPECT_EQ(PlacementOf(Placed("place chunk c on rank r as stage r;\n"
                               "place chunk 0 on rank r as stage r;",
                               1)),
            "3:1: chunk 0 is placed a second time\n"
            "  2:1: it is first placed here\n");
}

TEST(PlacementErrors, AStageThatIsNot) {
  EXPECT_EQ(PlacementOf(Placed("place chunk 0 on rank r as stage r - 1;", 1)),
            "2:34: chunk 0 of rank 0 is stage -1, and stages go from 0 to 1\n"
            "  2:34: `r` is 0\n");
  EXPECT_EQ(PlacementOf(Placed("place chunk 0 on rank r as stage 7;", 1)),
            "2:34: chunk 0 of rank 0 is stage 7, and stages go from 0 to 1\n");
}

TEST(PlacementErrors, TwoChunksOnOneStage) {
  EXPECT_EQ(PlacementOf(Placed("place chunk 0 on rank r as stage r / 2;", 1), {.pp = 3}),
            "2:34: chunk 0 of rank 1 is stage 0, and so is chunk 0 of rank 0\n"
            "  2:34: `r` is 1\n"
            "  2:34: no rank holds stage 2\n");
  EXPECT_EQ(PlacementOf(Placed("place chunk 0 on rank r as stage r of pipe 1;"
                               "place chunk 1 on rank r as stage r of pipe 1;",
                               2)),
            "2:79: chunk 1 of rank 0 is stage 0 of pipe 1, and so is chunk 0 of rank 0\n"
            "  2:79: `r` is 0\n"
            "  2:79: no rank holds stage 0 of pipe 0\n");
}

TEST(PlacementErrors, Pipes) {
  EXPECT_EQ(PlacementOf(Placed("place chunk 0 on rank r as stage 0 of pipe r;", 1), {.pp = 3}),
            "2:44: chunk 0 of rank 2 is of pipe 2, and there are pipes 0 and 1\n"
            "  2:44: `r` is 2\n");
  EXPECT_EQ(PlacementOf(Placed("place chunk 0 on rank r as stage 0 of pipe r % 2;", 1), {.pp = 3}),
            "2:1: 3 ranks of 1 chunk cannot hold two pipes of as many stages each\n");
}

TEST(PlacementErrors, Names) {
  EXPECT_EQ(PlacementOf(Placed("place chunk c on rank c as stage c;", 1)),
            "2:23: `c` is set twice\n  2:13: it is first set here\n");
  EXPECT_EQ(PlacementOf(Placed("place chunk c on rank q as stage p;", 1)).substr(0, 22),
            "2:34: unknown name `p`");
  // The rank of the order is not that of the clause, and nothing is left before an order runs.
  EXPECT_EQ(PlacementOf(Placed("place chunk c on rank q as stage r;", 1)).substr(0, 22),
            "2:34: unknown name `r`");
  EXPECT_NE(
      PlacementOf(Placed("place chunk c on rank r as stage pending;", 1)).find("unknown name"),
      std::string::npos);
  EXPECT_EQ(
      PlacementOf(Placed("fn f(k) = left(forward, k); place chunk c on rank r as stage f(c);", 1)),
      "2:11: `left` is known only while an order runs\n");
  EXPECT_EQ(PlacementOf(Placed("place chunk c on rank r as stage r / 2.0;", 1)),
            "2:34: the stage of a chunk is a float, not an integer\n");
}

TEST(PlacementErrors, EndlessFunctionsAreOneMistake) {
  EXPECT_EQ(PlacementOf(Placed("fn f(k) = f(k) + f(k); place chunk c on rank r as stage f(c);", 1)),
            "2:11: calls of functions nest deeper than the limit of 256\n");
}

}  // namespace
}  // namespace pprun
