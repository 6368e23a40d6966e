// Trains compiled plans on one GPU, all ranks sharing it, and compares the losses with the CPU's: a
// plain program, since GPU machines may have no GoogleTest.
//
//   plans_check [--steps N] [--gpu N] [--in-children] PLAN.plan ...
//
// Each plan runs four times: on the CPU, on the GPU by replayed graphs, again, and without graphs.
// The GPU's runs must agree in every bit, and with the CPU within the tolerance of the plan's
// precision. --in-children: a plan that crashes, hangs for a minute or leaves the GPU unusable
// costs itself alone (supervise.h). Exits with 1 if one does not hold, with 77 where there is no
// GPU; in children that is a failure.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/plan/file.h"
#include "compiler/verify/verify.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/cuda/cuda_backend.h"
#include "runtime/data.h"
#include "runtime/launch.h"
#include "runtime/learning_rate.h"
#include "tests/gpu/supervise.h"

namespace pprun {
namespace {

constexpr int kSkipped = 77;
constexpr double kFloatTolerance = 1e-4;
constexpr double kBfloat16Tolerance = 2e-2;

struct Options {
  int64_t steps = 20;
  int gpu = 0;
  bool in_children = false;
  std::vector<std::string> plans;
};

bool Parse(int count, char** arguments, Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--steps" && i + 1 < count) {
      options.steps = std::max<int64_t>(1, std::strtoll(arguments[++i], nullptr, 10));
    } else if (argument == "--gpu" && i + 1 < count) {
      options.gpu = static_cast<int>(std::strtol(arguments[++i], nullptr, 10));
    } else if (argument == "--in-children") {
      options.in_children = true;
    } else if (argument.starts_with("-")) {
      std::fprintf(stderr, "plans_check: error: unknown option `%s`\n", arguments[i]);
      return false;
    } else {
      options.plans.emplace_back(argument);
    }
  }
  if (options.plans.empty()) std::fprintf(stderr, "plans_check: error: no plan was given\n");
  return !options.plans.empty();
}

// What a run computes: losses and gradient norms of each step.
struct Computed {
  std::vector<double> losses;
  std::vector<double> norms;

  bool operator==(const Computed&) const = default;
};

Computed Train(const Plan& plan, const DataSet& data, std::unique_ptr<Backend> backend) {
  LocalRanks ranks(plan, std::move(backend), {}, &data, nullptr);
  std::vector<std::vector<StepResult>> results(static_cast<size_t>(ranks.size()));
  ranks.Run([&](Rank rank) {
    std::vector<StepResult>& own = results[static_cast<size_t>(rank.executor.rank())];
    rank.executor.Initialise();
    for (int64_t step = 0; step < plan.train.steps; ++step) {
      const double rate = LearningRate(plan.train.optimizer, step, plan.train.steps);
      own.push_back(rank.executor.RunStep(step, static_cast<float>(rate)));
    }
  });
  Computed computed;
  for (size_t step = 0; step < static_cast<size_t>(plan.train.steps); ++step) {
    double loss = 0;
    for (const auto& of_rank : results) loss += of_rank[step].loss.value_or(0);
    computed.losses.push_back(loss);
    if (const auto norm = results[0][step].gradient_norm) computed.norms.push_back(*norm);
  }
  return computed;
}

// The largest relative difference; infinite if a loss is no number.
double Difference(const Computed& a, const Computed& b) {
  double worst = 0;
  for (size_t step = 0; step < a.losses.size(); ++step) {
    const double difference = std::abs(a.losses[step] / b.losses[step] - 1);
    worst = std::isfinite(difference) ? std::max(worst, difference) : HUGE_VAL;
  }
  return worst;
}

bool ComputesInBfloat16(const Plan& plan) {
  return std::ranges::any_of(plan.positions, [](const Position& position) {
    return std::ranges::any_of(
        position.buffers, [](const Buffer& buffer) { return buffer.type.dtype == DType::kBF16; });
  });
}

const char* YesOrNo(bool yes) { return yes ? "yes" : "NO"; }

// Prints a row; whether all of it holds.
bool Check(const std::string& path, const Options& options, CudaApi& cuda) {
  Plan plan = ReadPlanFile(path);
  const std::vector<Finding> findings = Verify(plan);
  if (!findings.empty()) throw std::runtime_error(Render(plan, findings.front()));
  plan.train.steps = options.steps;
  plan.train.validation = {};
  const TrainSpec& train = plan.train;
  const auto data = OpenData(train.data, train.sequence, train.vocabulary, train.seed);
  const auto on_gpu = [&](Graphs graphs) {
    return Train(plan, *data, std::make_unique<CudaBackend>(plan, cuda, options.gpu, graphs));
  };
  const int threads = ThreadsPerRank(plan.Ranks(), AvailableCores());
  const Computed cpu = Train(plan, *data, std::make_unique<CpuBackend>(plan.Ranks(), threads));
  const Computed graphs = on_gpu(Graphs::kOn);
  const bool repeated = on_gpu(Graphs::kOn) == graphs;
  const bool same_without = on_gpu(Graphs::kOff) == graphs;
  const double difference = Difference(graphs, cpu);
  const double allowed = ComputesInBfloat16(plan) ? kBfloat16Tolerance : kFloatTolerance;
  const bool holds = repeated && same_without && difference <= allowed;
  std::printf("%-34s %5lld  %9.6f %9.6f  %8.1e %6.0e  %-8s %-6s %s\n", path.c_str(),
              static_cast<long long>(plan.Ranks()), cpu.losses.back(), graphs.losses.back(),
              difference, allowed, YesOrNo(repeated), YesOrNo(same_without),
              holds ? "ok" : "FAILS");
  std::fflush(stdout);
  return holds;
}

// Every plan, by the runner. Throws std::runtime_error where there is no GPU.
void CheckAll(const Options& options, gpu::CheckRunner& runner) {
  const std::unique_ptr<CudaApi> cuda = OpenCuda();
  static_cast<void>(CudaGpu(*cuda, options.gpu));
  if (runner.is_first()) {
    std::printf("losses after %lld steps; the worst relative difference of any step\n",
                static_cast<long long>(options.steps));
    std::printf("%-34s %5s  %9s %9s  %8s %6s  %-8s %-6s\n", "plan", "ranks", "CPU", "GPU", "worst",
                "allow", "repeats", "graphs");
  }
  for (const std::string& path : options.plans) {
    runner.Run(path, [&] {
      try {
        return Check(path, options, *cuda) ? gpu::CheckEnd::kHolds : gpu::CheckEnd::kFails;
      } catch (const std::exception& error) {
        std::printf("%-34s FAILS: %s\n", path.c_str(), error.what());
        return gpu::CheckEnd::kBroken;
      }
    });
  }
  std::printf("%d of %d plans hold\n", runner.count() - runner.failures(), runner.count());
}

int Main(int count, char** arguments) {
  Options options;
  if (!Parse(count, arguments, options)) return 2;
  if (options.in_children) {
    const int failures =
        gpu::Supervise({}, [&](gpu::CheckRunner& runner) { CheckAll(options, runner); });
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  try {
    const std::unique_ptr<CudaApi> cuda = OpenCuda();
    static_cast<void>(CudaGpu(*cuda, options.gpu));
  } catch (const std::runtime_error& error) {
    std::printf("skipped: %s\n", error.what());
    return kSkipped;
  }
  gpu::CheckRunner runner;
  CheckAll(options, runner);
  return runner.failures() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace pprun

int main(int count, char** arguments) {
  try {
    return pprun::Main(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "plans_check: error: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
