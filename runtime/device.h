// Device: where arenas live and streams run. Two implementations stand behind it: cpu (a stream is
// a worker thread with a queue) and cuda. A new one passes tests/conformance/.
//
// Everything is prepared before the loop: calls are plain data that outlive the run, so issuing one
// allocates nothing. Errors of the world throw std::runtime_error; a stream that has failed reports
// it at the next Synchronise, and the device's other streams drop what they were given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "compiler/plan/function.h"
#include "compiler/plan/plan.h"
#include "kernels/kernel.h"
#include "kernels/optimizer.h"

namespace pprun {

// One kernel of a function.
struct OperationCall {
  OpKind kind = OpKind::kAdd;
  OpAttributes attributes;
  std::vector<kernels::Tensor> operands;
  kernels::RandomKey random;
};

// The instructions that belong to no layer, with their tensors.
struct ZeroCall {
  kernels::Tensor target;
};
struct CastCall {
  kernels::Tensor source, target;
};
struct AddCall {
  kernels::Tensor source, target;
};
struct CopyCall {  // from memory of Device::AllocateHost
  const void* source = nullptr;
  kernels::Tensor target;
};
struct InitialiseCall {
  kernels::Tensor target;
  Initialisation initialisation;
  uint64_t seed = 0;
  uint64_t name_hash = 0;
};
struct SquareSumCall {
  std::vector<kernels::SquareSumTensors> gradients;
};
struct ClipFactorCall {
  kernels::Tensor partials, target;
  std::span<const int32_t> order;  // in device memory
  double max_norm = 0;
};
struct UpdateCall {
  const OptimizerSpec* optimizer = nullptr;
  std::vector<kernels::UpdateTensors> parameters;
  kernels::Tensor factor;                     // of the gradients; absent: 1
  const kernels::StepState* state = nullptr;  // in device memory
};

using DeviceCall = std::variant<OperationCall, ZeroCall, CastCall, AddCall, CopyCall,
                                InitialiseCall, SquareSumCall, ClipFactorCall, UpdateCall>;

class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  virtual std::byte* data() = 0;
  virtual int64_t bytes() const = 0;
  // Bytes that physical memory stands behind by now, by page.
  virtual int64_t TouchedBytes() const = 0;
};

// Memory of the host that the device copies from while the host goes on: pinned where that matters.
class HostMemory {
 public:
  virtual ~HostMemory() = default;
  virtual std::byte* data() = 0;
  virtual int64_t bytes() const = 0;
};

class DeviceEvent {
 public:
  virtual ~DeviceEvent() = default;
};

// What a piece of work belongs to, in the words of whoever issues it; kNoWork is an idle stream's.
using WorkTag = int64_t;
inline constexpr WorkTag kNoWork = -1;

// From when a piece of work reached the head of its stream until it was done, in seconds of one
// clock that all devices of a machine share.
struct StreamInterval {
  WorkTag tag = kNoWork;
  double begin = 0;
  double end = 0;
};

// FIFO. Work issued to it must stay alive until it is done. One thread issues.
class DeviceStream {
 public:
  virtual ~DeviceStream() = default;
  // What is issued from Begin to End is one piece of work of that tag.
  virtual void Begin(WorkTag tag) = 0;
  virtual void End() = 0;
  virtual void Issue(std::span<const DeviceCall> calls) = 0;
  virtual void Record(DeviceEvent& event) = 0;
  virtual void Wait(DeviceEvent& event) = 0;
  // The host waits until everything issued is done. Throws what failed on the stream.
  virtual void Synchronise() = 0;

  // From any thread: the work at the head, and a number that grows while work is done.
  virtual WorkTag Head() const = 0;
  virtual int64_t Progress() const = 0;

  // Only while synchronised. Keeps the first `capacity` intervals from here on.
  virtual void StartTrace(size_t capacity) = 0;
  virtual std::vector<StreamInterval> StopTrace() = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::unique_ptr<DeviceMemory> Allocate(int64_t bytes) = 0;
  virtual std::unique_ptr<HostMemory> AllocateHost(int64_t bytes) = 0;
  virtual std::unique_ptr<DeviceStream> CreateStream(const std::string& name) = 0;
  virtual std::unique_ptr<DeviceEvent> CreateEvent() = 0;
  // Host to device and back, outside the loop.
  virtual void Upload(std::byte* device, std::span<const std::byte> host) = 0;
  virtual void Download(std::span<std::byte> host, const std::byte* device) = 0;
  // `handler` is called once, by the thread that notices the first failure of a stream, before
  // anyone else learns of it. Set before anything is issued.
  virtual void OnFailure(std::function<void(WorkTag, const std::exception&)> handler) = 0;
};

}  // namespace pprun
