// Time and memory from the text of a plan to its proven, simulated figures, for interleaved
// zero-bubble on 64 ranks with 4 chunks, and how they grow with the microbatches. Goal: 1,024
// microbatches (786,432 tasks) in 2 s and 2 GiB, verification in 100 ns an instruction, time linear
// in tasks. Not a Google Benchmark: one run at each size, since the memory of one is its subject.
//
//   large_bench [MICROBATCHES]     the largest size, a power of two; 1024 if not given
#include <sys/resource.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "compiler/compile.h"
#include "compiler/schedule/predict_times.h"
#include "compiler/simulate/simulate.h"
#include "tests/bench/gpt_plan.h"

namespace pprun {
namespace {

double Seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Of the process, so far.
double PeakMebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

struct Measured {
  double tasks = 0;
  double instructions = 0;
  std::vector<std::pair<std::string, double>> phases;  // processor seconds
  double wall = 0;                                     // seconds

  double Processor() const {
    double sum = 0;
    for (const auto& [name, seconds] : phases) sum += seconds;
    return sum;
  }
};

Measured Measure(int64_t microbatches) {
  const TextFile file("mesh { pp = 64; }\nschedule interleaved_zero_bubble(chunks = 4);\n");
  Measured measured;
  double wall = Seconds(CLOCK_MONOTONIC), last = Seconds(CLOCK_PROCESS_CPUTIME_ID);
  const auto lap = [&](std::string_view phase) {
    const double now = Seconds(CLOCK_PROCESS_CPUTIME_ID);
    measured.phases.emplace_back(phase, now - last);
    last = now;
  };
  CompileOptions options;
  options.overrides.push_back({"microbatches", std::to_string(microbatches)});
  options.after_pass = [&](std::string_view pass, const Draft&) {
    lap(pass == "place_parameters" ? "parse, check, schedule, place_parameters" : pass);
  };
  const Compilation compiled = CompileFile(file, options);
  lap("verify");
  const Trace trace = Simulate(*compiled.plan, ProgramKind::kStep, CostTable{});
  lap("simulate");
  const Figures figures = Summarise(*compiled.plan, trace);
  lap("summarise");
  measured.wall = Seconds(CLOCK_MONOTONIC) - wall;
  for (const auto& tasks : compiled.order->positions) {
    measured.tasks += static_cast<double>(tasks.size());
  }
  measured.instructions = static_cast<double>(InstructionCount(*compiled.plan));
  const double ideal = static_cast<double>(12 * microbatches + 63);
  if (figures.makespan != ideal) {
    std::fprintf(stderr, "the makespan is %g, not %g\n", figures.makespan, ideal);
    std::exit(1);
  }
  return measured;
}

// The slope of log(time) over log(tasks), by least squares.
double Exponent(const std::vector<Measured>& runs) {
  double x = 0, y = 0, xx = 0, xy = 0;
  for (const Measured& run : runs) {
    const double tasks = std::log(run.tasks), time = std::log(run.Processor());
    x += tasks, y += time, xx += tasks * tasks, xy += tasks * time;
  }
  const double n = static_cast<double>(runs.size());
  return (n * xy - x * y) / (n * xx - x * x);
}

void MeasureUpTo(int64_t largest) {
  std::vector<Measured> runs;
  std::printf("tasks    instructions  processor s  wall s  peak MiB\n");
  for (int64_t microbatches = 64; microbatches <= largest; microbatches *= 2) {
    const Measured& run = runs.emplace_back(Measure(microbatches));
    std::printf("%-8.0f %-12.0f  %11.2f  %6.2f  %8.0f\n", run.tasks, run.instructions,
                run.Processor(), run.wall, PeakMebibytes());
  }
  const Measured& last = runs.back();
  std::printf("\nof the last                            ms  ns an instruction\n");
  for (const auto& [phase, seconds] : last.phases) {
    std::printf("%-36s %5.0f  %17.0f\n", phase.c_str(), 1e3 * seconds,
                1e9 * seconds / last.instructions);
  }
  if (runs.size() > 1) std::printf("\ntime grows with tasks to the power %.2f\n", Exponent(runs));
}

}  // namespace
}  // namespace pprun

int main(int argc, char** argv) {
  const int64_t largest = argc > 1 ? std::atoll(argv[1]) : 1024;
  if (largest < 64) {
    std::fprintf(stderr, "the largest size is at least 64\n");
    return 2;
  }
  pprun::MeasureUpTo(largest);
}
