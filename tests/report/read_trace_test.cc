#include "compiler/report/read_trace.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <stdexcept>

#include "compiler/plan/base/json.h"
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

void ExpectEqual(const Trace& a, const Trace& b) {
  EXPECT_EQ(a.kind, b.kind);
  ASSERT_EQ(a.events.size(), b.events.size());
  for (size_t i = 0; i < a.events.size(); ++i) {
    const TraceEvent &one = a.events[i], &other = b.events[i];
    ASSERT_EQ(one.rank, other.rank);
    ASSERT_EQ(one.program, other.program);
    ASSERT_EQ(one.repeat, other.repeat);
    ASSERT_EQ(one.instruction, other.instruction);
    ASSERT_EQ(one.begin, other.begin);  // to the last bit
    ASSERT_EQ(one.end, other.end);
  }
}

// Measured, on all replicas, in several steps that begin with the third.
Trace Measured(const Plan& plan) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> jitter(0, 1e-4);
  Trace trace = {.kind = Trace::Kind::kMeasured, .events = {}};
  for (const TraceEvent& event : Simulate(plan, ProgramKind::kStep, CostTable{}, 2).events) {
    for (int64_t replica = 0; replica < plan.Replicas(); ++replica) {
      TraceEvent copy = event;
      copy.rank += replica;
      copy.repeat += 3;
      copy.begin = event.begin * 1e-3;
      copy.end = event.end * 1e-3 + jitter(random);
      trace.events.push_back(copy);
    }
  }
  std::ranges::stable_sort(trace.events, {}, [](const TraceEvent& event) {
    return std::tuple(event.rank, event.begin, event.repeat, event.instruction);
  });
  return trace;
}

TEST(ReadChromeTrace, ReadsBackWhatWasWritten) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 6), {.layers = 2});
  const Trace predicted = Simulate(plan, ProgramKind::kStep, ParseCosts("F=1,B=2.7,C=0.1"), 2);
  const Trace read = ReadChromeTrace(Write(plan, predicted), plan);
  EXPECT_EQ(read.events.size(), predicted.events.size());
  EXPECT_EQ(Write(plan, read), Write(plan, predicted));

  const Plan replicated = PipelinePlan(OneForwardOneBackward(2, 3), {.data_parallel = 2});
  const Trace measured = Measured(replicated);
  const Trace again = ReadChromeTrace(Write(replicated, measured), replicated);
  // Equal begins may change places.
  Trace sorted = again;
  std::ranges::stable_sort(sorted.events, {}, [](const TraceEvent& event) {
    return std::tuple(event.rank, event.begin, event.repeat, event.instruction);
  });
  ExpectEqual(sorted, measured);
}

// Other programs rewrite JSON: on one line, with other blanks.
TEST(ReadChromeTrace, ReadsATextThatWasReformatted) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 3));
  const Trace trace = Simulate(plan, ProgramKind::kStep, CostTable{});
  std::string text = Write(plan, trace);
  const Trace direct = ReadChromeTrace(text, plan);
  std::ranges::replace(text, '\n', ' ');
  ExpectEqual(ReadChromeTrace(text, plan), direct);
}

// Perfetto ignores what follows a name that it does not know.
TEST(ReadChromeTrace, KeepsItsMemberAfterTheSlices) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 2));
  const std::string text = Write(plan, Simulate(plan, ProgramKind::kStep, CostTable{}));
  const JsonValue document = ParseJson(text);
  ASSERT_EQ(document.members.size(), 4u);
  EXPECT_EQ(document.members[0].name, "displayTimeUnit");
  EXPECT_EQ(document.members[1].name, "traceEvents");
  EXPECT_EQ(document.members[3].name, "pprun");
}

void ExpectRefused(const std::string& text, const Plan& plan, const std::string& part) {
  try {
    ReadChromeTrace(text, plan);
    ADD_FAILURE() << "accepted, though: " << part;
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(ReadChromeTrace, KeepsTheUnit) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 3));
  Trace trace = Simulate(plan, ProgramKind::kStep, CostTable{});
  EXPECT_EQ(ReadChromeTrace(Write(plan, trace), plan).unit, Trace::Unit::kOfCosts);
  trace.unit = Trace::Unit::kSecond;
  EXPECT_EQ(ReadChromeTrace(Write(plan, trace), plan).unit, Trace::Unit::kSecond);
}

