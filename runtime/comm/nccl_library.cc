// NCCL itself, one function a function. It has been compiled and linked, and not yet run on GPUs.
// Tests: nccl_test.cc tests what stands on the table.
#include <nccl.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "compiler/plan/base/check.h"
#include "runtime/comm/nccl_api.h"

namespace pprun {
namespace {

static_assert(std::is_same_v<NcclHandle, ncclComm_t>);
static_assert(sizeof(NcclId) == sizeof(ncclUniqueId));
static_assert(kNcclNoColor == NCCL_SPLIT_NOCOLOR);

constexpr NcclStatus StatusOf(ncclResult_t result) { return static_cast<NcclStatus>(result); }

static_assert(StatusOf(ncclSuccess) == NcclStatus::kSuccess);
static_assert(StatusOf(ncclUnhandledCudaError) == NcclStatus::kUnhandledCudaError);
static_assert(StatusOf(ncclSystemError) == NcclStatus::kSystemError);
static_assert(StatusOf(ncclInternalError) == NcclStatus::kInternalError);
static_assert(StatusOf(ncclInvalidArgument) == NcclStatus::kInvalidArgument);
static_assert(StatusOf(ncclInvalidUsage) == NcclStatus::kInvalidUsage);
static_assert(StatusOf(ncclRemoteError) == NcclStatus::kRemoteError);
static_assert(StatusOf(ncclInProgress) == NcclStatus::kInProgress);

std::string VersionText(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

ncclDataType_t TypeOf(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return ncclFloat32;
    case DType::kF64:
      return ncclFloat64;
    case DType::kBF16:
      return ncclBfloat16;
    case DType::kI32:
      return ncclInt32;
  }
  CHECK(false);
  return ncclFloat32;
}

class NcclLibrary : public NcclApi {
 public:
  std::string GetErrorString(NcclStatus status) override {
    return ncclGetErrorString(static_cast<ncclResult_t>(status));
  }
  std::string GetLastError(NcclHandle comm) override {
    const char* const text = ncclGetLastError(comm);
    return text == nullptr ? "" : text;
  }
  NcclStatus GetUniqueId(NcclId* id) override {
    ncclUniqueId made;
    const ncclResult_t result = ncclGetUniqueId(&made);
    std::memcpy(id->data(), made.internal, id->size());
    return StatusOf(result);
  }
  NcclStatus CommInitRankConfig(NcclHandle* comm, int ranks, const NcclId& id, int rank) override {
    ncclUniqueId own;
    std::memcpy(own.internal, id.data(), id.size());
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    return StatusOf(ncclCommInitRankConfig(comm, ranks, own, rank, &config));
  }
  NcclStatus CommSplit(NcclHandle comm, int color, int key, NcclHandle* made) override {
    // What it does not say is as in the communicator that is split: not to block.
    return StatusOf(ncclCommSplit(comm, color, key, made, nullptr));
  }
  NcclStatus CommGetAsyncError(NcclHandle comm, NcclStatus* status) override {
    ncclResult_t state = ncclSuccess;
    const ncclResult_t result = ncclCommGetAsyncError(comm, &state);
    *status = StatusOf(state);
    return StatusOf(result);
  }
  NcclStatus CommFinalize(NcclHandle comm) override { return StatusOf(ncclCommFinalize(comm)); }
  NcclStatus CommDestroy(NcclHandle comm) override { return StatusOf(ncclCommDestroy(comm)); }
  NcclStatus CommAbort(NcclHandle comm) override { return StatusOf(ncclCommAbort(comm)); }

  NcclStatus GroupStart() override { return StatusOf(ncclGroupStart()); }
  NcclStatus GroupEnd() override { return StatusOf(ncclGroupEnd()); }
  NcclStatus Send(const void* source, size_t count, DType dtype, int peer, NcclHandle comm,
                  CudaStreamHandle stream) override {
    return StatusOf(ncclSend(source, count, TypeOf(dtype), peer, comm, stream));
  }
  NcclStatus Recv(void* target, size_t count, DType dtype, int peer, NcclHandle comm,
                  CudaStreamHandle stream) override {
    return StatusOf(ncclRecv(target, count, TypeOf(dtype), peer, comm, stream));
  }
  NcclStatus AllReduce(const void* source, void* target, size_t count, DType dtype, NcclHandle comm,
                       CudaStreamHandle stream) override {
    return StatusOf(ncclAllReduce(source, target, count, TypeOf(dtype), ncclSum, comm, stream));
  }
  NcclStatus Reduce(const void* source, void* target, size_t count, DType dtype, int root,
                    NcclHandle comm, CudaStreamHandle stream) override {
    return StatusOf(ncclReduce(source, target, count, TypeOf(dtype), ncclSum, root, comm, stream));
  }
  NcclStatus ReduceScatter(const void* source, void* target, size_t target_count, DType dtype,
                           NcclHandle comm, CudaStreamHandle stream) override {
    return StatusOf(
        ncclReduceScatter(source, target, target_count, TypeOf(dtype), ncclSum, comm, stream));
  }
  NcclStatus AllGather(const void* source, void* target, size_t source_count, DType dtype,
                       NcclHandle comm, CudaStreamHandle stream) override {
    return StatusOf(ncclAllGather(source, target, source_count, TypeOf(dtype), comm, stream));
  }
  NcclStatus Broadcast(const void* source, void* target, size_t count, DType dtype, int root,
                       NcclHandle comm, CudaStreamHandle stream) override {
    return StatusOf(ncclBroadcast(source, target, count, TypeOf(dtype), root, comm, stream));
  }
};

}  // namespace

std::unique_ptr<NcclApi> OpenNccl() {
  constexpr int kFirstInOrder = NCCL_VERSION(2, 26, 0);
  int version = 0;
  if (ncclGetVersion(&version) != ncclSuccess || version < kFirstInOrder) {
    throw std::runtime_error("NCCL 2.26 or newer is needed, not " + VersionText(version) +
                             ": older ones may deadlock where a GPU has several communicators");
  }
  // Read by NCCL at its first launch.
  setenv("NCCL_LAUNCH_ORDER_IMPLICIT", "1", 0);
  return std::make_unique<NcclLibrary>();
}

}  // namespace pprun
