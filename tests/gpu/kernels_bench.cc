// Times every CUDA kernel at the sizes of GPT-2 124M, against what memory and arithmetic allow.
//
//   kernels_bench [--small]
//
// A row: time, bytes that the operation must move (every operand once, accumulated ones twice) a
// second, as a share of what a device copy of 1 GiB reaches in the same run, and for products and
// attention floating-point operations a second. 32 samples of 1024 positions, so that activations
// do not stay in the second cache. --small only shows that it runs. Exits with 77 where there is no
// GPU.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cuda_check.h"
#include "kernels/cuda_queue.h"
#include "kernels/dispatch.h"
#include "kernels/elementwise.h"
#include "kernels/initialise.h"
#include "kernels/linear.h"
#include "kernels/optimizer.h"
#include "tests/gpu/call_costs.h"
#include "tests/kernels/op_types.h"

namespace pprun::gpu {
namespace {

using kernels::CheckCuda;
using kernels::CudaAllocation;
using kernels::CudaQueue;
using kernels::OpSizes;
using kernels::Tensor;

constexpr int kSkipped = 77;
// Values are made once and repeated.
constexpr int64_t kPattern = int64_t{1} << 20;

class Timer {
 public:
  explicit Timer(cudaStream_t stream) : stream_(stream) {
    CheckCuda(cudaEventCreate(&begin_), "cudaEventCreate");
    CheckCuda(cudaEventCreate(&end_), "cudaEventCreate");
  }
  ~Timer() {
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Seconds a call, the median of five groups of calls.
  double Of(int calls, const std::function<void()>& call) {
    constexpr size_t kGroups = 5;
    call();
    std::array<double, kGroups> seconds{};
    for (double& of_group : seconds) {
      CheckCuda(cudaEventRecord(begin_, stream_), "cudaEventRecord");
      for (int i = 0; i < calls; ++i) call();
      CheckCuda(cudaEventRecord(end_, stream_), "cudaEventRecord");
      CheckCuda(cudaEventSynchronize(end_), "cudaEventSynchronize");
      float milliseconds = 0;
      CheckCuda(cudaEventElapsedTime(&milliseconds, begin_, end_), "cudaEventElapsedTime");
      of_group = static_cast<double>(milliseconds) * 1e-3 / calls;
    }
    std::ranges::sort(seconds);
    return seconds[kGroups / 2];
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t begin_ = nullptr;
  cudaEvent_t end_ = nullptr;
};

class Bench {
 public:
  Bench(const CudaQueue& queue, const OpSizes& sizes, int calls)
      : queue_(queue), sizes_(sizes), calls_(calls), timer_(queue.stream), state_(64) {
    CheckCuda(cudaMemsetAsync(state_.data(), 0, 64, queue.stream), "cudaMemsetAsync");
  }

  void MeasureCopy(int64_t bytes) {
    const CudaAllocation from(bytes);
    const CudaAllocation to(bytes);
    const double seconds = timer_.Of(calls_, [&] {
      CheckCuda(cudaMemcpyAsync(to.data(), from.data(), static_cast<size_t>(bytes),
                                cudaMemcpyDeviceToDevice, queue_.stream),
                "cudaMemcpyAsync");
    });
    copy_rate_ = 2 * static_cast<double>(bytes) / seconds;
    std::printf("device copy of %.0f MiB: %.0f GB/s\n", static_cast<double>(bytes) / (1 << 20),
                copy_rate_ * 1e-9);
    std::printf("%-28s %-5s %10s %9s %8s %9s\n", "kernel", "type", "us", "GB/s", "of copy",
                "TFLOP/s");
  }

  // `queue`: this bench's, or another one of its stream, whose rows `name` tells apart.
  void MeasureOperation(OpKind kind, DType dtype, const CudaQueue& queue, const std::string& name) {
    OperationCall call = {
        .kind = kind,
        .attributes = kernels::AttributesOf(sizes_),
        .operands = {},
        .random = {.seed = 1,
                   .layer = 2,
                   .operation = 3,
                   .state = reinterpret_cast<const kernels::StepState*>(state_.data())}};
    for (const OperandSignature& signature : Signature(kind).operands) {
      TensorType type = OperandType(kind, signature.name, sizes_);
      if (type.dtype == DType::kF32 && !kernels::IsAlwaysFloat(signature.name)) type.dtype = dtype;
      call.operands.push_back(Make(type));
    }
    const double seconds = timer_.Of(calls_, [&] {
      LaunchOnCuda(queue, call.kind, call.attributes, call.operands, call.random);
    });
    const CallCosts costs = CostsOf(call);
    Print(name + std::string(Name(kind)), dtype, seconds, costs.bytes, costs.flops);
    memory_.clear();
  }

  // What the gradient of a bias adds to that of the weights: nothing asked, summed by a kernel of
  // our own, or by the product.
  void MeasureBiasGrad(const CudaQueue& own, const CudaQueue& epilogue, int64_t rows, int64_t width,
                       int64_t outputs) {
    const Tensor x = Make({DType::kBF16, {rows, width}});
    const Tensor dy = Make({DType::kBF16, {rows, outputs}});
    const Tensor dweight = Make({DType::kF32, {outputs, width}});
    const Tensor dbias = Make({DType::kF32, {outputs}});
    const double bytes =
        static_cast<double>((width + outputs) * rows * 2 + 2 * outputs * width * 4);
    const double flops = 2 * static_cast<double>(rows * width * outputs);
    const std::string sizes = std::to_string(outputs) + " x " + std::to_string(width);
    const auto measure = [&](const char* name, const CudaQueue& queue, const Tensor& bias) {
      const double seconds =
          timer_.Of(calls_, [&] { LaunchLinearWeightGrad(queue, x, dy, dweight, bias); });
      Print("dW " + sizes + ", " + name, DType::kBF16, seconds, bytes, flops);
    };
    measure("no bias", own, {});
    measure("own sums", own, dbias);
    measure("epilogue", epilogue, dbias);
    memory_.clear();
  }

  void MeasureUpdate(int64_t parameters, int64_t elements) {
    std::vector<kernels::UpdateTensors> tensors;
    std::vector<kernels::SquareSumTensors> sums;
    for (int64_t i = 0; i < parameters; ++i) {
      const TensorType type = {DType::kF32, {elements}};
      tensors.push_back({.parameter = Make(type),
                         .gradient = Make(type),
                         .first = Make(type),
                         .second = Make(type),
                         .rounded = Make({DType::kBF16, {elements}})});
      sums.push_back(
          {tensors.back().gradient, Make({DType::kF64, {kernels::NormBlocks(elements)}})});
    }
    const auto* const state = reinterpret_cast<const kernels::StepState*>(state_.data());
    const double seconds = timer_.Of(
        calls_, [&] { LaunchAdamUpdates(queue_, tensors, {}, kernels::AdamSettings{}, state); });
    const CallCosts updates = CostsOf(UpdateCall{.parameters = tensors, .factor = {}});
    Print("adam_updates", DType::kBF16, seconds, updates.bytes, 0);
    const double norm = timer_.Of(calls_, [&] { LaunchSquareSums(queue_, sums); });
    Print("square_sums", DType::kF32, norm, CostsOf(SquareSumCall{sums}).bytes, 0);
    const double cast =
        timer_.Of(calls_, [&] { LaunchCast(queue_, tensors[0].parameter, tensors[0].rounded); });
    Print("cast to bf16", DType::kF32, cast, static_cast<double>(elements) * 6, 0);
    memory_.clear();
  }

 private:
  Tensor Make(const TensorType& type) {
    memory_.push_back(std::make_unique<CudaAllocation>(type.Bytes() + 256));
    const Tensor tensor = {memory_.back()->data(), type.dtype, type.shape};
    if (type.dtype == DType::kI32) {
      std::mt19937 generator(1);
      std::vector<int32_t> values(static_cast<size_t>(type.shape.Elements()));
      for (int32_t& value : values)
        value = static_cast<int32_t>(generator() % static_cast<uint32_t>(sizes_.vocabulary));
      CheckCuda(cudaMemcpy(tensor.data, values.data(), static_cast<size_t>(type.Bytes()),
                           cudaMemcpyHostToDevice),
                "cudaMemcpy");
      return tensor;
    }
    Fill(tensor);
    return tensor;
  }

  // Normal numbers, repeated.
  void Fill(const Tensor& tensor) {
    LaunchZero(queue_, tensor);
    if (tensor.dtype == DType::kF64) return;
    const int64_t elements = tensor.shape.Elements();
    const int64_t count = std::min(elements, kPattern);
    const CudaAllocation floats(count * 4);
    const Tensor normal = {floats.data(), DType::kF32, {count}};
    LaunchInitialise(queue_, normal, {kernels::Distribution::Kind::kNormal, 1.0F}, {.seed = 1});
    LaunchCast(queue_, normal, {tensor.data, tensor.dtype, {count}});
    auto* const bytes = static_cast<std::byte*>(tensor.data);
    const int64_t size = SizeOf(tensor.dtype);
    for (int64_t at = count; at < elements; at += count) {
      const int64_t rest = std::min(count, elements - at) * size;
      CheckCuda(cudaMemcpyAsync(bytes + at * size, bytes, static_cast<size_t>(rest),
                                cudaMemcpyDeviceToDevice, queue_.stream),
                "cudaMemcpyAsync");
    }
    CheckCuda(cudaStreamSynchronize(queue_.stream), "cudaStreamSynchronize");
  }

  void Print(const std::string& name, DType dtype, double seconds, double bytes,
             double flops) const {
    std::printf("%-28s %-5s %10.1f %9.0f %7.0f%% ", name.c_str(), std::string(Name(dtype)).c_str(),
                seconds * 1e6, bytes / seconds * 1e-9, 100 * bytes / seconds / copy_rate_);
    if (flops > 0) std::printf("%9.1f", flops / seconds * 1e-12);
    std::printf("\n");
    std::fflush(stdout);
  }

  const CudaQueue& queue_;
  OpSizes sizes_;
  int calls_;
  Timer timer_;
  CudaAllocation state_;
  double copy_rate_ = 1;
  std::vector<std::unique_ptr<CudaAllocation>> memory_;
};

// What fails is told, and what follows is measured all the same.
void Attempt(const std::string& what, bool& holds, const std::function<void()>& measure) {
  try {
    measure();
  } catch (const std::exception& error) {
    std::printf("%-28s FAILED: %s\n", what.c_str(), error.what());
    std::fflush(stdout);
    holds = false;
  }
}

enum class Extent : uint8_t { kSmall, kModel };

int Run(Extent extent) {
  const bool is_small = extent == Extent::kSmall;
  bool holds = true;
  const auto attempt = [&](const std::string& what, const std::function<void()>& measure) {
    Attempt(what, holds, measure);
  };
  cudaStream_t stream = nullptr;
  CheckCuda(cudaStreamCreate(&stream), "cudaStreamCreate");
  {
    const CudaQueue queue(stream);
    const OpSizes small = {.head_width = 8};
    const OpSizes model = {.samples = 32,
                           .positions = 1024,
                           .heads = 12,
                           .kv_heads = 12,
                           .head_width = 64,
                           .outputs = 3072,
                           .vocabulary = 50304};
    Bench bench(queue, is_small ? small : model, is_small ? 1 : 10);
    bench.MeasureCopy(is_small ? 4096 : int64_t{1} << 30);
    for (const OpKind kind : kernels::AllOpKinds()) {
      for (const DType dtype : {DType::kBF16, DType::kF32})
        attempt(std::string(Name(kind)), [&] { bench.MeasureOperation(kind, dtype, queue, ""); });
    }
    if (queue.fused_attention != nullptr) {
      // What the library is worth, and what the same bits every time cost.
      const CudaQueue own(stream, kernels::AttentionPolicy::kOwnKernels);
      const CudaQueue any(stream, kernels::AttentionPolicy::kAnyOrder);
      const auto measure = [&](OpKind kind, const CudaQueue& with, const std::string& name) {
        attempt(name + std::string(Name(kind)),
                [&] { bench.MeasureOperation(kind, DType::kBF16, with, name); });
      };
      measure(OpKind::kAttention, own, "own ");
      measure(OpKind::kAttentionGrad, own, "own ");
      measure(OpKind::kAttentionGrad, any, "any order ");
      for (const std::string& line : queue.fused_attention->Decisions())
        std::printf("%s\n", line.c_str());
    }
    const CudaQueue sums(stream, kernels::AttentionPolicy::kOwnKernels,
                         kernels::BiasGradPolicy::kColumnSums);
    const int64_t rows = is_small ? 64 : int64_t{32} * 1024;
    const int64_t unit = is_small ? 8 : 768;
    for (const auto& [width, outputs] : {std::array{1, 3}, {1, 1}, {1, 4}, {4, 1}}) {
      attempt("dW", [&, width = width, outputs = outputs] {
        bench.MeasureBiasGrad(sums, queue, rows, width * unit, outputs * unit);
      });
    }
    for (const std::string& line : queue.products->Decisions()) std::printf("%s\n", line.c_str());
    attempt("adam_updates",
            [&] { bench.MeasureUpdate(is_small ? 3 : 50, is_small ? 100 : int64_t{768} * 3072); });
  }
  CheckCuda(cudaStreamDestroy(stream), "cudaStreamDestroy");
  return holds ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace pprun::gpu

int main(int argument_count, char** arguments) {
  try {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
      std::printf("skipped: there is no GPU\n");
      return pprun::gpu::kSkipped;
    }
    const bool is_small = argument_count == 2 && std::string_view(arguments[1]) == "--small";
    if (argument_count > 1 && !is_small) {
      std::fprintf(stderr, "kernels_bench: error: the only option is `--small`\n");
      return 2;
    }
    return pprun::gpu::Run(is_small ? pprun::gpu::Extent::kSmall : pprun::gpu::Extent::kModel);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kernels_bench: error: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
