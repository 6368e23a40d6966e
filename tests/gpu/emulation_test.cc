// The emulated GPU itself: that it computes what CUDA and the PTX manual say, and that it finds
// what it is there to find.
#include "emulation.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "kernels/cuda_launch.h"
#include "kernels/cuda_vector.h"

namespace pprun::kernels {
namespace {

enum class Barrier : uint8_t { kMissing, kThere };

// Thread t reads what thread 63 - t wrote.
template <Barrier kBarrier>
__global__ void ReverseKernel(int* values) {
  __shared__ int shared[64];
  shared[threadIdx.x] = -1;
  __syncthreads();
  shared[threadIdx.x] = static_cast<int>(threadIdx.x);
  if constexpr (kBarrier == Barrier::kThere) __syncthreads();
  values[threadIdx.x] = shared[63 - threadIdx.x];
}

// Thread t reads what thread t + 1 copied: 16 bytes, or zeros.
template <Barrier kWait>
__global__ void CopyKernel(const uint4* from, uint4* to) {
  uint4* const shared = reinterpret_cast<uint4*>(DynamicShared());
  StartCopy(shared + threadIdx.x, from + threadIdx.x, threadIdx.x % 2 == 0 ? 16 : 0);
  if constexpr (kWait == Barrier::kThere) AwaitCopies();
  __syncthreads();
  to[threadIdx.x] = shared[(threadIdx.x + 1) % kWarp];
}

__global__ void SumKernel(double* sums) {
  __shared__ double parts[4];
  const double sum = BlockSum(static_cast<double>(threadIdx.x), parts);
  sums[blockIdx.x * blockDim.x + threadIdx.x] = sum + WarpSum(1.0);
}

__global__ void DivergentKernel() {
  if (threadIdx.x % 2 == 0) __syncwarp();
}

// c[16, 8] = a[16, 16] b[8, 16]^T, both in shared memory, as attention computes scores; then
// d[16, 16] += c, as a left operand, times the first 8 rows of b and zeros.
__global__ void MatrixKernel(const float* a, const float* b, float* c, float* d) {
  Bfloat16* const left = reinterpret_cast<Bfloat16*>(DynamicShared());
  Bfloat16* const right = left + 256;
  for (unsigned i = threadIdx.x; i < 256; i += kWarp) {
    left[i] = FromFloat<Bfloat16>(a[i]);
    right[i] = FromFloat<Bfloat16>(i < 128 ? b[i] : 0.0F);
  }
  __syncthreads();
  const unsigned lane = threadIdx.x;
  uint32_t x[4];
  uint32_t y[4];
  float sum[4] = {};
  LoadMatrices(left + lane % 16 * 16 + lane / 16 * 8, x);
  LoadMatrices(right + (lane / 16 * 8 + lane % 8) * 16 + lane / 8 % 2 * 8, y);
  MultiplyMatrices(sum, x, y[0], y[1]);
  for (unsigned i = 0; i < 4; ++i) c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sum[i];
  const uint32_t scores[4] = {PackBfloat16(sum[0], sum[1]), PackBfloat16(sum[2], sum[3]), 0, 0};
  uint32_t z[4];
  LoadMatricesTransposed(right + lane % 16 * 16 + lane / 16 * 8, z);
  for (unsigned half = 0; half < 2; ++half) {
    float product[4] = {};
    MultiplyMatrices(product, scores, z[2 * half], z[2 * half + 1]);
    for (unsigned i = 0; i < 4; ++i)
      d[(lane / 4 + i / 2 * 8) * 16 + half * 8 + lane % 4 * 2 + i % 2] = product[i];
  }
}

class Emulation : public testing::Test {
 protected:
  ~Emulation() override { emulation::SetOrder(emulation::Order::kAscending); }

  template <Barrier kBarrier>
  bool ReversesIn(emulation::Order order) {
    emulation::SetOrder(order);
    std::vector<int> values(64);
    LaunchKernel(queue_, "reverse", {.blocks = 1, .threads = 64}, ReverseKernel<kBarrier>,
                 values.data());
    for (int i = 0; i < 64; ++i) {
      if (values[static_cast<size_t>(i)] != 63 - i) return false;
    }
    return true;
  }

