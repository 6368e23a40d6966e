#include <gtest/gtest.h>

#include <map>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/plan/base/json.h"
#include "compiler/report/read_trace.h"
#include "compiler/report/timeline.h"
#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;

std::string Write(const Plan& plan, const Trace& trace) {
  std::ostringstream out;
  WriteChromeTrace(out, plan, trace);
  return out.str();
}

JsonValue Parsed(const Plan& plan, const Trace& trace) { return ParseJson(Write(plan, trace)); }

const std::vector<JsonValue>& EventsOf(const JsonValue& document) {
  const JsonValue* events = document.Find("traceEvents");
  EXPECT_NE(events, nullptr);
  return events->items;
}

std::string Text(const JsonValue& object, std::string_view name) {
  const JsonValue* value = object.Find(name);
  return value == nullptr ? "" : value->string;
}
double Number(const JsonValue& object, std::string_view name) {
  const JsonValue* value = object.Find(name);
  EXPECT_NE(value, nullptr) << name;
  return value == nullptr ? 0 : value->number;
}

using TrackKey = std::pair<int64_t, int64_t>;  // pid, tid
TrackKey TrackOf(const JsonValue& event) {
  return {event.Find("pid")->Integer().value(), event.Find("tid")->Integer().value()};
}

struct Interval {
  double begin = 0;
  double end = 0;
};

std::map<TrackKey, std::vector<Interval>> SlicesOf(const JsonValue& document) {
  std::map<TrackKey, std::vector<Interval>> slices;
  for (const JsonValue& event : EventsOf(document)) {
    if (Text(event, "ph") != "X") continue;
    const double begin = Number(event, "ts");
    EXPECT_GE(Number(event, "dur"), 0);
    slices[TrackOf(event)].push_back({begin, begin + Number(event, "dur")});
  }
  return slices;
}

constexpr double kTolerance = 1e-6;  // microseconds; the text has whole nanoseconds

// Slices of a track come by ascending begin, and each lies inside or after those before it.
void ExpectNested(const JsonValue& document) {
  for (const auto& [track, slices] : SlicesOf(document)) {
    std::vector<Interval> open;
    double last = -1e300;
    for (const Interval& slice : slices) {
      EXPECT_GE(slice.begin, last);
      last = slice.begin;
      while (!open.empty() && open.back().end <= slice.begin + kTolerance) open.pop_back();
      if (!open.empty()) {
        EXPECT_LE(slice.end, open.back().end + kTolerance);
      }
      open.push_back(slice);
    }
  }
}

// Every arrow has one start and one end, both on slices. Returns the number of arrows.
size_t ExpectArrows(const JsonValue& document) {
  const auto slices = SlicesOf(document);
  std::map<int64_t, double> starts, ends;
  for (const JsonValue& event : EventsOf(document)) {
    const std::string phase = Text(event, "ph");
    if (phase != "s" && phase != "f") continue;
    const double time = Number(event, "ts");
    auto& side = phase == "s" ? starts : ends;
    EXPECT_TRUE(side.emplace(event.Find("id")->Integer().value(), time).second);
    bool on_slice = false;
    for (const Interval& slice : slices.at(TrackOf(event))) {
      on_slice = on_slice || (slice.begin <= time + kTolerance && time <= slice.end + kTolerance);
    }
    EXPECT_TRUE(on_slice);
  }
  EXPECT_EQ(starts.size(), ends.size());
  for (const auto& [id, time] : starts) EXPECT_TRUE(ends.contains(id));
  return starts.size();
}

TEST(WriteChromeTrace, DrawsSlicesThatNestAndArrowsForTransfers) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8), {.layers = 3});
  for (const std::string_view costs : {"F=1,B=2", "F=1,B=2,C=0.3"}) {
    const JsonValue document =
        Parsed(plan, Simulate(plan, ProgramKind::kStep, ParseCosts(costs), 2));
    ExpectNested(document);
    EXPECT_EQ(ExpectArrows(document), 2u * 8 * 3 * 2);
  }
}

TEST(WriteChromeTrace, ShowsAUnitAsAMillisecondAndTheTaskAroundItsLayers) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 2), {.layers = 2});
  const JsonValue document =
      Parsed(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.5")));
  std::vector<std::string> found;
  const JsonValue* layer = nullptr;
  for (const JsonValue& event : EventsOf(document)) {
    if (Text(event, "ph") != "X" || TrackOf(event) != TrackKey(1, 0)) continue;
    std::ostringstream line;
    line << Text(event, "name") << ' ' << Number(event, "ts") << ' ' << Number(event, "dur");
    found.push_back(line.str());
    if (found.size() == 2) layer = &event;
  }
  ASSERT_GE(found.size(), 3u);
  EXPECT_EQ(found[0], "forward 0 1500 1000");
  EXPECT_EQ(found[1], "block[2] 1500 500");
  EXPECT_EQ(found[2], "block[3] 2000 500");
  const JsonValue& arguments = *layer->Find("args");
  EXPECT_EQ(Number(arguments, "microbatch"), 0);
  EXPECT_EQ(Number(arguments, "stage"), 1);
  EXPECT_EQ(Text(arguments, "layer"), "block[2]");
  EXPECT_EQ(Text(arguments, "function"), "block.forward");
  EXPECT_EQ(Text(arguments, "program"), "step");
  EXPECT_EQ(Text(arguments, "source"), "tiny.sched:3");
  EXPECT_EQ(Text(arguments, "reason"), "order");
  EXPECT_EQ(Number(arguments, "waited_ms"), 1.5);  // for its activation
}

