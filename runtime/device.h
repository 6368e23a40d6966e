// Device: where arenas live and streams run. Two implementations stand behind it: cpu (a stream is
// a worker thread with a queue) and cuda. A new one passes tests/conformance/.
//
// Everything is prepared before the loop: calls are plain data that outlive the run, so issuing one
// allocates nothing. Errors of the world throw std::runtime_error; a stream that has failed reports
// it at the next Synchronise.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "compiler/plan/function.h"
#include "compiler/plan/plan.h"
#include "kernels/kernel.h"

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
struct ScaleCall {
  kernels::Tensor target, factor;
};
struct CopyCall {  // host (pinned where the device can) to device
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
  kernels::Tensor gradient, partials;
};
struct ClipFactorCall {
  kernels::Tensor partials, target;
  std::span<const int32_t> order;
  double max_norm = 0;
};
struct UpdateCall {
  const OptimizerSpec* optimizer = nullptr;
  Parameter::Decay decay = Parameter::Decay::kYes;
  kernels::Tensor value, gradient, first_moment, second_moment;
  const kernels::StepState* state = nullptr;  // in device memory
};

using DeviceCall = std::variant<OperationCall, ZeroCall, CastCall, AddCall, ScaleCall, CopyCall,
                                InitialiseCall, SquareSumCall, ClipFactorCall, UpdateCall>;

class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  virtual std::byte* data() = 0;
  virtual int64_t bytes() const = 0;
};

class DeviceEvent {
 public:
  virtual ~DeviceEvent() = default;
};

// FIFO. Work issued to it must stay alive until it is done.
class DeviceStream {
 public:
  virtual ~DeviceStream() = default;
  virtual void Issue(std::span<const DeviceCall> calls) = 0;
  virtual void Record(DeviceEvent& event) = 0;
  virtual void Wait(DeviceEvent& event) = 0;
  // The host waits until everything issued is done. Throws what failed on the stream.
  virtual void Synchronise() = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::unique_ptr<DeviceMemory> Allocate(int64_t bytes) = 0;
  virtual std::unique_ptr<DeviceStream> CreateStream(const std::string& name) = 0;
  virtual std::unique_ptr<DeviceEvent> CreateEvent() = 0;
  // Host to device and back, outside the loop.
  virtual void Upload(std::byte* device, std::span<const std::byte> host) = 0;
  virtual void Download(std::span<std::byte> host, const std::byte* device) = 0;
};

}  // namespace pprun
