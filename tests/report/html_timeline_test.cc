// What the page contains; what a browser makes of it is tested in tests/pictures/.
#include "compiler/report/html_timeline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <stdexcept>
#include <string>

#include "compiler/plan/base/json.h"
#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

constexpr size_t kBox = 11;

std::string Page(const std::vector<NamedTrace>& traces, const HtmlOptions& options = {}) {
  std::ostringstream out;
  WriteHtmlTimeline(out, traces, options);
  return out.str();
}

JsonValue DataOf(const std::string& page) {
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const size_t begin = page.find(open) + open.size();
  return ParseJson(page.substr(begin, page.find("</script>", begin) - begin));
}

const JsonValue& Member(const JsonValue& object, std::string_view name) {
  const JsonValue* value = object.Find(name);
  if (value == nullptr) throw std::runtime_error("no member " + std::string(name));
  return *value;
}

const JsonValue& RunOf(const JsonValue& data, size_t schedule, size_t run) {
  return Member(Member(data, "schedules").items.at(schedule), "runs").items.at(run);
}

int Count(const std::string& text, const std::string& what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(WriteHtmlTimeline, HoldsEveryTaskAndItsInstructions) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8), {.layers = 3});
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.5"));
  const JsonValue data = DataOf(Page({{.plan = &plan, .predicted = &trace}}));
  const JsonValue& run = RunOf(data, 0, 0);
  EXPECT_EQ(Member(run, "kind").string, "predicted");
  const double tick = Member(run, "tick").number;
  const std::vector<JsonValue>& rows = Member(run, "rows").items;
  ASSERT_EQ(rows.size(), 4u);
  for (const JsonValue& row : rows) {
    EXPECT_EQ(Member(row, "boxes").items.size(), 16 * kBox);
    EXPECT_EQ(Member(row, "parts").items.size(), 16u * 3 * 3);
  }
  // Rank 1's first forward comes after one forward and one transfer, and has three layers.
  const std::vector<JsonValue>& boxes = Member(rows[1], "boxes").items;
  EXPECT_NEAR(boxes[0].number * tick, 1.5, 1e-5);
  EXPECT_NEAR(boxes[1].number * tick, 2.5, 1e-5);
  EXPECT_EQ(boxes[10].number, 3);
  const auto instruction = static_cast<size_t>(Member(rows[1], "parts").items[0].number);
  const JsonValue& texts = Member(Member(data, "schedules").items[0], "instructions").items[1];
  const auto text = [&](size_t id) {
    return Member(data, "texts").items[static_cast<size_t>(texts.items[id].number)].string;
  };
  EXPECT_NE(text(2 * instruction).find("@block.forward"), std::string::npos);
  EXPECT_EQ(text(2 * instruction + 1), "tiny.sched:3 order");
  // Two transfers an item on each side: forward and backward of each microbatch.
  const std::vector<JsonValue>& lanes = Member(rows[1], "lanes").items;
  ASSERT_EQ(lanes.size(), 4u);
  for (const JsonValue& lane : lanes) EXPECT_EQ(Member(lane, "items").items.size(), 8u * 4);
}

TEST(WriteHtmlTimeline, ShowsTheCriticalPathAndTheMemory) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8));
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"));
  const JsonValue data = DataOf(Page({{.plan = &plan, .predicted = &trace}}));
  const JsonValue& run = RunOf(data, 0, 0);
  const std::vector<JsonValue>& path = Member(run, "path").items;
  EXPECT_EQ(path.size(), 22u * 4);
  EXPECT_EQ(path[1].number, 0);
  EXPECT_NEAR(path[path.size() - 2].number * Member(run, "tick").number, 33, 1e-4);
  const std::vector<JsonValue>& memory = Member(run, "memory").items;
  for (size_t rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(Member(memory[rank], "peak_activations").number, 4 - static_cast<double>(rank));
  }
}

