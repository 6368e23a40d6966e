// Updates of many parameters are one launch: the tensors' addresses are the kernel's parameters,
// and a block finds the tensor that its elements belong to. What changes from step to step is read
// on the device, by a kernel of one thread that leaves the scalars of the step in scratch memory.
#include <algorithm>
#include <cmath>

#include "kernels/cuda_element.h"
#include "kernels/cuda_elementwise.h"
#include "kernels/cuda_launch.h"
#include "kernels/cuda_vector.h"
#include "kernels/optimizer.h"

namespace pprun::kernels {
namespace {

constexpr int kSumThreads = 512;
constexpr int kSumWarps = kSumThreads / kWarp;

// A block takes a block of the norm.
template <int kWidth>
__global__ void __launch_bounds__(kSumThreads)
    SquareSumKernel(int64_t elements, int64_t blocks, const float* gradient, double* partials) {
  __shared__ double parts[kSumWarps];
  for (int64_t block = blockIdx.x; block < blocks; block += gridDim.x) {
    const float* const from = gradient + block * kNormBlock;
    const int64_t left = elements - block * kNormBlock;
    const int64_t count = left < kNormBlock ? left : kNormBlock;
    const int64_t pieces = count / kWidth;
    double sum = 0;
#pragma unroll 4
    for (int64_t piece = threadIdx.x; piece < pieces; piece += kSumThreads) {
      float value[kWidth];
      Load(from + piece * kWidth, value);
#pragma unroll
      for (int i = 0; i < kWidth; ++i)
        sum += static_cast<double>(value[i]) * static_cast<double>(value[i]);
    }
    const int64_t rest = pieces * kWidth + threadIdx.x;
    if (rest < count) sum += static_cast<double>(from[rest]) * static_cast<double>(from[rest]);
    sum = BlockSum(sum, parts);
    if (threadIdx.x == 0) partials[block] = sum;
  }
}

// One block; the order of the additions depends on the count alone.
__global__ void __launch_bounds__(kSumThreads)
    ClipFactorKernel(int64_t count, const double* partials, const int32_t* order, float max_norm,
                     float* factor, float* norm) {
  __shared__ double parts[kSumWarps];
  double sum = 0;
#pragma unroll 4
  for (int64_t i = threadIdx.x; i < count; i += kSumThreads)
    sum += partials[order == nullptr ? i : order[i]];
  sum = BlockSum(sum, parts);
  if (threadIdx.x == 0) {
    const Clipping clipping = ClippingOf(sum, max_norm);
    *norm = clipping.norm;
    *factor = clipping.factor;
  }
}

struct PlainSgd {
  static constexpr int kWidth = 4;
  const float* gradient;
  float* parameter;
  Bfloat16* rounded;  // may be null
  SgdScalars scalars;
  const StepState* state;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    SgdScalars now = scalars;
    now.learning_rate = state->learning_rate;
    float g[kCount];
    float p[kCount];
    Load(gradient + first, g);
    Load(parameter + first, p);
#pragma unroll
    for (int i = 0; i < kCount; ++i) PlainSgdElement(now, g[i], p[i]);
    Store(parameter + first, p);
    if (rounded != nullptr) Store(rounded + first, p);
  }
};

struct Sgd {
  static constexpr int kWidth = 4;
  const float* gradient;
  float* parameter;
  float* momentum;
  Bfloat16* rounded;  // may be null
  SgdScalars scalars;
  const StepState* state;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    SgdScalars now = scalars;
    now.learning_rate = state->learning_rate;
    float g[kCount];
    float p[kCount];
    float m[kCount];
    Load(gradient + first, g);
    Load(parameter + first, p);
    Load(momentum + first, m);
#pragma unroll
    for (int i = 0; i < kCount; ++i) SgdElement(now, g[i], p[i], m[i]);
    Store(parameter + first, p);
    Store(momentum + first, m);
    if (rounded != nullptr) Store(rounded + first, p);
  }
};

