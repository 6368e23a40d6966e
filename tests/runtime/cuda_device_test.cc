// The CUDA device on a fake GPU: the conformance suite, and what failing calls report.
#include "runtime/cuda/cuda_device.h"

#include "runtime/cuda/cuda_stream.h"
#include "tests/conformance/device_conformance.h"
#include "tests/runtime/fake_cuda.h"

namespace pprun {
namespace {

// A device with the GPU that it needs.
struct Alone {
  explicit Alone(FakeCudaOptions options = {}) : api(options), gpu(api, 0) {}
  FakeCuda api;
  CudaGpu gpu;
};
class DeviceAlone : private Alone, public CudaDevice {
 public:
  DeviceAlone() : CudaDevice(Alone::gpu, 0) {}
};

INSTANTIATE_TEST_SUITE_P(FakeCuda, DeviceConformance,
                         testing::Values(DeviceCase{
                             "fake_cuda", [] { return std::make_unique<DeviceAlone>(); }}),
                         [](const auto& one) { return one.param.name; });

std::string ErrorOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(CudaGpu, SaysWhatIsMissing) {
  const auto error = [](FakeCudaOptions options, int number) {
    FakeCuda api(options);
    return ErrorOf([&] { CudaGpu gpu(api, number); });
  };
  EXPECT_EQ(error({.devices = 0,
                   .device_count_status = CudaStatus::kInsufficientDriver,
                   .driver_version = 0},
                  0),
            "no NVIDIA driver is installed on this machine");
  EXPECT_EQ(error({.devices = 0,
                   .device_count_status = CudaStatus::kInsufficientDriver,
                   .driver_version = 12020},
                  0),
            "the NVIDIA driver is too old: it supports CUDA 12.2, this pprun needs 13.0");
  EXPECT_EQ(error({.devices = 0, .device_count_status = CudaStatus::kNoDevice}, 0),
            "no GPU is visible on this machine");
  EXPECT_EQ(error({.devices = 1}, 2), "there is no GPU 2: this machine has GPU 0 alone");
  EXPECT_EQ(error({.devices = 4}, 4), "there is no GPU 4: this machine has GPUs 0 to 3");
  EXPECT_EQ(error({.devices = 4}, 3), "");
}

TEST(CudaDevice, FreesAllThatItMade) {
  FakeCuda api;
  {
    CudaGpu gpu(api, 0);
    CudaDevice device(gpu, 0);
    const auto memory = device.Allocate(100);
    const auto host = device.AllocateHost(100);
    const auto stream = device.CreateStream("s");
    const auto event = device.CreateEvent();
    stream->StartTrace(10);
    for (WorkTag tag = 0; tag < 20; ++tag) {
      stream->Begin(tag);
      stream->Record(*event);
      stream->End();
    }
    stream->Synchronise();
    EXPECT_EQ(stream->StopTrace().size(), 10U);
  }
  EXPECT_EQ(api.alive(), std::vector<std::string>{});
  EXPECT_EQ(api.violations(), std::vector<std::string>{});
}

TEST(CudaDevice, MovesWhatIsLargerThanItsPinnedMemory) {
  DeviceAlone device;
  std::vector<std::byte> written((5 << 20) + 3);
  for (size_t i = 0; i < written.size(); ++i) written[i] = static_cast<std::byte>(i * 7 / 5);
  const auto memory = device.Allocate(static_cast<int64_t>(written.size()));
  device.Upload(memory->data(), written);
  std::vector<std::byte> read(written.size());
  device.Download(read, memory->data());
  EXPECT_EQ(read, written);
}

TEST(CudaDevice, SaysHowMuchItCouldNotAllocate) {
  Alone alone;
  CudaDevice device(alone.gpu, 0);
  alone.api.FailCall("cudaMalloc", CudaStatus::kOutOfMemory);
  EXPECT_EQ(ErrorOf([&] { device.Allocate(int64_t{3} << 30); }),
            "cannot allocate 3.0 GiB on the GPU: out of memory");
  alone.api.FailCall("cudaHostAlloc", CudaStatus::kOutOfMemory);
  EXPECT_EQ(ErrorOf([&] { device.AllocateHost(1 << 20); }),
            "cannot allocate 1.0 MiB of pinned memory: out of memory");
}

// Two ranks on a GPU, each with a stream of two pieces of work.
class TwoRanks {
 public:
  TwoRanks() : devices_{{alone_.gpu, 0}, {alone_.gpu, 1}} {
    for (size_t rank = 0; rank < 2; ++rank) {
      devices_[rank].OnFailure([this, rank](WorkTag tag, const std::exception& error) {
        told_.push_back("rank " + std::to_string(rank) + ", work " + std::to_string(tag) + ": " +
                        error.what());
      });
      streams_.push_back(devices_[rank].CreateStream("s"));
      memory_.push_back(devices_[rank].Allocate(4));
      const kernels::Tensor tensor = {memory_.back()->data(), DType::kF32, {1}};
      calls_.push_back({ZeroCall{tensor}});
    }
  }
  void Issue(size_t rank, WorkTag tag) {
    streams_[rank]->Begin(tag);
    streams_[rank]->Issue(calls_[rank]);
    streams_[rank]->End();
  }

