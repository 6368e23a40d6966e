// The local communicator of ranks that share a GPU: streams, events, copies on the device, and one
// kernel that adds in rank order, with the bits of the CPU's communicator.
//
// A meeting is issued when the last of its participants issues its part: the streams of all of them
// wait for each other, one does the work, and all wait for it. So it is a true rendezvous on the
// GPU, and costs the host nothing but the calls. One thread issues all ranks, and between the first
// and the last participant of a meeting nothing else on their streams (joint_order.h), so that
// every event is recorded before it is waited for. Tests: cuda_local_test.cc with
// conformance/communicator_conformance.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/communicator.h"
#include "runtime/cuda/cuda_gpu.h"

namespace pprun {

class CudaTransferPoint;
class CudaGroupPoint;

// Joins the ranks of one GPU. Outlives their communicators and everything these prepare.
class CudaLocalHub {
 public:
  explicit CudaLocalHub(CudaGpu& gpu);
  ~CudaLocalHub();

  // For the streams of one rank.
  std::unique_ptr<Communicator> CommunicatorOf(int64_t rank);
  CudaGpu& gpu() { return gpu_; }

 private:
  friend class CudaLocalCommunicator;

  CudaTransferPoint& TransferPoint(ChannelId channel, int64_t from, int64_t to);
  CudaGroupPoint& GroupPoint(GroupId group, std::vector<int64_t> members);

  CudaGpu& gpu_;
  std::mutex mutex_;
  std::map<std::tuple<ChannelId, int64_t, int64_t>, std::unique_ptr<CudaTransferPoint>> transfers_;
  std::map<std::tuple<GroupId, std::vector<int64_t>>, std::unique_ptr<CudaGroupPoint>> groups_;
};

}  // namespace pprun
