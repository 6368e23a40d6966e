// One GPU and what all ranks on it share: the CUDA runtime, the abort that ends their waits, the
// clock of their traces, and whom to blame for a failure that CUDA reports late.
//
// A kernel that fails is noticed by whichever call comes next, on any stream, and every later call
// fails too. What each stream had finished before is known all the same where its work was marked
// (cuda_stream.h), so the failure is told to a rank whose stream was at work. Tests:
// cuda_device_test.cc.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/abort_signal.h"
#include "runtime/cuda/cuda_handles.h"

namespace pprun {

class CudaStream;

// At least one. Throws std::runtime_error where there is no driver or no GPU.
int VisibleGpus(CudaApi& api);

class CudaGpu {
 public:
  // The api outlives the GPU. Throws std::runtime_error where there is no driver, no GPU, or no GPU
  // of that number.
  CudaGpu(CudaApi& api, int number);
  ~CudaGpu();

  CudaApi& api() { return api_; }
  AbortSignal& abort() { return abort_; }
  const AbortSignal& abort() const { return abort_; }

  int number() const { return number_; }

  // For the calling thread's further calls.
  void MakeCurrent() { api_.Check(api_.SetDevice(number_), "cudaSetDevice"); }

  // The host waits until the stream has done everything. Throws AbortedError after an abort,
  // std::runtime_error for what CUDA reports.
  void Await(CudaStreamHandle stream);

  // Before what a stream's work uses goes: waits as Await does, but reports nothing. After an abort
  // all streams together have a few seconds, since work may wait for a rank that is gone.
  void Drain(CudaStreamHandle stream);

  // Streams that are at work, from their creation on.
  void Add(CudaStream& stream);
  void Remove(CudaStream& stream);
  // Tells the rank of a stream that was at work, or of `otherwise`, that its work has failed.
  // Within the handler of the exception.
  void Blame(const std::exception& error, CudaStream& otherwise);

  // A clock that all streams share while any of them is traced: seconds of the host's steady clock
  // at which a timing event was recorded and done.
  void StartClock();
  void StopClock();
  double SecondsAt(CudaEventHandle event);

 private:
  CudaApi& api_;
  const int number_;
  AbortSignal abort_;

  std::mutex mutex_;
  std::optional<std::chrono::steady_clock::time_point> farewell_;  // first Drain after an abort
  std::vector<CudaStream*> streams_;
  int clock_users_ = 0;
  double anchor_seconds_ = 0;
  OwnedCudaStream clock_stream_;
  OwnedCudaEvent anchor_;
};

}  // namespace pprun
