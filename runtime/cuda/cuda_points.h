// Where the participants of meetings on one GPU find each other: one point a channel and pair of
// ranks, one a group and its members, each with events of its own that serve every meeting there.
// Included by cuda/cuda_local.cc and cuda_points.cc only. Tests: cuda_local_test.cc.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "compiler/plan/instruction.h"
#include "kernels/kernel.h"
#include "runtime/cuda/cuda_stream.h"

namespace pprun {

// The streams that meet wait for each other, then one of them works while the others wait for it.
class CudaMeetingEvents {
 public:
  CudaMeetingEvents(CudaApi& api, size_t streams);
  // From here on `lead` works behind everything that the streams have.
  void Join(CudaStream& lead, std::span<CudaStream* const> streams);
  // And what follows on them stands behind the work.
  void Fork(CudaStream& lead, std::span<CudaStream* const> streams);

 private:
  CudaApi& api_;
  std::vector<OwnedCudaEvent> ready_;  // by stream
  OwnedCudaEvent done_;
};

class CudaTransferPoint {
 public:
  explicit CudaTransferPoint(CudaApi& api) : api_(api), events_(api, 1) {}

  void Send(CudaStream& stream, const kernels::Tensor& source);
  void Receive(CudaStream& stream, const kernels::Tensor& target);

 private:
  struct Party {
    CudaStream* stream = nullptr;
    kernels::Tensor tensor;
  };
  void MeetFrom(CudaStream& last);

  CudaApi& api_;
  CudaMeetingEvents events_;
  std::optional<Party> sender_, receiver_;
};

// What the members of a group do together.
struct CudaGroupWork {
  enum class Kind : uint8_t { kCollective, kPermute } kind = Kind::kCollective;
  CollectiveKind collective = CollectiveKind::kAllReduce;
  size_t root = 0;
  int64_t shift = 0;
};

class CudaGroupPoint {
 public:
  CudaGroupPoint(CudaApi& api, size_t members);

  void Arrive(CudaStream& stream, size_t index, const kernels::Tensor& source,
              const kernels::Tensor& target, const CudaGroupWork& work);

 private:
  void Work(const CudaGroupWork& work);
  void Sum(std::span<void* const> targets, int64_t source_offset, int64_t elements);
  void CopyAllToAll(int64_t bytes);
  void Copy(size_t to, int64_t to_offset, size_t from, int64_t from_offset, int64_t bytes);

  CudaApi& api_;
  CudaMeetingEvents events_;
  size_t arrived_ = 0;
  // By member, in rank order; the first one's stream does the work.
  std::vector<CudaStream*> streams_;
  std::vector<kernels::Tensor> sources_, targets_;
  // Scratch, so that issuing allocates nothing.
  std::vector<const void*> addresses_;
  std::vector<void*> all_targets_;
};

}  // namespace pprun
