#include <cstring>

#include "compiler/plan/base/check.h"
#include "kernels/convert.h"
#include "kernels/cpu_queue.h"
#include "kernels/elementwise.h"
#include "kernels/parallel.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

PPRUN_VECTORISED void AddLoop(float* target, const float* source, int64_t begin, int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) target[i] += source[i];
}

PPRUN_VECTORISED void AddDoublesLoop(double* target, const double* source, int64_t begin,
                                     int64_t end) {
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) target[i] += source[i];
}

}  // namespace

void LaunchZero(const CpuQueue& queue, const Tensor& target) {
  char* bytes = static_cast<char*>(target.data);
  ForRanges(queue, target.shape.Elements() * SizeOf(target.dtype), kElementGrain * 16,
            [&](int64_t begin, int64_t end) {
              std::memset(bytes + begin, 0, static_cast<size_t>(end - begin));
            });
}

void LaunchAddInto(const CpuQueue& queue, const Tensor& target, const Tensor& source) {
  CHECK(target.dtype == source.dtype);
  CHECK(target.dtype == DType::kF32 || target.dtype == DType::kF64);
  CHECK(target.shape.Elements() == source.shape.Elements());
  ForRanges(queue, target.shape.Elements(), kElementGrain, [&](int64_t begin, int64_t end) {
    if (target.dtype == DType::kF32) {
      AddLoop(target.f32(), source.f32(), begin, end);
    } else {
      AddDoublesLoop(target.f64(), source.f64(), begin, end);
    }
  });
}

void LaunchCast(const CpuQueue& queue, const Tensor& source, const Tensor& target) {
  CHECK(target.shape.Elements() == source.shape.Elements());
  const int64_t elements = source.shape.Elements();
  if (source.dtype == target.dtype) {
    std::memmove(target.data, source.data, static_cast<size_t>(elements * SizeOf(source.dtype)));
    return;
  }
  if (source.dtype == DType::kF32) {
    CHECK(target.dtype == DType::kBF16);
    ForRanges(queue, elements, kElementGrain, [&](int64_t begin, int64_t end) {
      RoundRange(source.f32(), target.bf16(), begin, end);
    });
    return;
  }
  CHECK(source.dtype == DType::kBF16 && target.dtype == DType::kF32);
  ForRanges(queue, elements, kElementGrain, [&](int64_t begin, int64_t end) {
    WidenRange(source.bf16(), target.f32(), begin, end);
  });
}

}  // namespace pprun::kernels
