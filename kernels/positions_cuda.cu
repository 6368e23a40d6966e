// A thread takes a few elements of a position and all samples of them, so that the table, and its
// gradient, are touched once.
#include "kernels/cuda_element.h"
#include "kernels/cuda_elementwise.h"
#include "kernels/positions.h"

namespace pprun::kernels {
namespace {

template <class T>
struct Forward {
  static constexpr int kWidth = kVector<T>;
  int64_t samples;
  int64_t elements;  // of a sample
  const T* x;
  const T* table;
  T* y;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    float position[kCount];
    Load(table + first, position);
    // y may be x, for all that the compiler knows: what is to be under way together is loaded
    // before anything is stored.
    int64_t sample = 0;
#pragma unroll 1
    for (; sample + kBatch <= samples; sample += kBatch) Add<kBatch>(sample, first, position);
#pragma unroll 1
    for (; sample < samples; ++sample) Add<1>(sample, first, position);
  }

 private:
  static constexpr int kBatch = 4;

  template <int kSamples, int kCount>
  __device__ void Add(int64_t sample, int64_t first, const float (&position)[kCount]) const {
    float value[kSamples][kCount];
#pragma unroll
    for (int s = 0; s < kSamples; ++s) Load(x + (sample + s) * elements + first, value[s]);
#pragma unroll
    for (int s = 0; s < kSamples; ++s) {
#pragma unroll
      for (int i = 0; i < kCount; ++i) value[s][i] += position[i];
      Store(y + (sample + s) * elements + first, value[s]);
    }
  }
};

template <class T>
struct WeightGrad {
  static constexpr int kWidth = kVector<T>;
  int64_t samples;
  int64_t elements;
  const T* dy;
  float* dtable;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    float sum[kCount];
    Load(dtable + first, sum);
#pragma unroll 4
    for (int64_t sample = 0; sample < samples; ++sample) {
      float value[kCount];
      Load(dy + sample * elements + first, value);
#pragma unroll
      for (int i = 0; i < kCount; ++i) sum[i] += value[i];
    }
    Store(dtable + first, sum);
  }
};

// All samples start on 16 bytes.
template <class T>
Alignment AlignmentOfSamples(int64_t elements, std::initializer_list<const void*> pointers) {
  return elements % kVector<T> == 0 ? AlignmentOfAll(pointers) : Alignment::kElement;
}

}  // namespace

void LaunchPositions(const CudaQueue& queue, const Tensor& x, const Tensor& table,
                     const Tensor& y) {
  CHECK(x.shape.rank == 3);
  CHECK(x.shape == y.shape);
  CHECK(table.shape[0] >= x.shape[1]);
  CHECK(table.shape[1] == x.shape[2]);
  const int64_t elements = x.shape[1] * x.shape[2];
  WithElement("positions", {&x, &table, &y}, [&](auto element) {
    using T = decltype(element);
    LaunchElementwise(
        queue, "positions", elements, AlignmentOfSamples<T>(elements, {x.data, table.data, y.data}),
        Forward<T>{x.shape[0], elements, DataOf<T>(x), DataOf<T>(table), DataOf<T>(y)});
  });
}

void LaunchPositionsWeightGrad(const CudaQueue& queue, const Tensor& dy, const Tensor& dtable) {
  CHECK(dy.shape.rank == 3);
  CHECK(dtable.shape[0] >= dy.shape[1]);
  CHECK(dtable.shape[1] == dy.shape[2]);
  RequireType("positions_weight_grad", dtable, DType::kF32);
  const int64_t elements = dy.shape[1] * dy.shape[2];
  WithElement("positions_weight_grad", {&dy}, [&](auto element) {
    using T = decltype(element);
    LaunchElementwise(queue, "positions_weight_grad", elements,
                      AlignmentOfSamples<T>(elements, {dy.data, dtable.data}),
                      WeightGrad<T>{dy.shape[0], elements, DataOf<T>(dy), dtable.f32()});
  });
}

}  // namespace pprun::kernels