// Elements that a block of the update takes.
constexpr int64_t kUpdateElements = 4096;
// The table stays below the 4 KiB that a kernel's parameters may take everywhere.
constexpr int kTableTensors = 48;

struct TableEntry {
  float* parameter;
  const float* gradient;
  float* first;
  float* second;
  Bfloat16* rounded;  // may be null
  int64_t elements;
  int64_t first_block;
  AdamTensors::Decay decay;
};

struct Table {
  TableEntry entries[kTableTensors];
  int count = 0;
  int64_t blocks = 0;
};
static_assert(sizeof(Table) <= 4000);

// The step's scalars with decay and without.
struct StepScalars {
  AdamScalars decayed;
  AdamScalars kept;
};

__global__ void AdamScalarsKernel(AdamSettings settings, const StepState* state, StepScalars* to) {
  to->decayed = AdamScalarsOf(settings, *state);
  settings.weight_decay = 0;
  to->kept = AdamScalarsOf(settings, *state);
}

template <int kWidth>
__device__ __forceinline__ void UpdatePiece(const AdamScalars& scalars, const TableEntry& entry,
                                            int64_t at) {
  float g[kWidth];
  float p[kWidth];
  float m[kWidth];
  float v[kWidth];
  Load(entry.gradient + at, g);
  Load(entry.parameter + at, p);
  Load(entry.first + at, m);
  Load(entry.second + at, v);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) AdamElement(scalars, g[i], p[i], m[i], v[i]);
  Store(entry.parameter + at, p);
  Store(entry.first + at, m);
  Store(entry.second + at, v);
  if (entry.rounded != nullptr) Store(entry.rounded + at, p);
}

template <int kWidth>
__global__ void __launch_bounds__(kElementThreads)
    AdamKernel(const Table table, const StepScalars* step) {
  for (int64_t block = blockIdx.x; block < table.blocks; block += gridDim.x) {
    int index = 0;
    while (index + 1 < table.count && table.entries[index + 1].first_block <= block) ++index;
    const TableEntry& entry = table.entries[index];
    const AdamScalars scalars =
        entry.decay == AdamTensors::Decay::kYes ? step->decayed : step->kept;
    const int64_t begin = (block - entry.first_block) * kUpdateElements;
    const int64_t left = entry.elements - begin;
    const int64_t count = left < kUpdateElements ? left : kUpdateElements;
    const int64_t pieces = count / kWidth;
    for (int64_t piece = threadIdx.x; piece < pieces; piece += kElementThreads)
      UpdatePiece<kWidth>(scalars, entry, begin + piece * kWidth);
    const int64_t rest = pieces * kWidth + threadIdx.x;
    if (rest < count) UpdatePiece<1>(scalars, entry, begin + rest);
  }
}

void CheckTensors(const AdamTensors& tensors) {
  const int64_t elements = tensors.parameter.shape.Elements();
  for (const Tensor* const tensor :
       {&tensors.parameter, &tensors.gradient, &tensors.first, &tensors.second}) {
    CHECK(tensor->shape.Elements() == elements);
    RequireType("adam_update", *tensor, DType::kF32);
  }
  CHECK(!tensors.rounded || tensors.rounded.shape.Elements() == elements);
  RequireType("adam_update", tensors.rounded, DType::kBF16);
}

}  // namespace

void LaunchSquareSum(const CudaQueue& queue, const Tensor& gradient, const Tensor& partials) {
  const int64_t elements = gradient.shape.Elements();
  const int64_t blocks = NormBlocks(elements);
  CHECK(partials.shape.Elements() == blocks);
  RequireType("square_sum", gradient, DType::kF32);
  RequireType("square_sum", partials, DType::kF64);
  const Geometry geometry = {.blocks = std::min(blocks, kMostBlocks), .threads = kSumThreads};
  LaunchKernel(queue, "square_sum", geometry,
               AreAligned({gradient.data}) ? SquareSumKernel<4> : SquareSumKernel<1>, elements,
               blocks, gradient.f32(), partials.f64());
}

