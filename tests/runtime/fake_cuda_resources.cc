// The fake GPU's memory, streams, events and words: what is made, used and destroyed.
#include <cstdlib>
#include <cstring>

#include "tests/runtime/fake_cuda.h"

namespace pprun {

std::string FakeCuda::GetErrorString(CudaStatus status) {
  switch (status) {
    case CudaStatus::kSuccess:
      return "no error";
    case CudaStatus::kInvalidValue:
      return "invalid argument";
    case CudaStatus::kOutOfMemory:
      return "out of memory";
    case CudaStatus::kInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case CudaStatus::kNoDevice:
      return "no CUDA-capable device is detected";
    case CudaStatus::kNotReady:
      return "device not ready";
    case CudaStatus::kIllegalAddress:
      return "an illegal memory access was encountered";
    case CudaStatus::kLaunchTimeout:
      return "the launch timed out and was terminated";
    case CudaStatus::kStreamCaptureUnsupported:
    case CudaStatus::kStreamCaptureInvalidated:
    case CudaStatus::kStreamCaptureUnjoined:
    case CudaStatus::kStreamCaptureIsolation:
    case CudaStatus::kCapturedEvent:
      return "operation failed due to a previous error during capture";
  }
  return "unknown error";
}

CudaStatus FakeCuda::GetDeviceCount(int* count) {
  *count = options_.devices;
  return options_.device_count_status;
}

CudaStatus FakeCuda::DriverGetVersion(int* version) {
  *version = options_.driver_version;
  return CudaStatus::kSuccess;
}

CudaStatus FakeCuda::RuntimeGetVersion(int* version) {
  *version = 13000;
  return CudaStatus::kSuccess;
}

CudaStatus FakeCuda::SetDevice(int device) {
  const std::lock_guard lock(mutex_);
  if (device >= options_.devices) return CudaStatus::kInvalidValue;
  const CudaStatus status = StatusOf("cudaSetDevice");
  if (status == CudaStatus::kSuccess) Current() = device;
  return status;
}

int& FakeCuda::Current() const {
  // As CUDA has it: each thread begins with the first.
  thread_local std::map<const FakeCuda*, int> current;
  return current[this];
}

void FakeCuda::CheckCurrent(const Stream& stream, const std::string& call) {
  if (stream.device != Current()) Violate(call + " on a stream of another GPU than the thread's");
}

CudaStatus FakeCuda::CheckNoCapture(const std::string& call) {
  for (auto& [number, capture] : captures_) {
    const bool own = capture.thread == std::this_thread::get_id();
    if (!own || capture.state == Capture::State::kEnded) continue;
    Violate(call + " by a thread that captures");
    capture.state = Capture::State::kBroken;
    return CudaStatus::kStreamCaptureUnsupported;
  }
  return CudaStatus::kSuccess;
}

CudaStatus FakeCuda::GetDeviceUuid(std::string* uuid, int device) {
  const std::lock_guard lock(mutex_);
  *uuid = options_.machine + std::to_string(device);
  return device < options_.devices ? StatusOf("cudaGetDeviceProperties")
                                   : CudaStatus::kInvalidValue;
}

CudaStatus FakeCuda::Allocate(void** memory, size_t bytes,
                              std::map<const std::byte*, size_t>& place) {
  constexpr size_t kAlignment = 256;
  *memory = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  std::memset(*memory, 0xff, bytes);
  place[static_cast<const std::byte*>(*memory)] = bytes;
  return CudaStatus::kSuccess;
}

bool FakeCuda::Within(const std::map<const std::byte*, size_t>& place, const void* memory,
                      size_t bytes) {
  const auto* at = static_cast<const std::byte*>(memory);
  auto found = place.upper_bound(at);
  if (found == place.begin()) return false;
  --found;
  return at + bytes <= found->first + found->second;
}

CudaStatus FakeCuda::Malloc(void** memory, size_t bytes) {
  const std::lock_guard lock(mutex_);
  CudaStatus status = StatusOf("cudaMalloc");
  if (status == CudaStatus::kSuccess) status = CheckNoCapture("cudaMalloc");
  return status == CudaStatus::kSuccess ? Allocate(memory, bytes, device_memory_) : status;
}

CudaStatus FakeCuda::HostAlloc(void** memory, size_t bytes) {
  const std::lock_guard lock(mutex_);
  CudaStatus status = StatusOf("cudaHostAlloc");
  if (status == CudaStatus::kSuccess) status = CheckNoCapture("cudaHostAlloc");
  return status == CudaStatus::kSuccess ? Allocate(memory, bytes, pinned_memory_) : status;
}

CudaStatus FakeCuda::Free(void* memory) {
  const std::lock_guard lock(mutex_);
  RunAll();
  CheckNoCapture("cudaFree");
  if (device_memory_.erase(static_cast<const std::byte*>(memory)) == 0) Violate("freed twice");
  std::free(memory);
  return broken_;
}

CudaStatus FakeCuda::FreeHost(void* memory) {
  const std::lock_guard lock(mutex_);
  RunAll();
  CheckNoCapture("cudaFreeHost");
  if (pinned_memory_.erase(static_cast<const std::byte*>(memory)) == 0) Violate("freed twice");
  std::free(memory);
  return broken_;
}

CudaStatus FakeCuda::MemcpyAsync(void* to, const void* from, size_t bytes, CudaCopy direction,
                                 CudaStreamHandle stream) {
  const std::lock_guard lock(mutex_);
  constexpr const char* kNames[] = {"copy host to device ", "copy device to host ",
                                    "copy on device "};
  Log(kNames[static_cast<size_t>(direction)] + std::to_string(bytes) + NameOf(stream));
  if (const CudaStatus status = StatusOf("cudaMemcpyAsync"); status != CudaStatus::kSuccess) {
    return status;
  }
  const bool from_host = direction == CudaCopy::kHostToDevice;
  const bool to_host = direction == CudaCopy::kDeviceToHost;
  if (!Within(from_host ? pinned_memory_ : device_memory_, from, bytes)) {
    Violate("copies from memory that is not its own");
  }
  if (!Within(to_host ? pinned_memory_ : device_memory_, to, bytes)) {
    Violate("copies to memory that is not its own");
  }
  return Append(stream, [=] { std::memcpy(to, from, bytes); });
}

CudaStatus FakeCuda::MemsetAsync(void* memory, int byte, size_t bytes, CudaStreamHandle stream) {
  const std::lock_guard lock(mutex_);
  if (!Within(device_memory_, memory, bytes)) Violate("fills memory that is not its own");
  return Append(stream, [=] { std::memset(memory, byte, bytes); });
}

CudaStatus FakeCuda::StreamCreate(CudaStreamHandle* stream) {
  const std::lock_guard lock(mutex_);
  const CudaStatus status = StatusOf("cudaStreamCreateWithFlags");
  if (status != CudaStatus::kSuccess) return status;
  streams_[++made_].device = Current();
  *stream = HandleOf<CudaStreamHandle>(made_);
  return status;
}

CudaStatus FakeCuda::StreamDestroy(CudaStreamHandle stream) {
  const std::lock_guard lock(mutex_);
  Log("destroy" + NameOf(stream));
  const Stream& gone = streams_.at(NumberOf(stream));
  if (gone.capture >= 0) Violate("a stream goes while it captures");
  // What is under way ends before CUDA frees anything.
  while (!gone.queue.empty() && broken_ == CudaStatus::kSuccess) {
    if (RunOne()) continue;
    Violate("a stream goes while it waits for ever");
    broken_ = CudaStatus::kLaunchTimeout;
  }
  streams_.erase(NumberOf(stream));
  return broken_;
}

CudaStatus FakeCuda::EventCreate(CudaEventHandle* event, CudaEventKind kind) {
  const std::lock_guard lock(mutex_);
  const CudaStatus status = StatusOf("cudaEventCreateWithFlags");
  if (status != CudaStatus::kSuccess) return status;
  events_[++made_] = {.kind = kind, .device = Current()};
  *event = HandleOf<CudaEventHandle>(made_);
  return status;
}

CudaStatus FakeCuda::EventDestroy(CudaEventHandle event) {
  const std::lock_guard lock(mutex_);
  for (const auto& [number, graph] : graphs_) {
    if (graph.events.contains(NumberOf(event)))
      Violate("a graph outlives an event that it records");
  }
  events_.erase(NumberOf(event));
  return broken_;
}

void FakeCuda::RangePush(const char* name) {
  const std::lock_guard lock(mutex_);
  Log("[" + std::string(name));
}

void FakeCuda::RangePop() {
  const std::lock_guard lock(mutex_);
  Log("]");
}

}  // namespace pprun
