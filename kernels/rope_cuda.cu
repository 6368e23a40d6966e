// The angles are computed first, in double as on the CPU, into a small table that then stays in the
// second cache: s c / 2 cosines and sines against b s (h + 2k) c elements rotated.
#include "kernels/cuda_element.h"
#include "kernels/cuda_elementwise.h"
#include "kernels/formulas/rotation.h"
#include "kernels/rope.h"

namespace pprun::kernels {
namespace {

// Element [position, pair] of both tables.
struct Table {
  static constexpr int kWidth = 1;
  float* cosine;
  float* sine;
  float theta;
  int64_t head_width;

  template <int kCount>
  __device__ void Run(int64_t first) const {
    const int64_t half = head_width / 2;
    const int64_t position = first / half;
    const double angle = static_cast<double>(position) *
                         RotationFrequency(theta, first - position * half, head_width);
    cosine[first] = static_cast<float>(cos(angle));
    sine[first] = static_cast<float>(sin(angle));
  }
};

constexpr int kRotateThreads = 256;

struct Sizes {
  int64_t rows;  // samples times positions
  int64_t positions;
  int64_t half;     // pairs of a head
  int64_t rotated;  // heads that are rotated: queries and keys
  int64_t heads;    // with the values
  float direction;  // 1 forwards, -1 back
};

// A block takes a row, a thread kWidth pairs of a head of it; of a value head, both their halves.
template <int kWidth, class T>
__global__ void __launch_bounds__(kRotateThreads)
    RotateKernel(const Sizes sizes, const float* cosine, const float* sine, const T* x, T* y) {
  // Of 32 bits, as is what is divided by them for each piece.
  const unsigned pieces = static_cast<unsigned>(sizes.half / kWidth);
  const unsigned units = static_cast<unsigned>(sizes.heads) * pieces;
  for (int64_t row = blockIdx.x; row < sizes.rows; row += gridDim.x) {
    const int64_t angles = row % sizes.positions * sizes.half;
    const int64_t from = row * sizes.heads * 2 * sizes.half;
    for (unsigned unit = threadIdx.x; unit < units; unit += blockDim.x) {
      const unsigned head = unit / pieces;
      const int64_t pair = static_cast<int64_t>(unit - head * pieces) * kWidth;
      const int64_t low_at = from + head * 2 * sizes.half + pair;
      float low[kWidth];
      float high[kWidth];
      Load(x + low_at, low);
      Load(x + low_at + sizes.half, high);
      if (head < sizes.rotated) {
        float cosines[kWidth];
        float sines[kWidth];
        Load(cosine + angles + pair, cosines);
        Load(sine + angles + pair, sines);
#pragma unroll
        for (int i = 0; i < kWidth; ++i)
          RotatePair(cosines[i], sizes.direction * sines[i], low[i], high[i]);
      }
      Store(y + low_at, low);
      Store(y + low_at + sizes.half, high);
    }
  }
}

void Rotate(const CudaQueue& queue, const char* what, const Tensor& x, const Tensor& y,
            const RopeSizes& rope, float direction) {
  CHECK(x.shape.rank == 3);
  CHECK(x.shape == y.shape);
  const int64_t heads = rope.heads + 2 * rope.kv_heads;
  const int64_t head_width = x.shape[2] / heads;
  CHECK(head_width * heads == x.shape[2]);
  CHECK(head_width % 2 == 0);
  CHECK(x.shape[2] < int64_t{1} << 31);
  const Sizes sizes = {.rows = x.shape[0] * x.shape[1],
                       .positions = x.shape[1],
                       .half = head_width / 2,
                       .rotated = rope.heads + rope.kv_heads,
                       .heads = heads,
                       .direction = direction};
  // Both tables start on 16 bytes, whatever their size.
  const int64_t angles = CeilDivide(sizes.positions * sizes.half, 4) * 4;
  float* const cosine = ScratchOf<float>(queue, 2 * angles);
  float* const sine = cosine + angles;
  LaunchElementwise(queue, what, sizes.positions * sizes.half, Alignment::kElement,
                    Table{cosine, sine, rope.theta, head_width});
  WithElement(what, {&x, &y}, [&](auto element) {
    using T = decltype(element);
    const bool is_aligned = sizes.half % kVector<T> == 0 && AreAligned({x.data, y.data});
    const int width = is_aligned ? kVector<T> : 1;
    LaunchKernel(queue, what, RowGeometry(sizes.rows, heads * sizes.half, width, kRotateThreads),
                 is_aligned ? RotateKernel<kVector<T>, T> : RotateKernel<1, T>, sizes, cosine, sine,
                 DataOf<T>(x), DataOf<T>(y));
  });
}

}  // namespace

void LaunchRope(const CudaQueue& queue, const Tensor& x, const Tensor& y, const RopeSizes& sizes) {
  Rotate(queue, "rope", x, y, sizes, 1.0F);
}

void LaunchRopeGrad(const CudaQueue& queue, const Tensor& dy, const Tensor& dx,
                    const RopeSizes& sizes) {
  Rotate(queue, "rope_grad", dy, dx, sizes, -1.0F);
}

}  // namespace pprun::kernels