TEST(WriteChromeTrace, DrawsATransferFromWhereBothEndsWereThere) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  const JsonValue document =
      Parsed(plan, Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.5")));
  int transfers = 0;
  for (const JsonValue& event : EventsOf(document)) {
    if (Text(event, "name") != "recv 0" || Number(event, "pid") != 1) continue;
    ++transfers;
    EXPECT_EQ(Number(event, "ts"), 1000);
    EXPECT_EQ(Number(event, "dur"), 500);
    const JsonValue& arguments = *event.Find("args");
    EXPECT_EQ(Number(arguments, "waited_ms"), 1);
    EXPECT_EQ(Number(arguments, "peer"), 0);
    EXPECT_EQ(Text(arguments, "instruction").find("  "), std::string::npos);
  }
  EXPECT_EQ(transfers, 1);
}

TEST(WriteChromeTrace, NamesRanksAndStreams) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 2), {.data_parallel = 2});
  const JsonValue document = Parsed(plan, Simulate(plan, ProgramKind::kStep, {}));
  std::map<int64_t, std::string> ranks;
  std::map<TrackKey, std::string> streams;
  for (const JsonValue& event : EventsOf(document)) {
    if (Text(event, "name") == "process_name") {
      ranks[TrackOf(event).first] = Text(*event.Find("args"), "name");
    }
    if (Text(event, "name") == "thread_name") {
      streams[TrackOf(event)] = Text(*event.Find("args"), "name");
    }
  }
  EXPECT_EQ(ranks, (std::map<int64_t, std::string>{{0, "rank 0 (pp 0, dp 0)"},
                                                   {2, "rank 2 (pp 1, dp 0)"}}));
  EXPECT_EQ(streams.at({0, 0}), "compute.0");
  EXPECT_EQ(streams.at({2, 1}), "recv.prev");
  EXPECT_EQ(streams.size(), 6u);
}

// All replicas, with clocks that disagree and overlap: still nested, arrows still whole.
TEST(WriteChromeTrace, StaysWellFormedWhateverWasMeasured) {
  const Plan plan = PipelinePlan(
      OneForwardOneBackward(3, 4),
      {.layers = 2, .data_parallel = 2, .reduce = testing::PipelineOptions::Reduce::kAtEnd});
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.2,A=3"), 2);
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> noise(-0.4, 0.4);
    Trace trace;
    trace.kind = Trace::Kind::kMeasured;
    for (int64_t replica = 0; replica < 2; ++replica) {
      for (TraceEvent event : predicted.events) {
        event.rank += replica;
        event.begin = event.begin * 1e-3 + noise(random) * 1e-3;
        event.end = event.end * 1e-3 + noise(random) * 1e-3;
        trace.events.push_back(event);
      }
    }
    const JsonValue document = Parsed(plan, trace);
    ExpectNested(document);
    EXPECT_EQ(ExpectArrows(document), 2u * 2 * 4 * 2 * 2);
  }
}

// A trace that ends in the middle has transfers with one end: slices without arrows.
TEST(WriteChromeTrace, DrawsNoHalfArrows) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 4));
  Trace trace = Simulate(plan, ProgramKind::kStep, {});
  std::erase_if(trace.events, [](const TraceEvent& event) { return event.rank == 1; });
  EXPECT_EQ(ExpectArrows(Parsed(plan, trace)), 0u);
}

TEST(WriteChromeTrace, EscapesWhateverNamesSay) {
  Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  plan.name = "a\"b\\c\n\x01.sched";
  plan.layers[0].name = "\xff\xfe\"layer\"";
  plan.sources[0].reason = "\t</script>";
  const JsonValue document = Parsed(plan, Simulate(plan, ProgramKind::kStep, {}));
  EXPECT_EQ(Text(*document.Find("otherData"), "plan"), plan.name);
  EXPECT_FALSE(EventsOf(document).empty());
}

TEST(WriteChromeTrace, WritesAnEmptyTrace) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  EXPECT_TRUE(EventsOf(Parsed(plan, {})).empty());
}

TEST(WriteChromeTrace, PutsThePredictionBesideTheRun) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 3));
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2,C=0.5"));
  Trace measured = predicted;
  measured.kind = Trace::Kind::kMeasured;
  for (TraceEvent& event : measured.events) {
    event.repeat = 4;
    event.begin = 10 + event.begin * 1e-3;
    event.end = 10 + event.end * 1e-3;
  }
  const TraceComparison comparison = Compare(plan, predicted, measured, {});
  std::ostringstream out;
  WriteChromeTrace(out, plan, predicted, measured, comparison);
  const JsonValue document = ParseJson(out.str());
  ExpectNested(document);
  EXPECT_EQ(ExpectArrows(document), 2u * 2 * 3);
  std::map<std::string, int64_t> processes;
  for (const JsonValue& event : EventsOf(document)) {
    if (Text(event, "name") != "process_name") continue;
    processes[Text(*event.Find("args"), "name")] = event.Find("pid")->Integer().value();
  }
  EXPECT_EQ(processes, (std::map<std::string, int64_t>{{"rank 0 predicted (pp 0)", 0},
                                                       {"rank 0 measured (pp 0)", 1},
                                                       {"rank 1 predicted (pp 1)", 2},
                                                       {"rank 1 measured (pp 1)", 3}}));
  // Both as the costs say, from the same moment on.
  const auto slices = SlicesOf(document);
  const Interval &above = slices.at({0, 0}).front(), &below = slices.at({1, 0}).front();
  EXPECT_NEAR(above.begin, 10e6, 1e-3);
  EXPECT_NEAR(below.begin, 10e6, 1e-3);
  EXPECT_NEAR(above.end, below.end, 1e-3);
  // What can be read back is what was measured.
  EXPECT_EQ(ReadChromeTrace(out.str(), plan).events.size(), measured.events.size());
}

}  // namespace
}  // namespace pprun
