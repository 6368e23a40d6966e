#include "kernels/cuda_elementwise.h"
#include "kernels/rank_sum.h"

namespace pprun::kernels {
namespace {

// Addresses travel with the launch, in constant memory.
template <class Element>
struct Addresses {
  const Element* sources[kMostRanks];
  Element* targets[kMostRanks];
  int source_count;
  int target_count;
};

// f32 and bf16, 16 bytes at a time.
template <class Element>
struct FloatSum {
  static constexpr int kWidth = kVector<Element>;
  Addresses<Element> at;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    float sum[kCount];
    Load(at.sources[0] + first, sum);
    for (int source = 1; source < at.source_count; ++source) {
      float value[kCount];
      Load(at.sources[source] + first, value);
#pragma unroll
      for (int i = 0; i < kCount; ++i) sum[i] += value[i];
    }
    for (int target = 0; target < at.target_count; ++target) Store(at.targets[target] + first, sum);
  }
};

// f64 and i32: losses and counts, a few numbers.
template <class Element>
struct PlainSum {
  static constexpr int kWidth = 1;
  Addresses<Element> at;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    Element sum = at.sources[0][first];
    for (int source = 1; source < at.source_count; ++source) sum += at.sources[source][first];
    for (int target = 0; target < at.target_count; ++target) at.targets[target][first] = sum;
  }
};

template <class Element, template <class> class Body>
void Launch(const CudaQueue& queue, std::span<const void* const> sources,
            std::span<void* const> targets, int64_t elements) {
  Body<Element> body{};
  Alignment alignment = Alignment::kSixteenBytes;
  const auto align = [&](const void* address) {
    if (!AreAligned({address})) alignment = Alignment::kElement;
  };
  for (size_t i = 0; i < sources.size(); ++i) {
    body.at.sources[i] = static_cast<const Element*>(sources[i]);
    align(sources[i]);
  }
  for (size_t i = 0; i < targets.size(); ++i) {
    body.at.targets[i] = static_cast<Element*>(targets[i]);
    align(targets[i]);
  }
  body.at.source_count = static_cast<int>(sources.size());
  body.at.target_count = static_cast<int>(targets.size());
  LaunchElementwise(queue, "rank_sum", elements, alignment, body);
}

__global__ void MarkKernel(volatile int64_t* word, int64_t value) { *word = value; }

}  // namespace

void LaunchRankSum(const CudaQueue& queue, DType dtype, std::span<const void* const> sources,
                   std::span<void* const> targets, int64_t elements) {
  CHECK(!sources.empty() && sources.size() <= kMostRanks && targets.size() <= kMostRanks);
  switch (dtype) {
    case DType::kF32:
      return Launch<float, FloatSum>(queue, sources, targets, elements);
    case DType::kBF16:
      return Launch<Bfloat16, FloatSum>(queue, sources, targets, elements);
    case DType::kF64:
      return Launch<double, PlainSum>(queue, sources, targets, elements);
    case DType::kI32:
      return Launch<uint32_t, PlainSum>(queue, sources, targets, elements);
  }
  CHECK(false);
}

void LaunchMark(const CudaQueue& queue, int64_t* word, int64_t value) {
  LaunchKernel(queue, "mark", {.blocks = 1, .threads = 1}, MarkKernel, word, value);
}

}  // namespace pprun::kernels
