// The CUDA runtime as this runtime uses it: a thin table of its functions, and what launches
// kernels on a stream. Nothing here needs CUDA's headers, so that everything above is compiled and
// tested on machines without CUDA, through a fake (tests/runtime/fake_cuda.h). The real one is
// cuda_runtime_api.cc; where CUDA is not built, no_cuda.cc says so.
//
// Each function is named after the one that it calls, without `cuda`, and returns what that
// returns; Check turns a failure into an exception.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "runtime/device.h"

// What CUDA's handles point to, under CUDA's own names.
struct CUstream_st;
struct CUevent_st;
struct CUgraph_st;
struct CUgraphExec_st;

namespace pprun {

using CudaStreamHandle = CUstream_st*;
using CudaEventHandle = CUevent_st*;
using CudaGraphHandle = CUgraph_st*;
using CudaGraphExecHandle = CUgraphExec_st*;

// As cudaError_t numbers them; those that are told apart.
enum class CudaStatus : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kInsufficientDriver = 35,
  kNoDevice = 100,
  kNotReady = 600,
  kIllegalAddress = 700,
  kLaunchTimeout = 702,
  kStreamCaptureUnsupported = 900,
  kStreamCaptureInvalidated = 901,
  kStreamCaptureUnjoined = 904,
  kStreamCaptureIsolation = 905,
  kCapturedEvent = 907,
};

enum class CudaCopy : uint8_t { kHostToDevice, kDeviceToHost, kDeviceToDevice };
enum class CudaEventKind : uint8_t { kOrder, kTiming };
// kEveryReplay, within a capture alone: the record becomes a node of the graph, so that every
// replay records the event for the host to read.
enum class CudaRecord : uint8_t { kPlain, kEveryReplay };

// Launches on the one stream that it was made for, which outlives it. Each throws
// std::runtime_error if the launch fails.
class CudaLauncher {
 public:
  virtual ~CudaLauncher() = default;
  // Of every kind but CopyCall, which is the stream's.
  virtual void Launch(const DeviceCall& call) = 0;
  // As comm/rank_order_sum.h, of all elements; at most kMostMembers sources and targets.
  virtual void SumInRankOrder(DType dtype, std::span<const void* const> sources,
                              std::span<void* const> targets, int64_t elements) = 0;
  // Writes the value to pinned memory of the host, where any thread may read it.
  virtual void Mark(int64_t* word, int64_t value) = 0;

  static constexpr size_t kMostMembers = 128;
};

class CudaApi {
 public:
  virtual ~CudaApi() = default;

  virtual std::string GetErrorString(CudaStatus status) = 0;
  virtual CudaStatus GetDeviceCount(int* count) = 0;
  // 1000 * major + 10 * minor; the driver's is 0 where there is none.
  virtual CudaStatus DriverGetVersion(int* version) = 0;
  virtual CudaStatus RuntimeGetVersion(int* version) = 0;
  // Of the calling thread.
  virtual CudaStatus SetDevice(int device) = 0;
  // The uuid of cudaGetDeviceProperties: no two GPUs have the same, whatever they are numbered.
  virtual CudaStatus GetDeviceUuid(std::string* uuid, int device) = 0;

  virtual CudaStatus Malloc(void** memory, size_t bytes) = 0;
  virtual CudaStatus Free(void* memory) = 0;
  virtual CudaStatus HostAlloc(void** memory, size_t bytes) = 0;
  virtual CudaStatus FreeHost(void* memory) = 0;
  virtual CudaStatus MemcpyAsync(void* to, const void* from, size_t bytes, CudaCopy direction,
                                 CudaStreamHandle stream) = 0;
  virtual CudaStatus MemsetAsync(void* memory, int byte, size_t bytes, CudaStreamHandle stream) = 0;

  // Streams do not synchronise with the default stream.
  virtual CudaStatus StreamCreate(CudaStreamHandle* stream) = 0;
  virtual CudaStatus StreamDestroy(CudaStreamHandle stream) = 0;
  virtual CudaStatus StreamQuery(CudaStreamHandle stream) = 0;
  virtual CudaStatus StreamWaitEvent(CudaStreamHandle stream, CudaEventHandle event) = 0;
  virtual CudaStatus EventCreate(CudaEventHandle* event, CudaEventKind kind) = 0;
  virtual CudaStatus EventDestroy(CudaEventHandle event) = 0;
  virtual CudaStatus EventRecord(CudaEventHandle event, CudaStreamHandle stream,
                                 CudaRecord record) = 0;
  virtual CudaStatus EventElapsedTime(float* milliseconds, CudaEventHandle begin,
                                      CudaEventHandle end) = 0;

  // Captures of different threads do not disturb each other.
  virtual CudaStatus StreamBeginCapture(CudaStreamHandle stream) = 0;
  virtual CudaStatus StreamEndCapture(CudaStreamHandle stream, CudaGraphHandle* graph) = 0;
  virtual CudaStatus GraphDestroy(CudaGraphHandle graph) = 0;
  virtual CudaStatus GraphInstantiate(CudaGraphExecHandle* exec, CudaGraphHandle graph) = 0;
  virtual CudaStatus GraphExecDestroy(CudaGraphExecHandle exec) = 0;
  virtual CudaStatus GraphLaunch(CudaGraphExecHandle exec, CudaStreamHandle stream) = 0;

  // Ranges that a profiler shows, by NVTX where it was found.
  virtual void RangePush(const char* name) = 0;
  virtual void RangePop() = 0;

  virtual std::unique_ptr<CudaLauncher> LauncherOf(CudaStreamHandle stream) = 0;

  // `call` names the function: "cudaMalloc". Throws std::runtime_error.
  void Check(CudaStatus status, const char* call) {
    if (status == CudaStatus::kSuccess) return;
    throw std::runtime_error("`" + std::string(call) + "` failed: " + GetErrorString(status));
  }
};

// The CUDA runtime of this machine. Throws std::runtime_error where CUDA is not built.
std::unique_ptr<CudaApi> OpenCuda();

}  // namespace pprun
