#include "compiler/report/panels.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

// The prediction with a unit of two milliseconds, on all replicas, as step 4, an hour later.
Trace Measured(const Plan& plan, const Trace& predicted) {
  Trace trace = {.kind = Trace::Kind::kMeasured, .events = {}};
  for (int64_t rank = 0; rank < plan.Ranks(); ++rank) {
    for (TraceEvent event : predicted.events) {
      if (event.rank != PredictedRankOf(plan, rank)) continue;
      event.rank = rank;
      event.repeat = 3;
      event.begin = 3600 + event.begin * 2e-3;
      event.end = 3600 + event.end * 2e-3;
      trace.events.push_back(event);
    }
  }
  return trace;
}

TEST(PanelsOf, PutsThePredictionAboveEachMeasuredRank) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 3), {.data_parallel = 2});
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"));
  const Trace measured = Measured(plan, predicted);
  const Panels figure =
      PanelsOf({{.plan = &plan, .predicted = &predicted, .measured = &measured}}, {});
  ASSERT_EQ(figure.panels.size(), 1u);
  const Panel& panel = figure.panels.front();
  EXPECT_EQ(panel.subject, "one_f_one_b, 2 stages x 2 replicas, 3 microbatches, step 4");
  EXPECT_EQ(panel.findings,
            (std::vector<std::string>{
                "predicted makespan 24 ms, bubble 25.0 % (a unit of the costs taken as 2 ms)",
                "measured makespan 24 ms, bubble 25.0 %"}));
  EXPECT_EQ(figure.unit.suffix, " ms");
  EXPECT_NEAR(figure.extent, 24e-3, 1e-9);
  ASSERT_EQ(panel.rows.size(), 8u);
  for (size_t i = 0; i < panel.rows.size(); i += 2) {
    const PanelRow &above = panel.rows[i], &below = panel.rows[i + 1];
    EXPECT_EQ(above.row.label, "rank " + std::to_string(i / 2) + " predicted");
    EXPECT_EQ(below.row.label, "measured");
    EXPECT_EQ(above.place, PanelRow::Place::kFirst);
    EXPECT_EQ(below.place, PanelRow::Place::kBelow);
    ASSERT_EQ(above.row.pieces.size(), 6u);
    ASSERT_EQ(below.row.pieces.size(), 6u);
    for (size_t piece = 0; piece < 6; ++piece) {
      const Box &one = above.row.pieces[piece].box, &other = below.row.pieces[piece].box;
      EXPECT_NEAR(one.begin, other.begin, 1e-9);
      EXPECT_NEAR(one.end, other.end, 1e-9);
      EXPECT_EQ(one.microbatch, other.microbatch);
    }
  }
}

TEST(PanelsOf, PutsSchedulesOnOneAxis) {
  const Plan one = PipelinePlan(OneForwardOneBackward(2, 3));
  const Plan other = PipelinePlan(testing::GPipe(2, 4));
  const Trace first = Simulate(one, ProgramKind::kStep, ParseCosts("F=1,B=2"));
  const Trace second = Simulate(other, ProgramKind::kStep, ParseCosts("F=1,B=2"), 2);
  const Panels figure = PanelsOf({{.plan = &one, .predicted = &first},
                                  {.name = "the other", .plan = &other, .predicted = &second}},
                                 {});
  ASSERT_EQ(figure.panels.size(), 2u);
  EXPECT_EQ(figure.panels[0].name, "one_f_one_b");
  EXPECT_EQ(figure.panels[1].name, "the other");
  EXPECT_EQ(figure.panels[0].rows.size(), 2u);
  EXPECT_EQ(figure.panels[1].repeats, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(figure.extent, 30) << "two steps of the second";
  EXPECT_EQ(figure.unit.suffix, "");
}

TEST(PanelsOf, MakesUnitsBesideAMeasuredRunAsLong) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 3));
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"));
  const Trace measured = Measured(plan, predicted);
  const Panels figure = PanelsOf({{.plan = &plan, .predicted = &predicted},
                                  {.plan = &plan, .predicted = &predicted, .measured = &measured}},
                                 {});
  EXPECT_NEAR(figure.panels[0].rows[0].row.pieces[0].box.end, 2e-3, 1e-9);
  EXPECT_EQ(figure.unit.suffix, " ms");
  EXPECT_THROW(PanelsOf({{.plan = &plan, .predicted = &predicted, .measured = &measured}}, 2),
               std::runtime_error);
}

}  // namespace
}  // namespace pprun
