// Prints where a step goes on a GPU (step_bench.h): a row a kind of call, a row a function, the
// step. A plain program.
//
//   gpu_step_bench PLAN.plan ...
//
// Of each row: time, the least time that its bytes take at the rate of a copy and its
// floating-point operations at the peak (step_bench.h), the larger of both over the time. Exits
// with 77 where there is no GPU.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/plan/file.h"
#include "compiler/verify/verify.h"
#include "runtime/cuda/cuda_gpu.h"
#include "tests/gpu/step_bench.h"

namespace pprun::gpu {
namespace {

constexpr int kSkipped = 77;
constexpr int64_t kCopyBytes = int64_t{1} << 30;
constexpr size_t kMostRows = 45;

void Print(const std::string& path, const StepTimes& times) {
  std::printf("\n%s: loss %.4f to %.4f; a copy of 1 GiB %.0f GB/s; the smallest kernel %.2f us\n",
              path.c_str(), times.losses.front(), times.losses.back(), times.copy_rate * 1e-9,
              times.node_seconds * 1e6);
  std::printf("%6s %10s %7s %8s %8s %8s  %s\n", "count", "us alone", "of sum", "GB/s", "TFLOP/s",
              "floor", "call");
  double floor = 0;
  double launches = 0;
  for (size_t i = 0; i < times.calls.size(); ++i) {
    const CallRow& row = times.calls[i];
    const auto count = static_cast<double>(row.count);
    const double least = row.floor;
    floor += least * count;
    launches += count;
    if (i >= kMostRows) continue;
    std::printf("%6lld %10.2f %6.2f%% %8.0f %8.1f %7.1f%%  %s\n", static_cast<long long>(row.count),
                row.seconds * 1e6, 100 * row.seconds * count / times.alone,
                row.bytes / row.seconds * 1e-9, row.flops / row.seconds * 1e-12,
                100 * least / row.seconds, row.name.substr(0, 110).c_str());
  }
  std::printf("%6s %10s %10s %8s %8s  %s\n", "count", "us whole", "us alone", "of alone", "floor",
              "function: the sum of its calls alone, over the whole");
  const auto print = [&](const FunctionRow& row) {
    std::printf("%6lld %10.2f %10.2f %7.1f%% %7.1f%%  %s\n", static_cast<long long>(row.count),
                row.seconds * 1e6, row.alone * 1e6, 100 * row.alone / row.seconds,
                100 * row.floor / row.seconds, row.name.c_str());
  };
  FunctionRow block = {.name = "block: all of its functions"};
  for (const FunctionRow& row : times.functions) {
    print(row);
    if (!row.name.starts_with("block.")) continue;
    block.count = row.count;
    block.seconds += row.seconds;
    block.alone += row.alone;
    block.floor += row.floor;
  }
  if (block.count > 0) print(block);
  std::printf(
      "step %.3f ms replayed, %.3f ms its %.0f calls alone: gaps %.2f%% (so many of the smallest "
      "kernel "
      "%.3f ms, %.2f%%); floor %.3f ms, %.1f%%\n",
      times.step * 1e3, times.alone * 1e3, launches, 100 * (1 - times.alone / times.step),
      launches * times.node_seconds * 1e3, 100 * launches * times.node_seconds / times.step,
      floor * 1e3, 100 * floor / times.step);
  std::fflush(stdout);
}

int Main(int count, char** arguments) {
  const std::unique_ptr<CudaApi> cuda = OpenCuda();
  try {
    static_cast<void>(CudaGpu(*cuda, 0));
  } catch (const std::runtime_error& error) {
    std::printf("skipped: %s\n", error.what());
    return kSkipped;
  }
  int failures = 0;
  for (int i = 1; i < count; ++i) {
    try {
      const Plan plan = ReadPlanFile(arguments[i]);
      const std::vector<Finding> findings = Verify(plan);
      if (!findings.empty()) throw std::runtime_error(Render(plan, findings.front()));
      const TrainSpec& train = plan.train;
      const auto data = OpenData(train.data, train.sequence, train.vocabulary, train.seed);
      Print(arguments[i], MeasureStep(plan, *data, *cuda, kCopyBytes));
    } catch (const std::exception& error) {
      std::printf("%s: FAILED: %s\n", arguments[i], error.what());
      ++failures;
    }
  }
  return failures == 0 && count > 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace pprun::gpu

int main(int count, char** arguments) {
  try {
    return pprun::gpu::Main(count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "step_bench: error: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