void LaunchClipFactor(const CudaQueue& queue, const Tensor& partials, const Tensor& order,
                      float max_norm, const Tensor& factor, const Tensor& norm) {
  RequireType("clip_factor", partials, DType::kF64);
  RequireType("clip_factor", order, DType::kI32);
  RequireType("clip_factor", factor, DType::kF32);
  RequireType("clip_factor", norm, DType::kF32);
  const int64_t count = order ? order.shape.Elements() : partials.shape.Elements();
  LaunchKernel(queue, "clip_factor", {.blocks = 1, .threads = kSumThreads}, ClipFactorKernel, count,
               partials.f64(), order.i32(), max_norm, factor.f32(), norm.f32());
}

void LaunchSgdUpdate(const CudaQueue& queue, const Tensor& parameter, const Tensor& gradient,
                     const Tensor& momentum, const Tensor& rounded, const SgdSettings& settings,
                     const StepState* state) {
  const int64_t elements = parameter.shape.Elements();
  CHECK(gradient.shape.Elements() == elements);
  CHECK(!rounded || rounded.shape.Elements() == elements);
  CHECK(momentum ? momentum.shape.Elements() == elements : settings.momentum == 0.0F);
  for (const Tensor* const tensor : {&parameter, &gradient, &momentum})
    RequireType("sgd_update", *tensor, DType::kF32);
  RequireType("sgd_update", rounded, DType::kBF16);
  const SgdScalars scalars = {0.0F, settings.momentum, settings.weight_decay};
  const Alignment alignment =
      AlignmentOfAll({parameter.data, gradient.data, momentum.data, rounded.data});
  if (momentum) {
    LaunchElementwise(
        queue, "sgd_update", elements, alignment,
        Sgd{gradient.f32(), parameter.f32(), momentum.f32(), rounded.bf16(), scalars, state});
  } else {
    LaunchElementwise(queue, "sgd_update", elements, alignment,
                      PlainSgd{gradient.f32(), parameter.f32(), rounded.bf16(), scalars, state});
  }
}

void LaunchAdamUpdate(const CudaQueue& queue, const Tensor& parameter, const Tensor& gradient,
                      const Tensor& first, const Tensor& second, const Tensor& rounded,
                      const AdamSettings& settings, const StepState* state) {
  const AdamTensors tensors = {parameter, gradient, first, second, rounded};
  LaunchAdamUpdates(queue, {&tensors, 1}, settings, state);
}

void LaunchAdamUpdates(const CudaQueue& queue, std::span<const AdamTensors> parameters,
                       const AdamSettings& settings, const StepState* state) {
  StepScalars* const scalars = ScratchOf<StepScalars>(queue, 1);
  LaunchKernel(queue, "adam_update", {.blocks = 1, .threads = 1}, AdamScalarsKernel, settings,
               state, scalars);
  while (!parameters.empty()) {
    Table table{};
    bool is_aligned = true;
    for (; table.count < kTableTensors && !parameters.empty(); parameters = parameters.subspan(1)) {
      const AdamTensors& tensors = parameters.front();
      CheckTensors(tensors);
      const int64_t elements = tensors.parameter.shape.Elements();
      is_aligned =
          is_aligned && AreAligned({tensors.parameter.data, tensors.gradient.data,
                                    tensors.first.data, tensors.second.data, tensors.rounded.data});
      table.entries[table.count++] = {tensors.parameter.f32(),
                                      tensors.gradient.f32(),
                                      tensors.first.f32(),
                                      tensors.second.f32(),
                                      tensors.rounded.bf16(),
                                      elements,
                                      table.blocks,
                                      tensors.decay};
      table.blocks += CeilDivide(elements, kUpdateElements);
    }
    LaunchKernel(queue, "adam_update",
                 {.blocks = std::min(table.blocks, kMostBlocks), .threads = kElementThreads},
                 is_aligned ? AdamKernel<4> : AdamKernel<1>, table, scalars);
  }
}

}  // namespace pprun::kernels
