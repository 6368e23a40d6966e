// Many parameters are one launch: the tensors' addresses are the kernel's parameters, and a block
// finds the tensor that its elements belong to. What changes from step to step is read on the
// device, by a kernel of one thread that leaves the scalars of the step in scratch memory.
#include <algorithm>
#include <cmath>

#include "kernels/cuda_element.h"
#include "kernels/cuda_launch.h"
#include "kernels/cuda_vector.h"
#include "kernels/optimizer.h"

namespace pprun::kernels {
namespace {

constexpr int kSumThreads = 512;
constexpr int kSumWarps = kSumThreads / kWarp;

// What a launch works on: as many tensors as stay below the 4 KiB that a kernel's parameters may
// take everywhere. An entry says which block of the grid is its first.
template <class Entry>
struct Table {
  static constexpr int kMost = static_cast<int>(4000 / sizeof(Entry));
  Entry entries[kMost];
  int count = 0;
  int64_t blocks = 0;
};

// Calls launch(table, aligned) for as many tables as the operands need; append(operand, table) adds
// one and says whether its memory may be accessed 16 bytes at a time.
template <class Entry, class Operand, class Append, class Launch>
void ForEachTable(std::span<const Operand> operands, const Append& append, const Launch& launch) {
  while (!operands.empty()) {
    Table<Entry> table{};
    bool is_aligned = true;
    for (; table.count < table.kMost && !operands.empty(); operands = operands.subspan(1)) {
      is_aligned = append(operands.front(), table) && is_aligned;
    }
    launch(table, is_aligned);
  }
}

// The entry that a block of the grid works on: the last that does not begin after it.
template <class Entry>
__device__ __forceinline__ int EntryOf(const Table<Entry>& table, int64_t block) {
  int low = 0;
  int high = table.count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (table.entries[middle].first_block <= block ? low : high) = middle;
  }
  return low;
}

struct SquareSumEntry {
  const float* gradient;
  double* partials;
  int64_t elements;
  int64_t first_block;
};

// A block takes a block of the norm.
template <int kWidth>
__global__ void __launch_bounds__(kSumThreads)
    SquareSumKernel(const __grid_constant__ Table<SquareSumEntry> table) {
  __shared__ double parts[kSumWarps];
  for (int64_t at = blockIdx.x; at < table.blocks; at += gridDim.x) {
    const SquareSumEntry& entry = table.entries[EntryOf(table, at)];
    const int64_t block = at - entry.first_block;
    const float* const from = entry.gradient + block * kNormBlock;
    const int64_t left = entry.elements - block * kNormBlock;
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
    if (threadIdx.x == 0) entry.partials[block] = sum;
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

// An optimizer's rule: how many moments it keeps, and an element's step.
struct PlainSgdRule {
  using Settings = SgdSettings;
  using Scalars = SgdScalars;
  static constexpr int kMoments = 0;
  static __device__ __forceinline__ void Step(const Scalars& scalars, float gradient,
                                              float& parameter, float&, float&) {
    PlainSgdElement(scalars, gradient, parameter);
  }
};

struct SgdRule : PlainSgdRule {
  static constexpr int kMoments = 1;
  static __device__ __forceinline__ void Step(const Scalars& scalars, float gradient,
                                              float& parameter, float& momentum, float&) {
    SgdElement(scalars, gradient, parameter, momentum);
  }
};

struct AdamRule {
  using Settings = AdamSettings;
  using Scalars = AdamScalars;
  static constexpr int kMoments = 2;
  static __device__ __forceinline__ void Step(const Scalars& scalars, float gradient,
                                              float& parameter, float& first, float& second) {
    AdamElement(scalars, gradient, parameter, first, second);
  }
};

// Elements that a block of the update takes.
constexpr int64_t kUpdateElements = 4096;

struct UpdateEntry {
  float* parameter;
  const float* gradient;
  float* first;
  float* second;
  Bfloat16* rounded;  // may be null
  int64_t elements;
  int64_t first_block;
  UpdateTensors::Decay decay;
};

// The step's scalars with decay and without.
template <class Rule>
struct StepScalars {
  typename Rule::Scalars decayed;
  typename Rule::Scalars kept;
};

template <class Rule>
__global__ void StepScalarsKernel(typename Rule::Settings settings, const StepState* state,
                                  const float* factor, StepScalars<Rule>* to) {
  const float by = factor == nullptr ? 1.0F : *factor;
  to->decayed = ScalarsOf(settings, *state, by);
  settings.weight_decay = 0;
  to->kept = ScalarsOf(settings, *state, by);
}

template <class Rule, int kWidth>
__device__ __forceinline__ void UpdatePiece(const typename Rule::Scalars& scalars,
                                            const UpdateEntry& entry, int64_t at) {
  float g[kWidth];
  float p[kWidth];
  float m[kWidth];
  float v[kWidth];
  Load(entry.gradient + at, g);
  Load(entry.parameter + at, p);
  if constexpr (Rule::kMoments > 0) Load(entry.first + at, m);
  if constexpr (Rule::kMoments > 1) Load(entry.second + at, v);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) Rule::Step(scalars, g[i], p[i], m[i], v[i]);
  Store(entry.parameter + at, p);
  if constexpr (Rule::kMoments > 0) Store(entry.first + at, m);
  if constexpr (Rule::kMoments > 1) Store(entry.second + at, v);
  if (entry.rounded != nullptr) Store(entry.rounded + at, p);
}

template <class Rule, int kWidth>
__global__ void __launch_bounds__(kElementThreads)
    UpdateKernel(const __grid_constant__ Table<UpdateEntry> table, const StepScalars<Rule>* step) {
  for (int64_t block = blockIdx.x; block < table.blocks; block += gridDim.x) {
    const UpdateEntry& entry = table.entries[EntryOf(table, block)];
    const typename Rule::Scalars scalars =
        entry.decay == UpdateTensors::Decay::kYes ? step->decayed : step->kept;
    const int64_t begin = (block - entry.first_block) * kUpdateElements;
    const int64_t left = entry.elements - begin;
    const int64_t count = left < kUpdateElements ? left : kUpdateElements;
    const int64_t pieces = count / kWidth;
    for (int64_t piece = threadIdx.x; piece < pieces; piece += kElementThreads)
      UpdatePiece<Rule, kWidth>(scalars, entry, begin + piece * kWidth);
    const int64_t rest = pieces * kWidth + threadIdx.x;
    if (rest < count) UpdatePiece<Rule, 1>(scalars, entry, begin + rest);
  }
}

// As many launches as tables are needed, and one for the step's scalars.
template <class Rule>
void LaunchUpdates(const CudaQueue& queue, const char* what,
                   std::span<const UpdateTensors> parameters, const Tensor& factor,
                   const typename Rule::Settings& settings, const StepState* state) {
  RequireType(what, factor, DType::kF32);
  auto* const scalars = ScratchOf<StepScalars<Rule>>(queue, 1);
  LaunchKernel(queue, what, {.blocks = 1, .threads = 1}, StepScalarsKernel<Rule>, settings, state,
               factor.f32(), scalars);
  const auto append = [&](const UpdateTensors& tensors, Table<UpdateEntry>& table) {
    const auto& [parameter, gradient, first, second, rounded, decay] = tensors;
    CheckUpdate(tensors, Rule::kMoments);
    for (const Tensor* const tensor : {&parameter, &gradient, &first, &second})
      RequireType(what, *tensor, DType::kF32);
    RequireType(what, rounded, DType::kBF16);
    const int64_t elements = parameter.shape.Elements();
    table.entries[table.count++] = {.parameter = parameter.f32(),
                                    .gradient = gradient.f32(),
                                    .first = first.f32(),
                                    .second = second.f32(),
                                    .rounded = rounded.bf16(),
                                    .elements = elements,
                                    .first_block = table.blocks,
                                    .decay = decay};
    table.blocks += CeilDivide(elements, kUpdateElements);
    return AreAligned({parameter.data, gradient.data, first.data, second.data, rounded.data});
  };
  ForEachTable<UpdateEntry>(parameters, append, [&](const auto& table, bool is_aligned) {
    LaunchKernel(queue, what,
                 {.blocks = std::min(table.blocks, kMostBlocks), .threads = kElementThreads},
                 is_aligned ? UpdateKernel<Rule, 4> : UpdateKernel<Rule, 1>, table, scalars);
  });
}

}  // namespace

void LaunchSquareSums(const CudaQueue& queue, std::span<const SquareSumTensors> gradients) {
  const auto append = [](const SquareSumTensors& tensors, Table<SquareSumEntry>& table) {
    const auto& [gradient, partials] = tensors;
    const int64_t elements = gradient.shape.Elements();
    const int64_t blocks = NormBlocks(elements);
    CHECK(partials.shape.Elements() == blocks);
    RequireType("square_sum", gradient, DType::kF32);
    RequireType("square_sum", partials, DType::kF64);
    table.entries[table.count++] = {.gradient = gradient.f32(),
                                    .partials = partials.f64(),
                                    .elements = elements,
                                    .first_block = table.blocks};
    table.blocks += blocks;
    return AreAligned({gradient.data});
  };
  ForEachTable<SquareSumEntry>(gradients, append, [&](const auto& table, bool is_aligned) {
    LaunchKernel(queue, "square_sum",
                 {.blocks = std::min(table.blocks, kMostBlocks), .threads = kSumThreads},
                 is_aligned ? SquareSumKernel<4> : SquareSumKernel<1>, table);
  });
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

void LaunchSgdUpdates(const CudaQueue& queue, std::span<const UpdateTensors> parameters,
                      const Tensor& factor, const SgdSettings& settings, const StepState* state) {
  if (settings.momentum == 0.0F) {
    LaunchUpdates<PlainSgdRule>(queue, "sgd_update", parameters, factor, settings, state);
  } else {
    LaunchUpdates<SgdRule>(queue, "sgd_update", parameters, factor, settings, state);
  }
}

void LaunchAdamUpdates(const CudaQueue& queue, std::span<const UpdateTensors> parameters,
                       const Tensor& factor, const AdamSettings& settings, const StepState* state) {
  LaunchUpdates<AdamRule>(queue, "adam_update", parameters, factor, settings, state);
}

}  // namespace pprun::kernels
