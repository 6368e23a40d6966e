#include "runtime/cuda/cuda_gpu.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <thread>
#include <utility>

#include "compiler/plan/base/check.h"
#include "runtime/cuda/cuda_device.h"
#include "runtime/cuda/cuda_stream.h"

namespace pprun {
namespace {

using std::chrono::steady_clock;

// A wait polls without pause for so long, then with pauses.
constexpr auto kImpatient = std::chrono::milliseconds(2);
constexpr auto kPause = std::chrono::microseconds(50);
constexpr auto kLongestFarewell = std::chrono::seconds(3);
constexpr int kAnchors = 8;

double Now() {
  return std::chrono::duration<double>(steady_clock::now().time_since_epoch()).count();
}

std::string VersionText(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

void CheckGpuExists(CudaApi& api, int number) {
  const int count = VisibleGpus(api);
  if (number >= 0 && number < count) return;
  throw std::runtime_error("there is no GPU " + std::to_string(number) + ": this machine has " +
                           (count == 1 ? "GPU 0 alone" : "GPUs 0 to " + std::to_string(count - 1)));
}

}  // namespace

int VisibleGpus(CudaApi& api) {
  int count = 0;
  const CudaStatus status = api.GetDeviceCount(&count);
  if (status == CudaStatus::kInsufficientDriver) {
    int driver = 0;
    int runtime = 0;
    api.Check(api.DriverGetVersion(&driver), "cudaDriverGetVersion");
    api.Check(api.RuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
    if (driver == 0) throw std::runtime_error("no NVIDIA driver is installed on this machine");
    throw std::runtime_error("the NVIDIA driver is too old: it supports CUDA " +
                             VersionText(driver) + ", this pprun needs " + VersionText(runtime));
  }
  if (status == CudaStatus::kNoDevice || (status == CudaStatus::kSuccess && count == 0)) {
    throw std::runtime_error("no GPU is visible on this machine");
  }
  api.Check(status, "cudaGetDeviceCount");
  return count;
}

CudaGpu::CudaGpu(CudaApi& api, int number) : api_(api), number_(number) {
  CheckGpuExists(api, number);
  MakeCurrent();
  clock_stream_ = MakeCudaStream(api);
  anchor_ = MakeCudaEvent(api, CudaEventKind::kTiming);
}

CudaGpu::~CudaGpu() { CHECK(streams_.empty()); }

void CudaGpu::Await(CudaStreamHandle stream) {
  const auto begin = steady_clock::now();
  for (;;) {
    abort_.ThrowIfRaised();
    const CudaStatus status = api_.StreamQuery(stream);
    if (status == CudaStatus::kSuccess) return;
    if (status != CudaStatus::kNotReady) api_.Check(status, "cudaStreamQuery");
    if (steady_clock::now() - begin < kImpatient) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kPause);
    }
  }
}

void CudaGpu::Drain(CudaStreamHandle stream) {
  while (api_.StreamQuery(stream) == CudaStatus::kNotReady) {
    if (abort_.raised()) {
      const std::lock_guard lock(mutex_);
      if (!farewell_) farewell_ = steady_clock::now();
      if (steady_clock::now() - *farewell_ > kLongestFarewell) return;
    }
    std::this_thread::yield();
  }
}

void CudaGpu::Add(CudaStream& stream) {
  const std::lock_guard lock(mutex_);
  streams_.push_back(&stream);
}

void CudaGpu::Remove(CudaStream& stream) {
  const std::lock_guard lock(mutex_);
  std::erase(streams_, &stream);
}

void CudaGpu::Blame(const std::exception& error, CudaStream& otherwise) {
  std::vector<CudaStream*> streams;
  {
    const std::lock_guard lock(mutex_);
    streams = streams_;
  }
  std::ranges::stable_sort(streams, {},
                           [](const CudaStream* stream) { return stream->device().rank(); });
  int working = 0;
  CudaStream* first = nullptr;
  for (CudaStream* const stream : streams) {
    if (stream->AtWork() == kNoWork) continue;
    if (working++ == 0) first = stream;
  }
  const std::string what = error.what();
  try {
    if (first == nullptr) {
      throw std::runtime_error(what + "; with `--graphs off` the instruction is known");
    }
    if (working > 1) {
      throw std::runtime_error(
          what + ", here or in " +
          (working == 2 ? "the other instruction"
                        : "one of " + std::to_string(working - 1) + " other instructions") +
          " that ran on the GPU then");
    }
    throw;
  } catch (const std::exception& explained) {
    CudaStream& blamed = first == nullptr ? otherwise : *first;
    blamed.device().Fail(blamed.AtWork(), explained);
  }
}

void CudaGpu::StartClock() {
  const std::lock_guard lock(mutex_);
  if (clock_users_++ > 0) return;
  MakeCurrent();
  // An empty stream records at once, so the record is between two looks at the host's clock. The
  // closest two of several are microseconds apart, also where other work shares the cores.
  double closest = std::numeric_limits<double>::infinity();
  OwnedCudaEvent event = MakeCudaEvent(api_, CudaEventKind::kTiming);
  for (int i = 0; i < kAnchors; ++i) {
    const double before = Now();
    api_.Check(api_.EventRecord(event.get(), clock_stream_.get(), CudaRecord::kPlain),
               "cudaEventRecord");
    Await(clock_stream_.get());
    const double after = Now();
    if (after - before >= closest) continue;
    closest = after - before;
    anchor_seconds_ = (before + after) / 2;
    std::swap(event, anchor_);
  }
}

void CudaGpu::StopClock() {
  const std::lock_guard lock(mutex_);
  --clock_users_;
}

double CudaGpu::SecondsAt(CudaEventHandle event) {
  float milliseconds = 0;
  api_.Check(api_.EventElapsedTime(&milliseconds, anchor_.get(), event), "cudaEventElapsedTime");
  return anchor_seconds_ + static_cast<double>(milliseconds) / 1e3;
}

}  // namespace pprun
