#include <algorithm>
#include <cmath>

#include "compiler/plan/base/check.h"
#include "kernels/cpu_queue.h"
#include "kernels/formulas/rotation.h"
#include "kernels/parallel.h"
#include "kernels/rope.h"
#include "kernels/vectorise.h"

namespace pprun::kernels {
namespace {

// The table is rebuilt only when the sizes change: it costs as much as the rotation itself.
const RotationTable& Rotation(const CpuQueue& queue, int64_t positions, int64_t head_width,
                              float theta) {
  RotationTable& table = queue.scratch->rotation;
  if (table.positions == positions && table.head_width == head_width && table.theta == theta)
    return table;
  const int64_t half = head_width / 2;
  table.cosine.resize(static_cast<size_t>(positions * half));
  table.sine.resize(static_cast<size_t>(positions * half));
  for (int64_t j = 0; j < half; ++j) {
    const double frequency = RotationFrequency(theta, j, head_width);
    for (int64_t position = 0; position < positions; ++position) {
      const double angle = static_cast<double>(position) * frequency;
      table.cosine[static_cast<size_t>(position * half + j)] = static_cast<float>(std::cos(angle));
      table.sine[static_cast<size_t>(position * half + j)] = static_cast<float>(std::sin(angle));
    }
  }
  table.positions = positions;
  table.head_width = head_width;
  table.theta = theta;
  return table;
}

// `direction` 1 rotates forwards, -1 back.
PPRUN_VECTORISED
void RotateHead(const float* x, float* y, const float* cosine, const float* sine, int64_t half,
                float direction) {
#pragma omp simd
  for (int64_t j = 0; j < half; ++j) {
    float low = x[j];
    float high = x[j + half];
    RotatePair(cosine[j], direction * sine[j], low, high);
    y[j] = low;
    y[j + half] = high;
  }
}

void Rotate(const CpuQueue& queue, const Tensor& x, const Tensor& y, const RopeSizes& sizes,
            float direction) {
  CHECK(x.shape.rank == 3);
  CHECK(x.shape == y.shape);
  const int64_t parts = sizes.heads + 2 * sizes.kv_heads;
  const int64_t rotated = sizes.heads + sizes.kv_heads;
  const int64_t width = x.shape[2];
  const int64_t head_width = width / parts;
  CHECK(head_width * parts == width);
  CHECK(head_width % 2 == 0);
  const int64_t half = head_width / 2;
  const int64_t positions = x.shape[1];
  const RotationTable& table = Rotation(queue, positions, head_width, sizes.theta);
  ForRanges(queue, x.shape[0] * positions, RowGrain(width), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = x.f32() + row * width;
      float* to = y.f32() + row * width;
      const int64_t angle = (row % positions) * half;
      for (int64_t head = 0; head < rotated; ++head) {
        RotateHead(from + head * head_width, to + head * head_width, table.cosine.data() + angle,
                   table.sine.data() + angle, half, direction);
      }
      if (from != to) {
        std::copy_n(from + rotated * head_width, sizes.kv_heads * head_width,
                    to + rotated * head_width);
      }
    }
  });
}

}  // namespace

void LaunchRope(const CpuQueue& queue, const Tensor& x, const Tensor& y, const RopeSizes& sizes) {
  Rotate(queue, x, y, sizes, 1.0F);
}

void LaunchRopeGrad(const CpuQueue& queue, const Tensor& dy, const Tensor& dx,
                    const RopeSizes& sizes) {
  Rotate(queue, dy, dx, sizes, -1.0F);
}

}  // namespace pprun::kernels