TEST(WriteHtmlTimeline, PutsPredictedAndMeasuredOnOneAxis) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 4), {.data_parallel = 2});
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"));
  Trace measured = {.kind = Trace::Kind::kMeasured, .events = {}};
  for (int64_t replica = 0; replica < 2; ++replica) {
    for (TraceEvent event : predicted.events) {
      event.rank += replica;
      event.repeat = 7;
      event.begin *= 2e-3;
      event.end *= 2e-3;
      measured.events.push_back(event);
    }
  }
  std::ranges::stable_sort(measured.events, {}, &TraceEvent::rank);
  const JsonValue data =
      DataOf(Page({{.plan = &plan, .predicted = &predicted, .measured = &measured}}));
  EXPECT_EQ(Member(Member(data, "axis"), "suffix").string, " ms");
  for (const size_t run : {0, 1}) {
    EXPECT_NEAR(Member(RunOf(data, 0, run), "makespan").number, 15 * 2e-3, 1e-9);
  }
  EXPECT_EQ(Member(RunOf(data, 0, 0), "rows").items.size(), 2u);
  EXPECT_EQ(Member(RunOf(data, 0, 1), "rows").items.size(), 4u);
  EXPECT_EQ(Member(RunOf(data, 0, 1), "steps").items[0].number, 8);
  EXPECT_THROW(
      Page({{.plan = &plan, .predicted = &predicted, .measured = &measured}}, {.repeat = 3}),
      std::runtime_error);
}

TEST(WriteHtmlTimeline, ComparesSchedules) {
  const Plan one = PipelinePlan(OneForwardOneBackward(4, 8));
  const Plan other = PipelinePlan(testing::GPipe(4, 8));
  const Trace one_trace = Simulate(one, ProgramKind::kStep, CostTable{});
  const Trace other_trace = Simulate(other, ProgramKind::kStep, CostTable{});
  const JsonValue data =
      DataOf(Page({{.plan = &one, .predicted = &one_trace},
                   {.name = "gpipe", .plan = &other, .predicted = &other_trace}}));
  ASSERT_EQ(Member(data, "schedules").items.size(), 2u);
  EXPECT_EQ(Member(Member(data, "schedules").items[0], "name").string, "one_f_one_b");
  EXPECT_EQ(Member(Member(data, "schedules").items[1], "name").string, "gpipe");
}

TEST(WriteHtmlTimeline, StandsAlone) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 2));
  const Trace trace = Simulate(plan, ProgramKind::kStep, CostTable{});
  const std::string page = Page({{.plan = &plan, .predicted = &trace}});
  // The one address is the name of SVG, which nothing fetches.
  EXPECT_EQ(Count(page, "://"), 1);
  EXPECT_EQ(Count(page, "http://www.w3.org/2000/svg"), 1);
  EXPECT_EQ(Count(page, " src="), 0);
  EXPECT_EQ(Count(page, "@import"), 0);
  EXPECT_EQ(Count(page, "default-src 'none'"), 1);
}

TEST(WriteHtmlTimeline, KeepsNamesText) {
  Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  const std::string attack = "</script><!--<script>alert(1)</script>";
  plan.schedule = plan.name = attack;
  plan.layers[0].name = plan.functions[0].name = attack;
  plan.sources[0].reason = attack;
  plan.positions[0].streams[1].name = attack;
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=1"));
  const std::string page = Page({{.name = attack, .plan = &plan, .predicted = &trace}});
  EXPECT_EQ(Count(page, "<script"), 2);
  EXPECT_EQ(Count(page, "</script>"), 2);
  EXPECT_EQ(Count(page, "<!--"), 0);
  const JsonValue data = DataOf(page);
  EXPECT_EQ(Member(Member(data, "schedules").items[0], "name").string, attack);
}

TEST(WriteHtmlTimeline, StaysAPageHoweverLongTheTrace) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 6'000));
  const Trace trace = Simulate(plan, ProgramKind::kStep, CostTable{});
  const std::string page = Page({{.plan = &plan, .predicted = &trace}});
  EXPECT_LT(page.size(), 2'500'000u);
  const JsonValue data = DataOf(page);
  const JsonValue& run = RunOf(data, 0, 0);
  EXPECT_EQ(Member(run, "detail").string, "condensed");
  for (const JsonValue& row : Member(run, "rows").items) {
    EXPECT_GT(Member(row, "boxes").items.size(), 2'900 * kBox);
    EXPECT_LT(Member(row, "boxes").items.size(), 3'100 * kBox);
  }
}

TEST(WriteHtmlTimeline, RefusesStepsThatAreNotThere) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  const Trace trace = Simulate(plan, ProgramKind::kStep, CostTable{}, 2);
  EXPECT_EQ(RunOf(DataOf(Page({{.plan = &plan, .predicted = &trace}}, {.repeat = 1})), 0, 0)
                .Find("steps")
                ->items.size(),
            1u);
  EXPECT_THROW(Page({{.plan = &plan, .predicted = &trace}}, {.repeat = 2}), std::runtime_error);
  const Trace empty;
  EXPECT_THROW(Page({{.plan = &plan, .predicted = &empty}}), std::runtime_error);
  EXPECT_EQ(Member(DataOf(Page({})), "schedules").items.size(), 0u);
}

}  // namespace
}  // namespace pprun
