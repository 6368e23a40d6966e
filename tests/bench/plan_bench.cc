// Time of what is done to a finished plan wherever it is used, each linear in its instructions:
// proving it, writing, reading, and printing it.
#include <benchmark/benchmark.h>

#include "compiler/plan/effects.h"
#include "compiler/plan/file.h"
#include "compiler/plan/text.h"
#include "compiler/simulate/simulate.h"
#include "compiler/verify/checks.h"
#include "tests/bench/gpt_plan.h"

namespace pprun {
namespace {

// Counts a plan's instructions, and the bytes of what is made of it or from it.
void CountPlan(benchmark::State& state, const Plan& plan, size_t bytes) {
  const int64_t instructions = InstructionCount(plan);
  state.counters["instructions"] = static_cast<double>(instructions);
  state.counters["per instruction"] = benchmark::Counter(
      static_cast<double>(instructions),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.SetComplexityN(instructions);
  if (bytes > 0) state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes));
}

void RunVerify(benchmark::State& state) {
  const Plan plan = CompileGpt({.microbatches = state.range(0)});
  for (auto _ : state) {
    if (!Verify(plan).empty()) state.SkipWithError("not proven");
  }
  CountPlan(state, plan, 0);
}

// One tiny layer a stage: what is not proportional to work in a stage shows.
void RunVerifyLong(benchmark::State& state) {
  const Plan plan = CompileGpt({.depth = 62,
                                .width = 64,
                                .heads = 1,
                                .vocabulary = 256,
                                .sequence = 64,
                                .pp = 64,
                                .dp = 1,
                                .microbatches = 256});
  for (auto _ : state) {
    if (!Verify(plan).empty()) state.SkipWithError("not proven");
  }
  CountPlan(state, plan, 0);
}

// One check of the verifier alone. Accesses are what its cost depends on: a run has one a binding.
void RunCheck(benchmark::State& state, void (*check)(const Plan&, Findings&)) {
  const Plan plan = CompileGpt({});
  std::vector<Effect> accesses;
  for (const Position& position : plan.positions) {
    for (const Program& program : position.programs) {
      for (const Instruction& instruction : program.instructions) {
        AppendEffects(plan, position, instruction, accesses);
      }
    }
  }
  for (auto _ : state) {
    Findings findings;
    check(plan, findings);
    if (!findings.empty()) state.SkipWithError("not proven");
  }
  CountPlan(state, plan, 0);
  state.counters["accesses"] = static_cast<double>(accesses.size());
}

// What races and values both need.
void Cut(const Plan& plan, Findings&) { benchmark::DoNotOptimize(SegmentsOf(plan)); }
void Races(const Plan& plan, Findings& findings) { CheckRaces(plan, SegmentsOf(plan), findings); }
void Values(const Plan& plan, Findings& findings) {
  FollowValues(plan, SegmentsOf(plan), findings, findings);
}

// The machine of semantics.h alone: the least that a proof of freedom from deadlock costs.
void RunMachineAlone(benchmark::State& state) {
  const Plan plan = CompileGpt({.microbatches = state.range(0)});
  for (auto _ : state) {
    const Outcome outcome = RunMachine(plan, ProgramKind::kStep, StreamView::kSeparate, 1, nullptr);
    if (!outcome.completed) state.SkipWithError("hangs");
  }
  CountPlan(state, plan, 0);
}

void RunSimulate(benchmark::State& state) {
  const Plan plan = CompileGpt({.microbatches = state.range(0)});
  for (auto _ : state) benchmark::DoNotOptimize(Simulate(plan, ProgramKind::kStep, CostTable{}));
  CountPlan(state, plan, 0);
}

void RunSerialise(benchmark::State& state) {
  const Plan plan = CompileGpt({.microbatches = state.range(0)});
  size_t bytes = 0;
  for (auto _ : state) bytes = Serialise(plan).size();
  CountPlan(state, plan, bytes);
}

void RunDeserialise(benchmark::State& state) {
  const Plan plan = CompileGpt({.microbatches = state.range(0)});
  const std::vector<std::byte> file = Serialise(plan);
  for (auto _ : state) benchmark::DoNotOptimize(Deserialise(file));
  CountPlan(state, plan, file.size());
}

void RunText(benchmark::State& state) {
  const Plan plan = CompileGpt({.microbatches = state.range(0)});
  size_t bytes = 0;
  for (auto _ : state) bytes = ToText(plan).size();
  CountPlan(state, plan, bytes);
}

void Sizes(benchmark::internal::Benchmark* bench) {
  bench->RangeMultiplier(4)
      ->Range(16, 1024)
      ->Unit(benchmark::kMillisecond)
      ->Complexity(benchmark::oN);
}

BENCHMARK(RunVerify)->Name("Verify")->Apply(Sizes);
BENCHMARK(RunVerifyLong)->Name("Verify, a layer a stage")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunCheck, types, CheckTypes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunCheck, matching, CheckMatching)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunCheck, deadlock, CheckDeadlock)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunCheck, races, Races)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunCheck, segments, Cut)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(RunCheck, values, Values)->Unit(benchmark::kMillisecond);
BENCHMARK(RunMachineAlone)->Name("RunMachine")->Apply(Sizes);
BENCHMARK(RunSimulate)->Name("Simulate")->Apply(Sizes);
BENCHMARK(RunSerialise)->Name("Serialise")->Apply(Sizes);
BENCHMARK(RunDeserialise)->Name("Deserialise")->Apply(Sizes);
BENCHMARK(RunText)->Name("ToText")->Apply(Sizes);

}  // namespace
}  // namespace pprun

BENCHMARK_MAIN();
