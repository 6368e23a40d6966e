// Checks every CUDA kernel against the CPU's: fresh random data, ragged sizes, unaligned memory,
// outputs full of NaNs, guards around every operand, everything twice for the same bits. A plain
// program, since GPU machines may have no GoogleTest.
//
//   kernels_check [--small] [--seed N]
//
// --small leaves out the sizes of real models. Exits with 1 if anything fails, with 77 where there
// is no GPU.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
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
};

bool Parse(int count, char** arguments, Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--small") {
      options.extent = Extent::kSmall;
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

void Append(std::vector<CheckRow>& rows, std::vector<CheckRow> more) {
  std::ranges::move(more, std::back_inserter(rows));
}

int Run(const Options& options) {
  cudaStream_t stream = nullptr;
  kernels::CheckCuda(cudaStreamCreate(&stream), "cudaStreamCreate");
  int64_t failures = 0;
  size_t count = 0;
  {
    const int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    const kernels::CpuQueue cpu(threads);
    const kernels::CudaQueue cuda(stream);
    const CheckContext context = {
        .cpu = cpu, .cuda = cuda, .extent = options.extent, .seed = options.seed};
    std::vector<CheckRow> rows = CheckOperations(context);
    if (cuda.fused_attention != nullptr) {
      const kernels::CudaQueue own(stream, kernels::AttentionPolicy::kOwnKernels);
      Append(rows, CheckOwnAttention(
                       {.cpu = cpu, .cuda = own, .extent = options.extent, .seed = options.seed}));
    }
    const kernels::CudaQueue sums(stream, kernels::AttentionPolicy::kOwnKernels,
                                  kernels::BiasGradPolicy::kColumnSums);
    Append(rows, CheckOwnBiasGrad(
                     {.cpu = cpu, .cuda = sums, .extent = options.extent, .seed = options.seed}));
    Append(rows, CheckElementwise(context));
    Append(rows, CheckOptimizer(context));
    Append(rows, CheckRuntime(context));
    failures = PrintTable(rows);
    count = rows.size();
    PrintDecisions(cuda);
    std::printf("scratch memory: %.1f MiB\n",
                static_cast<double>(cuda.scratch->bytes()) / (1 << 20));
  }
  kernels::CheckCuda(cudaStreamDestroy(stream), "cudaStreamDestroy");
  if (failures == 0) {
    std::printf("all %zu rows hold\n", count);
  } else {
    std::printf("%lld of %zu rows fail; again with --seed %u\n", static_cast<long long>(failures),
                count, options.seed);
  }
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int Main(int argument_count, char** arguments) {
  Options options;
  if (!Parse(argument_count, arguments, options)) return 2;
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  if (status != cudaSuccess || devices == 0) {
    std::printf("skipped: there is no GPU: %s\n",
                status == cudaSuccess ? "no device" : cudaGetErrorString(status));
    return kSkipped;
  }
  cudaDeviceProp properties{};
  kernels::CheckCuda(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
  std::printf("%s, seed %u\n", properties.name, options.seed);
  return Run(options);
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
