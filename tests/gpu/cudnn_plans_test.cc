// Which attention cuDNN takes, without a GPU: its graphs are validated, lowered, and finalised into
// plans, kernels compiled, for GPUs that are described to it. What it cannot show is that the plans
// compute what they should: gpu/kernels_check.cc does, on a GPU.
#include <gtest/gtest.h>

#include <string>

#include "kernels/attention_sizes.h"
#include "kernels/cuda_fused_attention.h"

namespace pprun::kernels {
namespace {

struct Gpu {
  int architecture = 0;
  std::string description;
};

// As cuDNN writes the properties of a device; the two differ in what its choice reads.
Gpu MakeGpu(int architecture, const std::string& name, int multiprocessors, int shared_bytes,
            int64_t memory, int cache_bytes) {
  return {architecture,
          R"({"maxGridSize": [2147483647, 65535, 65535], "maxBlockSize": [1024, 1024, 64],)"
          R"("regsPerBlock": 65536, "warpSize": 32, "maxSharedMemoryPerBlock": 49152,)"
          R"("reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536,)"
          R"("maxCtasPerSM": 32, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048,)"
          R"("pciDeviceId": 0, "isTccDriver": 0, "supportCoopLaunch": 1, "cudaDeviceId": 0,)"
          R"("smClockRateKHz": 1980000, "memClockRateKHz": 3201000, "driverVer": 13000,)"
          R"("deviceVer": )" +
              std::to_string(architecture * 10) + R"(, "deviceName": ")" + name +
              R"(", "multiProcessorCount": )" + std::to_string(multiprocessors) +
              R"(, "maxSharedMemoryPerBlockOptin": )" + std::to_string(shared_bytes) +
              R"(, "totalGlobalMem": )" + std::to_string(memory) + R"(, "l2CacheSize": )" +
              std::to_string(cache_bytes) + "}"};
}

Gpu H200() { return MakeGpu(90, "NVIDIA H200", 132, 232448, 150'000'000'000, 62914560); }
Gpu A100() { return MakeGpu(80, "NVIDIA A100", 108, 166912, 85'000'000'000, 41943040); }

struct Case {
  int64_t samples, positions, heads, kv_heads, head_width;
};

FusedAttentionPlan PlanOf(const Gpu& gpu, AttentionDirection direction, const Case& n,
                          AttentionPolicy policy = AttentionPolicy::kDeterministic) {
  const int64_t width = (n.heads + 2 * n.kv_heads) * n.head_width;
  const AttentionSizes sizes =
      SizesOf({nullptr, DType::kBF16, {n.samples, n.positions, width}},
              {nullptr, DType::kBF16, {n.samples, n.positions, n.heads * n.head_width}},
              {nullptr, DType::kF32, {n.samples, n.heads, n.positions}}, {n.heads, n.kv_heads});
  return PlanFusedAttention(direction, sizes, policy, gpu.description, gpu.architecture);
}

constexpr AttentionDirection kForward = AttentionDirection::kForward;
constexpr AttentionDirection kBackward = AttentionDirection::kBackward;
constexpr Case kSmallest = {1, 128, 1, 1, 64};

class CudnnPlans : public testing::Test {
 protected:
  // Skips where there is no cuDNN, or one that asks more of a driver than plan_driver.cc has.
  void SetUp() override {
    const std::string refusal = PlanOf(H200(), kForward, kSmallest).refusal;
    if (refusal.find("without cuDNN") != std::string::npos ||
        refusal.find("RUNTIME_PREREQUISITE_MISSING") != std::string::npos)
      GTEST_SKIP() << refusal;
  }
};

void ExpectPlan(const Gpu& gpu, AttentionDirection direction, const Case& n) {
  const FusedAttentionPlan plan = PlanOf(gpu, direction, n);
  EXPECT_EQ(plan.refusal, "") << n.positions << " positions, heads of " << n.head_width;
  EXPECT_NE(plan.name, "");
  EXPECT_LE(plan.workspace, kMostAttentionWorkspace);
}

TEST_F(CudnnPlans, AreMadeForModelsOnHopper) {
  // GPT-2 124M and 774M, Llama's grouped heads, ragged lengths, the widest heads.
  for (const Case& n : {Case{32, 1024, 12, 12, 64},
                        {8, 1024, 20, 20, 64},
                        {2, 256, 8, 2, 128},
                        {1, 131, 12, 12, 64},
                        {1, 200, 2, 2, 256}}) {
    ExpectPlan(H200(), kForward, n);
    ExpectPlan(H200(), kBackward, n);
  }
}

TEST_F(CudnnPlans, AreMadeForAmpere) {
  ExpectPlan(A100(), kForward, {8, 1024, 12, 4, 64});
  ExpectPlan(A100(), kBackward, {8, 1024, 12, 4, 64});
}

TEST_F(CudnnPlans, NeedLessMemoryInAnyOrder) {
  const Case n = {32, 1024, 12, 12, 64};
  EXPECT_LT(PlanOf(H200(), kBackward, n, AttentionPolicy::kAnyOrder).workspace,
            PlanOf(H200(), kBackward, n).workspace);
}

TEST_F(CudnnPlans, AreRefusedWithAReason) {
  const auto refusal = [](AttentionDirection direction, const Case& n, const Gpu& gpu = H200()) {
    return PlanOf(gpu, direction, n).refusal;
  };
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_PRED2(has, refusal(kForward, {2, 7, 2, 1, 6}), "multiple of 8");
  EXPECT_PRED2(has, refusal(kBackward, {2, 7, 2, 1, 6}), "multiple of 8");
  EXPECT_PRED2(has, refusal(kBackward, {1, 1, 1, 1, 8}), "s_q = s_kv = 1");
  EXPECT_PRED2(has, refusal(kBackward, {1, 128, 1, 1, 136}, A100()), "128");
  // Two bytes a score: the gradient of twice as many samples is beyond the limit.
  EXPECT_PRED2(has, refusal(kBackward, {64, 1024, 12, 12, 64}), "workspace");
}

TEST_F(CudnnPlans, NameWhatADescriptionLacks) {
  EXPECT_NE(PlanOf({90, "{}"}, kForward, kSmallest).refusal, "");
}

}  // namespace
}  // namespace pprun::kernels