  Alone alone_;
  CudaDevice devices_[2];
  std::vector<std::unique_ptr<DeviceMemory>> memory_;
  std::vector<std::vector<DeviceCall>> calls_;
  std::vector<std::unique_ptr<DeviceStream>> streams_;
  std::vector<std::string> told_;
};

TEST(CudaDevice, ACallThatFailsIsToldWithItsWorkAndEndsTheOthers) {
  TwoRanks ranks;
  ranks.alone_.api.FailCall("launch zero", CudaStatus::kInvalidValue, 1);
  for (WorkTag tag = 0; tag < 3; ++tag) ranks.Issue(1, tag);
  ranks.Issue(0, 7);
  EXPECT_EQ(ranks.told_,
            std::vector<std::string>{"rank 1, work 1: `launch zero` failed: invalid argument"});
  EXPECT_EQ(ErrorOf([&] { ranks.streams_[1]->Synchronise(); }),
            "`launch zero` failed: invalid argument");
  EXPECT_THROW(ranks.streams_[0]->Synchronise(), AbortedError);
}

// CUDA reports a kernel's failure to whoever asks next: here the rank that is idle.
TEST(CudaDevice, AFailureThatShowsLateIsBlamedOnTheWorkUnderWay) {
  TwoRanks ranks;
  for (WorkTag tag = 10; tag < 14; ++tag) ranks.Issue(1, tag);
  ranks.alone_.api.FailKernel(2);
  EXPECT_EQ(ErrorOf([&] { ranks.streams_[1]->Synchronise(); }),
            "`cudaStreamQuery` failed: an illegal memory access was encountered");
  EXPECT_EQ(ranks.streams_[1]->Head(), 12);
  EXPECT_EQ(ranks.told_, std::vector<std::string>{
                             "rank 1, work 12: `cudaStreamQuery` failed: an illegal memory access "
                             "was encountered"});
  EXPECT_THROW(ranks.streams_[0]->Synchronise(), AbortedError);
}

TEST(CudaDevice, AFailureIsNotBlamedOnWorkThatWaits) {
  TwoRanks ranks;
  const auto event = ranks.devices_[1].CreateEvent();
  ranks.Issue(1, 20);
  ranks.streams_[1]->Begin(21);
  ranks.streams_[1]->Record(*event);
  ranks.streams_[1]->End();
  ranks.streams_[0]->Begin(5);
  ranks.streams_[0]->Wait(*event);
  ranks.streams_[0]->End();
  ranks.alone_.api.FailKernel(0);
  EXPECT_NE(ErrorOf([&] { ranks.streams_[0]->Synchronise(); }), "");
  ASSERT_EQ(ranks.told_.size(), 1U);
  EXPECT_TRUE(ranks.told_[0].starts_with("rank 1, work 20: ")) << ranks.told_[0];
}

TEST(CudaDevice, SaysHowManyInstructionsAFailureMayComeFrom) {
  TwoRanks ranks;
  ranks.Issue(0, 1);
  ranks.Issue(1, 2);
  ranks.alone_.api.FailKernel(0);
  EXPECT_NE(ErrorOf([&] { ranks.streams_[1]->Synchronise(); }), "");
  ASSERT_EQ(ranks.told_.size(), 1U);
  EXPECT_EQ(ranks.told_[0],
            "rank 0, work 1: `cudaStreamQuery` failed: an illegal memory access was encountered, "
            "here or in the other instruction that ran on the GPU then");
}

TEST(CudaDevice, AnAbortEndsAWait) {
  Alone alone;
  CudaDevice device(alone.gpu, 0);
  const auto stream = device.CreateStream("s");
  alone.gpu.abort().Raise("enough");
  alone.gpu.abort().Raise("too late");
  EXPECT_EQ(ErrorOf([&] { stream->Synchronise(); }), "enough");
}

}  // namespace
}  // namespace pprun