TEST(ReadChromeTrace, RefusesATraceOfAnotherPlan) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 3));
  const std::string text = Write(plan, Simulate(plan, ProgramKind::kStep, CostTable{}));
  ExpectRefused(
      text, PipelinePlan(OneForwardOneBackward(2, 4)),
      "the trace is of another plan: it ran `examples/tiny.sched` as `one_f_one_b` on pp = "
      "2 with 2 stages and 3 microbatches; here `examples/tiny.sched` is `one_f_one_b` on "
      "pp = 2 with 2 stages and 4 microbatches");
  // What the words do not tell apart, the instructions do.
  ExpectRefused(text, PipelinePlan(testing::GPipe(2, 3)),
                "position 0 of `examples/tiny.sched` had other instructions than here");
  const Plan larger = PipelinePlan(OneForwardOneBackward(2, 3), {.layers = 2});
  ExpectRefused(text, larger, "instructions, not the ");
  Plan renamed = plan;
  renamed.name = "elsewhere/tiny.sched";
  EXPECT_NO_THROW(ReadChromeTrace(text, renamed));
}

TEST(ReadChromeTrace, RefusesWhatIsNoTrace) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 1));
  const std::string text = Write(plan, Simulate(plan, ProgramKind::kStep, CostTable{}));
  const auto with = [&](const std::string& from, const std::string& to) {
    const size_t at = text.rfind(from);
    EXPECT_NE(at, std::string::npos) << from;
    return std::string(text).replace(at, from.size(), to);
  };
  ExpectRefused("", plan, "byte 0");
  ExpectRefused(R"({"traceEvents":[]})", plan, "it has no `pprun`");
  ExpectRefused("[1, 2]", plan, "it has no `pprun`");
  ExpectRefused(with(R"("version":3)", R"("version":1)"), plan, "another version");
  ExpectRefused(with(R"("positions":[{)", R"("positions":[[],{)"), plan, "its positions are not");
  ExpectRefused(with(R"("description":)", R"("described":)"), plan, "`description` is missing");
  ExpectRefused(with(R"("kind":"predicted")", R"("kind":"x")"), plan, "its kind is `x`");
  ExpectRefused(with(R"("rank":1)", R"("rank":2)"), plan, "there is no rank 2");
  ExpectRefused(with(R"("run":1)", R"("run":0)"), plan, "runs count from 1");
  ExpectRefused(with(R"("program":"step")", R"("program":"s")"), plan, "no program `s`");
  const size_t list = text.rfind(R"("instructions":[)") + 16;
  const size_t comma = text.find(',', list);
  ExpectRefused(std::string(text).replace(list, comma - list, "9999"), plan, "not in the plan");
  ExpectRefused(std::string(text).replace(list, comma - list, "-1"), plan, "not in the plan");
  ExpectRefused(std::string(text).replace(list, comma - list, "0.5"), plan, "not in the plan");
  ExpectRefused(with(R"("instructions":[)", R"("instructions":[0,)"), plan, "differ in length");
  ExpectRefused(with(R"("ends":[)", R"("ends":[-1,)"), plan, "differ in length");
  ExpectRefused(with(R"("begins":[0,)", R"("begins":[1e300,)"), plan, "ends before it begins");
  ExpectRefused(with(R"("begins":[0,)", R"("begins":["0",)"), plan, "a time is no number");
}

TEST(ReadChromeTrace, NeverCrashesOnDamagedText) {
  const Plan plan = PipelinePlan(OneForwardOneBackward(2, 2));
  const std::string text = Write(plan, Simulate(plan, ProgramKind::kStep, CostTable{}));
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::string damaged = text;
    for (int i = 0; i < 3; ++i) {
      damaged[random() % damaged.size()] = "0-1.5e,]}{\"\n"[random() % 12];
    }
    try {
      for (const TraceEvent& event : ReadChromeTrace(damaged, plan).events) {
        ASSERT_LT(event.rank, 2);
        ASSERT_LE(event.begin, event.end);
      }
    } catch (const std::runtime_error&) {
    }
  }
}

}  // namespace
}  // namespace pprun
