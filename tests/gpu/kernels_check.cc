// Checks every CUDA kernel against the CPU's: fresh random data, ragged sizes, unaligned memory,
// outputs full of NaNs, guards around every operand, everything twice for the same bits. A plain
// program, since GPU machines may have no GoogleTest.
//
//   kernels_check [--small] [--seed N] [--in-children]
//
// --small leaves out the sizes of real models. --in-children: a row that crashes, hangs for a
// minute or leaves the GPU unusable costs itself alone (supervise.h). Exits with 1 if anything
// fails, with 77 where there is no GPU; in children that is a failure.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "kernels/cuda_check.h"
#include "tests/gpu/checks.h"

namespace pprun::gpu {
namespace {

constexpr int kSkipped = 77;

struct Options {
  Extent extent = Extent::kFull;
  uint32_t seed = std::random_device{}();
  bool in_children = false;
};

bool Parse(int count, char** arguments, Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--small") {
      options.extent = Extent::kSmall;
    } else if (argument == "--in-children") {
      options.in_children = true;
    } else if (argument == "--seed" && i + 1 < count) {
      options.seed = static_cast<uint32_t>(std::strtoul(arguments[++i], nullptr, 10));
    } else {
      std::fprintf(stderr, "kernels_check: error: unknown option `%s`\n", arguments[i]);
      return false;
    }
  }
  return true;
}

void PrintDecisions(const kernels::CudaQueue& queue) {
  for (const std::string& line : queue.products->Decisions()) std::printf("%s\n", line.c_str());
  if (queue.fused_attention == nullptr) return;
  for (const std::string& line : queue.fused_attention->Decisions())
    std::printf("%s\n", line.c_str());
}

// Every row, by the runner.
void CheckAll(const Options& options, CheckRunner& runner) {
  cudaStream_t stream = nullptr;
  kernels::CheckCuda(cudaStreamCreate(&stream), "cudaStreamCreate");
  {
    const int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    const kernels::CpuQueue cpu(threads);
    const kernels::CudaQueue cuda(stream);
    const auto context_of = [&](const kernels::CudaQueue& queue) -> CheckContext {
      return {.cpu = cpu,
              .cuda = queue,
              .extent = options.extent,
              .seed = options.seed,
              .runner = runner};
    };
    CheckOperations(context_of(cuda));
    if (cuda.fused_attention != nullptr) {
      const kernels::CudaQueue own(stream, kernels::AttentionPolicy::kOwnKernels);
      CheckOwnAttention(context_of(own));
    }
    const kernels::CudaQueue sums(stream, kernels::AttentionPolicy::kOwnKernels,
                                  kernels::BiasGradPolicy::kColumnSums);
    CheckOwnBiasGrad(context_of(sums));
    CheckElementwise(context_of(cuda));
    CheckOptimizer(context_of(cuda));
    CheckRuntime(context_of(cuda));
    PrintDecisions(cuda);
    std::printf("scratch memory: %.1f MiB\n",
                static_cast<double>(cuda.scratch->bytes()) / (1 << 20));
  }
  kernels::CheckCuda(cudaStreamDestroy(stream), "cudaStreamDestroy");
  if (runner.failures() == 0) {
    std::printf("all %d rows hold\n", runner.count());
  } else {
    std::printf("%d of %d rows fail; again with --seed %u\n", runner.failures(), runner.count(),
                options.seed);
  }
}

std::string NameOfGpu() {
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess || devices == 0) {
    std::printf("skipped: there is no GPU: %s\n",
                status == cudaSuccess ? "no device" : cudaGetErrorString(status));
    return "";
  }
  cudaDeviceProp properties{};
  kernels::CheckCuda(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  return static_cast<const char*>(properties.name);
}

int Main(int argument_count, char** arguments) {
  Options options;
  if (!Parse(argument_count, arguments, options)) return 2;
  const auto begin = [&](const std::string& gpu) {
    std::printf("%s, seed %u\n", gpu.c_str(), options.seed);
    PrintHeading();
  };
  if (!options.in_children) {
    const std::string gpu = NameOfGpu();
    if (gpu.empty()) return kSkipped;
    begin(gpu);
    CheckRunner runner;
    CheckAll(options, runner);
    return runner.failures() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  // CUDA does not survive a fork, so a child looks for the GPU.
  const int failures = Supervise({}, [&](CheckRunner& runner) {
    const std::string gpu = NameOfGpu();
    if (gpu.empty()) throw std::runtime_error("a check without a GPU");
    if (runner.is_first()) begin(gpu);
    CheckAll(options, runner);
  });
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace pprun::gpu

int main(int argument_count, char** arguments) {
  try {
    return pprun::gpu::Main(argument_count, arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kernels_check: error: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
