#include "compiler/report/svg_timeline.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "compiler/report/palette.h"
#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

std::string Draw(const Plan& plan, const Trace& trace, const SvgOptions& options = {}) {
  std::ostringstream out;
  WriteSvgTimeline(out, {{.plan = &plan, .predicted = &trace}}, options);
  return out.str();
}

int Count(const std::string& text, const std::string& what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

std::string Boxes(TaskKind kind) { return "fill=\"" + Hex(ColourOf(kind)) + "\" class=\"box\""; }

// Every tag closed in order, every attribute quoted, no stray `<` or `&`: enough of XML for what we
// write.
void ExpectWellFormed(const std::string& text) {
  static const std::regex kToken(
      R"(<\?xml[^>]*\?>|<(/?)([A-Za-z]+)((?: [A-Za-z0-9:-]+="[^"<]*")*)\s*(/?)>|<)");
  std::vector<std::string> open;
  for (std::sregex_iterator i(text.begin(), text.end(), kToken), end; i != end; ++i) {
    if ((*i)[0].str().starts_with("<?xml")) continue;
    ASSERT_NE((*i)[0].str(), "<") << text.substr(static_cast<size_t>(i->position()), 100);
    if ((*i)[4] == "/") continue;
    if ((*i)[1] == "/") {
      ASSERT_FALSE(open.empty());
      ASSERT_EQ(open.back(), (*i)[2]);
      open.pop_back();
    } else {
      open.push_back((*i)[2]);
    }
  }
  EXPECT_TRUE(open.empty());
  static const std::regex kEntity("&(amp|lt|gt|quot);");
  for (size_t at = text.find('&'); at != std::string::npos; at = text.find('&', at + 1)) {
    EXPECT_TRUE(std::regex_search(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(),
                                  kEntity, std::regex_constants::match_continuous));
  }
}

TEST(WriteSvgTimeline, DrawsABoxATaskWithItsNumber) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8), {.layers = 3});
  const std::string svg = Draw(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2")));
  ExpectWellFormed(svg);
  EXPECT_EQ(Count(svg, Boxes(TaskKind::kForward)), 32);
  EXPECT_EQ(Count(svg, Boxes(TaskKind::kBackward)), 32);
  EXPECT_EQ(Count(svg, "class=\"number\""), 64);
  EXPECT_EQ(Count(svg, ">7</text>"), 8);
  for (const char* label : {"rank 0", "rank 3", "forward", "backward", "idle"}) {
    EXPECT_EQ(Count(svg, std::string(">") + label + "</text>"), 1) << label;
  }
  EXPECT_EQ(Count(svg, "weight gradient"), 0);
  EXPECT_EQ(Count(svg, ">predicted makespan 33, bubble 27.3 %<"), 1);
  EXPECT_EQ(Count(svg, ">one_f_one_b, 4 stages, 8 microbatches<"), 1);
}

// Where times are F = 1 and B = 2, so are the widths.
TEST(WriteSvgTimeline, MakesWidthsProportionalToTimes) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 2));
  const std::string svg = Draw(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2")));
  const auto width = [&](TaskKind kind) {
    const std::regex box("width=\"([0-9.]+)\" height=\"28\" " + Boxes(kind));
    std::smatch found;
    EXPECT_TRUE(std::regex_search(svg, found, box));
    return std::stod(found[1]);
  };
  EXPECT_NEAR(width(TaskKind::kBackward), 2 * width(TaskKind::kForward), 0.02);
  EXPECT_NEAR(width(TaskKind::kForward), (1000 - 16 - 16 - 10 * 6.7 - 10) / 9, 0.02);
}

TEST(WriteSvgTimeline, MarksSteps) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 4));
  const Trace trace = Simulate(plan, ProgramKind::kStep, {}, 2);
  const std::string both = Draw(plan, trace);
  ExpectWellFormed(both);
  EXPECT_EQ(Count(both, "class=\"step\""), 4);
  EXPECT_EQ(Count(both, ">step 1</text>"), 1);
  EXPECT_EQ(Count(both, ">step 2</text>"), 1);
  EXPECT_EQ(Count(both, ">cost units</text>"), 1);
  const std::string one = Draw(plan, trace, {.repeat = 1});
  EXPECT_EQ(Count(one, "class=\"step\""), 0);
  EXPECT_EQ(Count(one, Boxes(TaskKind::kForward)), 16);
}

TEST(WriteSvgTimeline, SaysStepsAndUnitsOfAMeasuredTrace) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 4));
  Trace trace = Simulate(plan, ProgramKind::kStep, {}, 2);
  trace.kind = Trace::Kind::kMeasured;
  for (TraceEvent& event : trace.events) {
    event.begin *= 1e-3;
    event.end *= 1e-3;
    event.repeat += 5;
  }
  const std::string svg = Draw(plan, trace);
  EXPECT_EQ(Count(svg, "4 microbatches, steps 6 to 7<"), 1);
  EXPECT_EQ(Count(svg, ">time (ms)<"), 1);
  EXPECT_EQ(Count(svg, ">measured makespan 30 ms, "), 1);
}

