// NCCL as this runtime uses it: a thin table of its functions. Nothing here needs NCCL's headers,
// so that which communicators are made, in which order, and what is issued on them is tested
// without a GPU, through a fake (tests/runtime/fake_nccl.h). The real one is nccl_library.cc; where
// NCCL is not built, no_nccl.cc says so.
//
// Each function is named after the one that it calls, without `nccl`, and returns what that
// returns. All communicators are made not to block, so each may return kInProgress; then no other
// call on that communicator may follow, and no work on the stream, until CommGetAsyncError says
// otherwise. No two threads may be within NCCL at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "compiler/plan/types.h"
#include "runtime/cuda/cuda_api.h"

// What NCCL's handle points to, under NCCL's own name.
struct ncclComm;

namespace pprun {

using NcclHandle = ncclComm*;

// As ncclResult_t numbers them.
enum class NcclStatus : int {
  kSuccess = 0,
  kUnhandledCudaError = 1,
  kSystemError = 2,
  kInternalError = 3,
  kInvalidArgument = 4,
  kInvalidUsage = 5,
  kRemoteError = 6,
  kInProgress = 7,
};

// What one rank makes and all need to find each other.
using NcclId = std::array<char, 128>;

// NCCL_SPLIT_NOCOLOR: takes part in the split and gets no communicator.
inline constexpr int kNcclNoColor = -1;

class NcclApi {
 public:
  virtual ~NcclApi() = default;

  virtual std::string GetErrorString(NcclStatus status) = 0;
  // What NCCL logged last, for people; may be empty.
  virtual std::string GetLastError(NcclHandle comm) = 0;
  virtual NcclStatus GetUniqueId(NcclId* id) = 0;
  virtual NcclStatus CommInitRankConfig(NcclHandle* comm, int ranks, const NcclId& id,
                                        int rank) = 0;
  // `made` is written when `comm` is no longer in progress, by a thread of NCCL's own.
  virtual NcclStatus CommSplit(NcclHandle comm, int color, int key, NcclHandle* made) = 0;
  virtual NcclStatus CommGetAsyncError(NcclHandle comm, NcclStatus* status) = 0;
  virtual NcclStatus CommFinalize(NcclHandle comm) = 0;
  virtual NcclStatus CommDestroy(NcclHandle comm) = 0;
  // Returns when the communicator is gone: when graphs that hold its work are. Within a group, the
  // end of the group does.
  virtual NcclStatus CommAbort(NcclHandle comm) = 0;

  virtual NcclStatus GroupStart() = 0;
  virtual NcclStatus GroupEnd() = 0;
  virtual NcclStatus Send(const void* source, size_t count, DType dtype, int peer, NcclHandle comm,
                          CudaStreamHandle stream) = 0;
  virtual NcclStatus Recv(void* target, size_t count, DType dtype, int peer, NcclHandle comm,
                          CudaStreamHandle stream) = 0;
  // Sums, in an order of NCCL's own.
  virtual NcclStatus AllReduce(const void* source, void* target, size_t count, DType dtype,
                               NcclHandle comm, CudaStreamHandle stream) = 0;
  virtual NcclStatus Reduce(const void* source, void* target, size_t count, DType dtype, int root,
                            NcclHandle comm, CudaStreamHandle stream) = 0;
  virtual NcclStatus ReduceScatter(const void* source, void* target, size_t target_count,
                                   DType dtype, NcclHandle comm, CudaStreamHandle stream) = 0;
  virtual NcclStatus AllGather(const void* source, void* target, size_t source_count, DType dtype,
                               NcclHandle comm, CudaStreamHandle stream) = 0;
  virtual NcclStatus Broadcast(const void* source, void* target, size_t count, DType dtype,
                               int root, NcclHandle comm, CudaStreamHandle stream) = 0;
};

// NCCL of this machine, told to order the work of a GPU's communicators as it is issued: without
// that they may wait for each other for ever. Throws std::runtime_error where it is not built, or
// too old to do so.
std::unique_ptr<NcclApi> OpenNccl();

}  // namespace pprun
