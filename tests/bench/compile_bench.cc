// Time of the whole compile of a GPT of 24 layers, of its phases, and how it grows: with
// microbatches (linearly), with replicas (not at all), with the length of the text. Goal: 0.5 s for
// pp = 8, dp = 64, 64 microbatches.
#include <benchmark/benchmark.h>

#include <ctime>
#include <map>

#include "compiler/make_draft.h"
#include "tests/bench/gpt_plan.h"

namespace pprun {
namespace {

// Seconds of processor time, so that other work on the machine does not count.
double ProcessorTime() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void CountInstructions(benchmark::State& state, int64_t instructions) {
  state.counters["instructions"] = static_cast<double>(instructions);
  state.counters["per instruction"] = benchmark::Counter(
      static_cast<double>(instructions),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void RunCompile(benchmark::State& state, const GptSize& size) {
  const TextFile file(GptText(size));
  int64_t instructions = 0;
  for (auto _ : state) instructions = InstructionCount(*CompileFile(file).plan);
  CountInstructions(state, instructions);
  state.SetComplexityN(instructions);
}

void Replicas(benchmark::State& state) { RunCompile(state, {.dp = state.range(0)}); }
BENCHMARK(Replicas)->Name("Compile/dp")->Arg(64)->Arg(1024)->Unit(benchmark::kMillisecond);

void Microbatches(benchmark::State& state) { RunCompile(state, {.microbatches = state.range(0)}); }
BENCHMARK(Microbatches)
    ->Name("Compile/microbatches")
    ->RangeMultiplier(4)
    ->Range(16, 1024)
    ->Unit(benchmark::kMillisecond)
    ->Complexity(benchmark::oN);

void Positions(benchmark::State& state) {
  RunCompile(state, {.depth = 64, .width = 64, .heads = 1, .vocabulary = 64, .pp = state.range(0)});
}
BENCHMARK(Positions)
    ->Name("Compile/positions")
    ->RangeMultiplier(4)
    ->Range(1, 64)
    ->Unit(benchmark::kMillisecond);

void Depth(benchmark::State& state) {
  RunCompile(state, {.depth = state.range(0),
                     .width = 64,
                     .heads = 1,
                     .vocabulary = 64,
                     .pp = 2,
                     .microbatches = 4});
}
BENCHMARK(Depth)
    ->Name("Compile/depth")
    ->RangeMultiplier(4)
    ->Range(16, 1024)
    ->Unit(benchmark::kMillisecond)
    ->Complexity(benchmark::oN);

// Processor seconds of every phase of one compile. `place_parameters`, the first pass, includes
// evaluating the schedule.
void RunPhases(benchmark::State& state) {
  const GptSize size{.depth = state.range(1), .microbatches = state.range(0)};
  const TextFile file(GptText(size));
  std::map<std::string, double> seconds;
  int64_t instructions = 0;
  for (auto _ : state) {
    double last = ProcessorTime();
    const auto lap = [&](const std::string& phase) {
      const double now = ProcessorTime();
      seconds[phase] += now - last;
      last = now;
    };
    // Once by hand up to the model, once whole.
    CompileOptions options;
    SourceFiles files;
    Diagnostics diagnostics;
    const uint32_t index = files.Add(file.path(), GptText(size));
    const std::optional<CheckedProgram> checked =
        Check(Parse(files, index, options.limits, diagnostics), {}, options.limits, diagnostics);
    lap("1 parse, check");
    const CompiledModel model = CompileModel(*checked, MicrobatchSamples(*checked));
    benchmark::DoNotOptimize(&model);
    lap("2 model");
    options.after_pass = [&](std::string_view pass, const Draft&) {
      lap("3 " + std::string(pass));
    };
    last = ProcessorTime();
    const Compilation result = CompileFile(file, options);
    lap("4 verify");
    instructions = InstructionCount(*result.plan);
  }
  const double rounds = static_cast<double>(state.iterations());
  for (const char* phase : {"1 parse, check", "2 model"}) {
    seconds["3 place_parameters"] -= seconds[phase];
  }
  for (const auto& [phase, total] : seconds) state.counters[phase] = total / rounds;
  state.counters["instructions"] = static_cast<double>(instructions);
}
BENCHMARK(RunPhases)
    ->Name("Phases")
    ->ArgNames({"microbatches", "depth"})
    ->Args({64, 24})
    ->Args({1024, 24})
    ->Args({8, 1536})
    ->Unit(benchmark::kMillisecond);

// A schedule of one call a line, so the text grows with the microbatches.
void LongText(benchmark::State& state) {
  std::string text = "schedule long {\n  order on rank r {\n";
  for (int64_t i = 0; i < state.range(0); ++i) {
    text += "    if r >= 0 { forward(" + std::to_string(i) + "); }\n";
  }
  text += "  }\n}\n";
  for (auto _ : state) {
    SourceFiles files;
    Diagnostics diagnostics;
    const uint32_t index = files.Add("long.sched", text);
    benchmark::DoNotOptimize(Parse(files, index, {}, diagnostics));
    if (diagnostics.HasErrors()) state.SkipWithError(files.Render(diagnostics).c_str());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
  state.SetComplexityN(state.range(0));
}
BENCHMARK(LongText)
    ->Name("Parse/lines")
    ->RangeMultiplier(4)
    ->Range(256, 65536)
    ->Unit(benchmark::kMillisecond)
    ->Complexity(benchmark::oN);

}  // namespace
}  // namespace pprun

BENCHMARK_MAIN();