TEST(WriteSvgTimeline, StacksSchedulesOnOneAxis) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8));
  const Plan other = PipelinePlan(testing::GPipe(4, 4));
  const Trace first = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"));
  const Trace second = Simulate(other, ProgramKind::kStep, ParseCosts("F=1,B=2"));
  std::ostringstream out;
  WriteSvgTimeline(out,
                   {{.plan = &plan, .predicted = &first},
                    {.name = "half <as> many", .plan = &other, .predicted = &second}},
                   {});
  const std::string svg = out.str();
  ExpectWellFormed(svg);
  EXPECT_EQ(Count(svg, Boxes(TaskKind::kForward)), 32 + 16);
  EXPECT_EQ(Count(svg, ">rank 0</text>"), 2);
  EXPECT_EQ(Count(svg, ">half &lt;as&gt; many</tspan>"), 1);
  EXPECT_EQ(Count(svg, ">predicted makespan 21, bubble 42.9 %</tspan>"), 1);
  EXPECT_EQ(Count(svg, ">forward</text>"), 1) << "one legend";
  EXPECT_EQ(Count(svg, "class=\"axis\""), 1);
  // A unit is as wide in both.
  const std::regex box("<rect x=\"([0-9.]+)\" y=\"[0-9.]+\" width=\"([0-9.]+)\"[^>]*" +
                       Boxes(TaskKind::kForward));
  std::set<std::string> widths;
  for (std::sregex_iterator i(svg.begin(), svg.end(), box), end; i != end; ++i) {
    widths.insert((*i)[2]);
  }
  EXPECT_EQ(widths.size(), 1u);
}

TEST(WriteSvgTimeline, DrawsAMeasuredRunBelowItsPrediction) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 4));
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"));
  Trace measured = predicted;
  measured.kind = Trace::Kind::kMeasured;
  std::ostringstream out;
  WriteSvgTimeline(out, {{.plan = &plan, .predicted = &predicted, .measured = &measured}}, {});
  const std::string svg = out.str();
  ExpectWellFormed(svg);
  EXPECT_EQ(Count(svg, Boxes(TaskKind::kForward)), 2 * 8);
  EXPECT_EQ(Count(svg, ">rank 1 predicted</text>"), 1);
  EXPECT_EQ(Count(svg, ">measured</text>"), 2);
  EXPECT_EQ(Count(svg, ">measured makespan 15 s, bubble 20.0 %</text>"), 1);
}

TEST(WriteSvgTimeline, EscapesWhateverNamesSay) {
  Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  plan.schedule = "</title><script>alert(\"1\")</script>&\x01\xff\xc3\xa9\xef\xbf\xbf";
  const std::string svg = Draw(plan, Simulate(plan, ProgramKind::kStep, {}));
  ExpectWellFormed(svg);
  EXPECT_EQ(Count(svg, "<script"), 0);
  EXPECT_EQ(
      Count(svg, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;?\xef\xbf\xbd\xc3\xa9?"),
      2);
}

// A forward is two pixels wide and a backward four, which alone would have edges, and numbers up to
// 9: edges and a few numbers among so many boxes would tell of nothing but themselves.
TEST(WriteSvgTimeline, DropsEdgesAndNumbersOfNarrowBoxes) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 150));
  const Trace trace = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2"));
  const std::string svg = Draw(plan, trace);
  EXPECT_EQ(Count(svg, "class=\"box\""), 0);
  EXPECT_EQ(Count(svg, "class=\"number\""), 0);
  // Boxes that touch overlap, so that no paper shines through.
  const std::regex box("<rect x=\"([0-9.]+)\" y=\"58\" width=\"([0-9.]+)\" height=\"28\" fill=\"#");
  double reached = 0;
  int touching = 0;
  for (std::sregex_iterator i(svg.begin(), svg.end(), box), end; i != end; ++i) {
    const double x = std::stod((*i)[1]);
    if (reached > x) ++touching;
    EXPECT_FALSE(reached > x - 0.5 && reached <= x) << x << " begins where one ends";
    reached = x + std::stod((*i)[2]);
  }
  EXPECT_GE(touching, 250);
  // Twice as wide, all have edges, and none has a number of which those above 99 have no room.
  const std::string wide = Draw(plan, trace, {.width = 2000});
  EXPECT_EQ(Count(wide, "class=\"box\""), 4 * 2 * 150);
  EXPECT_EQ(Count(wide, "class=\"number\""), 0);
}

TEST(WriteSvgTimeline, StaysSmallHoweverLongTheTrace) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 4000));
  const std::string svg = Draw(plan, Simulate(plan, ProgramKind::kStep, {}));
  ExpectWellFormed(svg);
  EXPECT_LT(svg.size(), 250'000u);
  EXPECT_EQ(Count(svg, "class=\"number\""), 0);
}

TEST(WriteSvgTimeline, SaysWhyThereIsNothing) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  const std::string svg = Draw(plan, {});
  ExpectWellFormed(svg);
  EXPECT_EQ(Count(svg, "nothing to draw"), 1);
}

}  // namespace
}  // namespace pprun
