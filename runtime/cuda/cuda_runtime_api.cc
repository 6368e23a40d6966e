// The CUDA runtime itself, one function a function. Tests: gpu_conformance_test.cc.
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <type_traits>

#include "runtime/cuda/cuda_api.h"
#include "runtime/cuda/kernel_launcher.h"

#ifdef PPRUN_NVTX
#include <nvtx3/nvToolsExt.h>
#endif

namespace pprun {
namespace {

static_assert(std::is_same_v<CudaStreamHandle, cudaStream_t>);
static_assert(std::is_same_v<CudaEventHandle, cudaEvent_t>);
static_assert(std::is_same_v<CudaGraphHandle, cudaGraph_t>);
static_assert(std::is_same_v<CudaGraphExecHandle, cudaGraphExec_t>);

constexpr CudaStatus StatusOf(cudaError_t error) { return static_cast<CudaStatus>(error); }

static_assert(StatusOf(cudaErrorInvalidValue) == CudaStatus::kInvalidValue);
static_assert(StatusOf(cudaErrorMemoryAllocation) == CudaStatus::kOutOfMemory);
static_assert(StatusOf(cudaErrorInsufficientDriver) == CudaStatus::kInsufficientDriver);
static_assert(StatusOf(cudaErrorNoDevice) == CudaStatus::kNoDevice);
static_assert(StatusOf(cudaErrorNotReady) == CudaStatus::kNotReady);
static_assert(StatusOf(cudaErrorIllegalAddress) == CudaStatus::kIllegalAddress);
static_assert(StatusOf(cudaErrorLaunchTimeout) == CudaStatus::kLaunchTimeout);
static_assert(StatusOf(cudaErrorStreamCaptureUnsupported) == CudaStatus::kStreamCaptureUnsupported);
static_assert(StatusOf(cudaErrorStreamCaptureInvalidated) == CudaStatus::kStreamCaptureInvalidated);
static_assert(StatusOf(cudaErrorStreamCaptureUnjoined) == CudaStatus::kStreamCaptureUnjoined);
static_assert(StatusOf(cudaErrorStreamCaptureIsolation) == CudaStatus::kStreamCaptureIsolation);
static_assert(StatusOf(cudaErrorCapturedEvent) == CudaStatus::kCapturedEvent);

cudaMemcpyKind KindOf(CudaCopy direction) {
  switch (direction) {
    case CudaCopy::kHostToDevice:
      return cudaMemcpyHostToDevice;
    case CudaCopy::kDeviceToHost:
      return cudaMemcpyDeviceToHost;
    case CudaCopy::kDeviceToDevice:
      return cudaMemcpyDeviceToDevice;
  }
  return cudaMemcpyDefault;
}

class RealCuda : public CudaApi {
 public:
  std::string GetErrorString(CudaStatus status) override {
    return cudaGetErrorString(static_cast<cudaError_t>(status));
  }
  CudaStatus GetDeviceCount(int* count) override { return StatusOf(cudaGetDeviceCount(count)); }
  CudaStatus DriverGetVersion(int* version) override {
    return StatusOf(cudaDriverGetVersion(version));
  }
  CudaStatus RuntimeGetVersion(int* version) override {
    return StatusOf(cudaRuntimeGetVersion(version));
  }
  CudaStatus SetDevice(int device) override { return StatusOf(cudaSetDevice(device)); }
  CudaStatus GetDeviceUuid(std::string* uuid, int device) override {
    cudaDeviceProp properties = {};
    const cudaError_t error = cudaGetDeviceProperties(&properties, device);
    uuid->assign(properties.uuid.bytes, sizeof(properties.uuid.bytes));
    return StatusOf(error);
  }