  template <Barrier kWait>
  bool CopiesIn(emulation::Order order) {
    emulation::SetOrder(order);
    std::vector<uint4> from(kWarp);
    std::vector<uint4> to(kWarp);
    for (uint32_t i = 0; i < kWarp; ++i) from[i] = make_uint4(i, 1, 2, 3);
    LaunchKernel(queue_, "copy", {.blocks = 1, .threads = kWarp, .shared_bytes = 16 * kWarp},
                 CopyKernel<kWait>, from.data(), to.data());
    for (uint32_t i = 0; i < kWarp; ++i) {
      const uint32_t source = (i + 1) % kWarp;
      const bool is_copied = source % 2 == 0;
      if (to[i].x != (is_copied ? source : 0) || to[i].w != (is_copied ? 3U : 0U)) return false;
    }
    return true;
  }

  EmulatedStream stream_;
  CudaQueue queue_{&stream_};
};

TEST_F(Emulation, FindsAMissingBarrierInOneOrderAtLeast) {
  EXPECT_TRUE(ReversesIn<Barrier::kThere>(emulation::Order::kAscending));
  EXPECT_TRUE(ReversesIn<Barrier::kThere>(emulation::Order::kDescending));
  EXPECT_FALSE(ReversesIn<Barrier::kMissing>(emulation::Order::kAscending) &&
               ReversesIn<Barrier::kMissing>(emulation::Order::kDescending));
}

TEST_F(Emulation, CopiesAtOnceOrAsLateAsAwaited) {
  EXPECT_TRUE(CopiesIn<Barrier::kThere>(emulation::Order::kAscending));
  EXPECT_TRUE(CopiesIn<Barrier::kThere>(emulation::Order::kDescending));
  EXPECT_FALSE(CopiesIn<Barrier::kMissing>(emulation::Order::kDescending));
}

TEST_F(Emulation, SharesValuesInAWarpAndABlock) {
  std::vector<double> sums(3 * 128);
  LaunchKernel(queue_, "sum", {.blocks = 3, .threads = 128}, SumKernel, sums.data());
  for (const double sum : sums) EXPECT_EQ(sum, 127 * 128 / 2 + 32);
}

TEST_F(Emulation, MultipliesMatricesAsTheManualLaysThemOut) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 generator(seed);
  std::vector<float> a(256);
  std::vector<float> b(128);
  // Small integers: bf16 holds them and their sums of products exactly.
  for (float& value : a) value = static_cast<float>(generator() % 3) - 1;
  for (float& value : b) value = static_cast<float>(generator() % 3) - 1;
  std::vector<float> c(128);
  std::vector<float> d(256);
  LaunchKernel(queue_, "matrices", {.blocks = 1, .threads = kWarp, .shared_bytes = 1024},
               MatrixKernel, a.data(), b.data(), c.data(), d.data());
  for (size_t row = 0; row < 16; ++row) {
    for (size_t column = 0; column < 8; ++column) {
      float sum = 0;
      for (size_t k = 0; k < 16; ++k) sum += a[row * 16 + k] * b[column * 16 + k];
      ASSERT_EQ(c[row * 8 + column], sum) << row << ", " << column;
    }
    for (size_t column = 0; column < 16; ++column) {
      float sum = 0;
      for (size_t k = 0; k < 8; ++k) sum += c[row * 8 + k] * b[k * 16 + column];
      ASSERT_EQ(d[row * 16 + column], sum) << row << ", " << column;
    }
  }
}

TEST_F(Emulation, EndsWhereLanesOfAWarpPart) {
  EXPECT_DEATH(LaunchKernel(queue_, "divergent", {.blocks = 1, .threads = 32}, DivergentKernel),
               "not all of its lanes");
}

// What LaunchKernel asks for is granted, up to what a GPU has.
TEST_F(Emulation, RefusesWhatAGpuWouldRefuse) {
  std::vector<int> values(64);
  Geometry geometry = {.blocks = 1, .threads = 64, .shared_bytes = 160 << 10};
  EXPECT_NO_THROW(
      LaunchKernel(queue_, "large", geometry, ReverseKernel<Barrier::kThere>, values.data()));
  geometry.shared_bytes = 164 << 10;
  EXPECT_THROW(
      LaunchKernel(queue_, "larger", geometry, ReverseKernel<Barrier::kThere>, values.data()),
      std::runtime_error);
  geometry = {.blocks = 1, .threads = 1025};
  EXPECT_THROW(
      LaunchKernel(queue_, "wide", geometry, ReverseKernel<Barrier::kThere>, values.data()),
      std::runtime_error);
}

}  // namespace
}  // namespace pprun::kernels
