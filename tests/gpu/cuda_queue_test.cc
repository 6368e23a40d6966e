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
  const int64_t smallest = queue_.scratch->bytes();
  std::byte* const second = queue_.scratch->AtLeast(smallest + 1);
  EXPECT_NE(second, first);
  EXPECT_EQ(queue_.scratch->AtLeast(1), second);
  EXPECT_EQ(queue_.scratch->bytes(), 3 * smallest);
}

TEST_F(Scratch, HasMemoryBesideAProductInTheSameBlock) {
  float* const beside = ScratchBesideProduct<float>(queue_, 50304);
  EXPECT_EQ(reinterpret_cast<std::byte*>(beside),
            queue_.scratch->AtLeast(kProductWorkspace) + kProductWorkspace);
  EXPECT_GE(queue_.scratch->bytes(), kProductWorkspace + 50304 * 4);
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

// Takes what it is told to, and says so.
class FakeLibrary : public CudaFusedAttention {
 public:
  enum class Answer : uint8_t { kTakes, kRefuses };
  FakeLibrary(Answer answer, std::string& calls) : answer_(answer), calls_(calls) {}

  bool Forward(const CudaQueue& /*queue*/, const AttentionSizes& /*sizes*/, const Tensor& /*qkv*/,
               const Tensor& /*y*/, const Tensor& /*lse*/) override {
    calls_ += "forward ";
    return answer_ == Answer::kTakes;
  }
  bool Backward(const CudaQueue& /*queue*/, const AttentionSizes& /*sizes*/, const Tensor& /*qkv*/,
                const Tensor& /*y*/, const Tensor& /*lse*/, const Tensor& /*dy*/,
                const Tensor& /*dqkv*/) override {
    calls_ += "backward ";
    return answer_ == Answer::kTakes;
  }
  std::vector<std::string> Decisions() const override { return {}; }

 private:
  Answer answer_;
  std::string& calls_;
};

class Attention : public Queue {
 protected:
  // Of one position, so that y is v and an untouched y is seen.
  void Launch(DType dtype) {
    const Tensor packed = {qkv_.data(), dtype, {1, 1, 24}};
    const Tensor out = {y_.data(), dtype, {1, 1, 8}};
    const Tensor lse = {lse_.data(), DType::kF32, {1, 1, 1}};
    const Tensor gradient = {dqkv_.data(), dtype, {1, 1, 24}};
    LaunchAttention(queue_, packed, out, lse, {1, 1});
    LaunchAttentionGrad(queue_, packed, out, lse, out, gradient, {1, 1});
  }
  bool IsWritten() const { return y_ != std::array<float, 8>{}; }

  std::array<float, 24> qkv_ = [] {
    std::array<float, 24> ones{};
    ones.fill(1.0F);
    return ones;
  }();
  std::array<float, 8> y_{};
  std::array<float, 24> dqkv_{};
  std::array<float, 1> lse_{};
  std::string calls_;
};

TEST_F(Attention, IsOurOwnWithoutALibrary) {
  EXPECT_EQ(queue_.fused_attention, nullptr);
  Launch(DType::kBF16);
  EXPECT_TRUE(IsWritten());
}

TEST_F(Attention, OfBfloat16GoesToTheLibraryThatTakesIt) {
  queue_.fused_attention = std::make_unique<FakeLibrary>(FakeLibrary::Answer::kTakes, calls_);
  Launch(DType::kBF16);
  EXPECT_EQ(calls_, "forward backward ");
  EXPECT_FALSE(IsWritten());
  EXPECT_EQ(queue_.scratch->bytes(), 0);
}

TEST_F(Attention, ThatTheLibraryRefusesIsOurOwn) {
  queue_.fused_attention = std::make_unique<FakeLibrary>(FakeLibrary::Answer::kRefuses, calls_);
  Launch(DType::kBF16);
  EXPECT_EQ(calls_, "forward backward ");
  EXPECT_TRUE(IsWritten());
}

TEST_F(Attention, OfFloatsIsNeverTheLibrarys) {
  queue_.fused_attention = std::make_unique<FakeLibrary>(FakeLibrary::Answer::kTakes, calls_);
  Launch(DType::kF32);
  EXPECT_EQ(calls_, "");
  EXPECT_TRUE(IsWritten());
}

}  // namespace
}  // namespace pprun::kernels