  CudaStatus Malloc(void** memory, size_t bytes) override {
    return StatusOf(cudaMalloc(memory, bytes));
  }
  CudaStatus Free(void* memory) override { return StatusOf(cudaFree(memory)); }
  CudaStatus HostAlloc(void** memory, size_t bytes) override {
    return StatusOf(cudaHostAlloc(memory, bytes, cudaHostAllocDefault));
  }
  CudaStatus FreeHost(void* memory) override { return StatusOf(cudaFreeHost(memory)); }
  CudaStatus MemcpyAsync(void* to, const void* from, size_t bytes, CudaCopy direction,
                         CudaStreamHandle stream) override {
    return StatusOf(cudaMemcpyAsync(to, from, bytes, KindOf(direction), stream));
  }
  CudaStatus MemsetAsync(void* memory, int byte, size_t bytes, CudaStreamHandle stream) override {
    return StatusOf(cudaMemsetAsync(memory, byte, bytes, stream));
  }

  CudaStatus StreamCreate(CudaStreamHandle* stream) override {
    return StatusOf(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking));
  }
  CudaStatus StreamDestroy(CudaStreamHandle stream) override {
    return StatusOf(cudaStreamDestroy(stream));
  }
  CudaStatus StreamQuery(CudaStreamHandle stream) override {
    return StatusOf(cudaStreamQuery(stream));
  }
  CudaStatus StreamWaitEvent(CudaStreamHandle stream, CudaEventHandle event) override {
    return StatusOf(cudaStreamWaitEvent(stream, event, cudaEventWaitDefault));
  }
  CudaStatus EventCreate(CudaEventHandle* event, CudaEventKind kind) override {
    const unsigned flags =
        kind == CudaEventKind::kOrder ? cudaEventDisableTiming : cudaEventDefault;
    return StatusOf(cudaEventCreateWithFlags(event, flags));
  }
  CudaStatus EventDestroy(CudaEventHandle event) override {
    return StatusOf(cudaEventDestroy(event));
  }
  CudaStatus EventRecord(CudaEventHandle event, CudaStreamHandle stream,
                         CudaRecord record) override {
    const unsigned flags =
        record == CudaRecord::kEveryReplay ? cudaEventRecordExternal : cudaEventRecordDefault;
    return StatusOf(cudaEventRecordWithFlags(event, stream, flags));
  }
  CudaStatus EventElapsedTime(float* milliseconds, CudaEventHandle begin,
                              CudaEventHandle end) override {
    return StatusOf(cudaEventElapsedTime(milliseconds, begin, end));
  }

  CudaStatus StreamBeginCapture(CudaStreamHandle stream) override {
    return StatusOf(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  }
  CudaStatus StreamEndCapture(CudaStreamHandle stream, CudaGraphHandle* graph) override {
    return StatusOf(cudaStreamEndCapture(stream, graph));
  }
  CudaStatus GraphDestroy(CudaGraphHandle graph) override {
    return StatusOf(cudaGraphDestroy(graph));
  }
  CudaStatus GraphInstantiate(CudaGraphExecHandle* exec, CudaGraphHandle graph) override {
    return StatusOf(cudaGraphInstantiate(exec, graph, 0));
  }
  CudaStatus GraphExecDestroy(CudaGraphExecHandle exec) override {
    return StatusOf(cudaGraphExecDestroy(exec));
  }
  CudaStatus GraphLaunch(CudaGraphExecHandle exec, CudaStreamHandle stream) override {
    return StatusOf(cudaGraphLaunch(exec, stream));
  }

#ifdef PPRUN_NVTX
  void RangePush(const char* name) override { nvtxRangePushA(name); }
  void RangePop() override { nvtxRangePop(); }
#else
  void RangePush(const char*) override {}
  void RangePop() override {}
#endif

  std::unique_ptr<CudaLauncher> LauncherOf(CudaStreamHandle stream) override {
    return MakeKernelLauncher(stream);
  }
};

}  // namespace

std::unique_ptr<CudaApi> OpenCuda() {
  // Hardware queues: as many as there can be, so that the streams of several ranks do not hold each
  // other up. Read by CUDA when it starts.
  setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 0);
  return std::make_unique<RealCuda>();
}

}  // namespace pprun
