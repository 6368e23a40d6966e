// The queue's memory, and what launchers refuse, on the emulated GPU.
#include "kernels/cuda_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <stdexcept>
#include <string>

#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/layer_norm.h"

namespace pprun::kernels {
namespace {

class Queue : public testing::Test {
 protected:
  EmulatedStream stream_;
  CudaQueue queue_{&stream_};
};

using Scratch = Queue;
using Refusal = Queue;

TEST_F(Scratch, GrowsOnceAndKeepsWhatWorkMayStillUse) {
  std::byte* const first = queue_.scratch->AtLeast(1000);
  EXPECT_EQ(queue_.scratch->AtLeast(kProductWorkspace), first);
  std::byte* const second = queue_.scratch->AtLeast(kProductWorkspace + 1);
  EXPECT_NE(second, first);
  EXPECT_EQ(queue_.scratch->AtLeast(1), second);
  EXPECT_EQ(queue_.scratch->bytes(), 3 * kProductWorkspace);
}

TEST_F(Scratch, NeverGrowsInACapture) {
  stream_.capture = cudaStreamCaptureStatusActive;
  EXPECT_THROW(queue_.scratch->AtLeast(1), std::runtime_error);
  stream_.capture = cudaStreamCaptureStatusNone;
  std::byte* const memory = queue_.scratch->AtLeast(5000);
  stream_.capture = cudaStreamCaptureStatusActive;
  EXPECT_EQ(queue_.scratch->AtLeast(5000), memory);
}

std::string MessageOf(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_F(Refusal, NamesTheTypeThatCudaDoesNotCompute) {
  std::array<double, 4> memory{};
  const Tensor x = {memory.data(), DType::kF64, {4}};
  EXPECT_EQ(MessageOf([&] { LaunchGelu(queue_, x, x); }),
            "`gelu` on CUDA computes in f32 or bf16, not in f64");
  const Tensor y = {memory.data(), DType::kF32, {4}};
  EXPECT_EQ(MessageOf([&] { LaunchGelu(queue_, y, x); }),
            "`gelu` on CUDA takes operands of one type, not f32 and f64");
}

TEST_F(Refusal, KeepsStatisticsInFloats) {
  std::array<double, 8> memory{};
  const Tensor x = {memory.data(), DType::kBF16, {2, 4}};
  const Tensor vector = {memory.data(), DType::kBF16, {4}};
  const Tensor mean = {memory.data(), DType::kBF16, {2}};
  EXPECT_EQ(MessageOf([&] { LaunchLayerNorm(queue_, x, vector, vector, x, mean, mean, 1e-5F); }),
            "`layer_norm` on CUDA takes f32 here, not bf16");
}

TEST_F(Refusal, NamesHeadsThatAreTooWide) {
  std::array<double, 1024> memory{};
  const Tensor qkv = {memory.data(), DType::kF32, {1, 1, 3 * 257}};
  const Tensor y = {memory.data(), DType::kF32, {1, 1, 257}};
  const Tensor lse = {memory.data(), DType::kF32, {1, 1, 1}};
  EXPECT_EQ(MessageOf([&] {
              LaunchAttention(queue_, qkv, y, lse, {1, 1});
            }),
            "attention on CUDA takes heads of up to 256 elements, not 257");
}

}  // namespace
}  // namespace pprun::kernels
