// Stream of the CPU device: a worker thread behind a ring of small commands.
//
// Issuing writes one slot and, if the worker sleeps, wakes it; nothing is allocated. The ring holds
// kCapacity commands; issuing into a full one waits until the worker has emptied it, which a plan
// proven in issue order survives. The worker spins briefly when it has nothing to do, then blocks.
// A command that throws fails the whole device: from then on its streams drop their commands.
// Tests: device_test.cc, issue_bench.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cpu_queue.h"
#include "runtime/cpu/cpu_event.h"
#include "runtime/device.h"

namespace pprun {

// Work of the runtime's own on a CPU stream: what a meeting does when it reaches the head.
class CpuTask {
 public:
  virtual ~CpuTask() = default;
  // On the stream's worker thread; may block, may throw.
  virtual void Run() = 0;
};

// The failure that a device's streams share.
class CpuFailure {
 public:
  virtual ~CpuFailure() = default;
  virtual bool HasFailed() const = 0;
  // The first call counts; called from within the handler of the exception.
  virtual void Fail(WorkTag tag, const std::exception& error) = 0;
  // Throws what failed, if anything did.
  virtual void Rethrow() = 0;
};

class CpuStream : public DeviceStream {
 public:
  // `failure` outlives the stream. Its linear algebra uses `threads` threads.
  CpuStream(const std::string& name, int threads, CpuFailure& failure);
  // Waits for what was issued.
  ~CpuStream() override;

  void Begin(WorkTag tag) override { tag_ = tag; }
  void End() override { tag_ = kNoWork; }
  void Issue(std::span<const DeviceCall> calls) override;
  void Issue(CpuTask& task);
  void Record(DeviceEvent& event) override;
  void Wait(DeviceEvent& event) override;
  void Synchronise() override;
  WorkTag Head() const override { return head_tag_.load(std::memory_order_relaxed); }
  int64_t Progress() const override { return progress_.load(std::memory_order_relaxed); }
  void StartTrace(size_t capacity) override;
  std::vector<StreamInterval> StopTrace() override;

  static constexpr uint32_t kCapacity = 4096;

 private:
  enum class CommandKind : uint8_t { kCalls, kTask, kRecord, kWait, kStop };

  struct Command {
    CommandKind kind = CommandKind::kStop;
    uint32_t number = 0;  // of calls, or of the record
    WorkTag tag = kNoWork;
    union {
      const DeviceCall* calls;
      CpuTask* task;
      CpuEvent* event;
    };
  };

  void Push(const Command& command);
  void AwaitEmpty();
  void Work();
  void Execute(const Command& command);
  void ExecuteTraced(const Command& command);
  // Throws what the command throws.
  void Run(const Command& command);

  CpuFailure& failure_;
  kernels::CpuQueue queue_;

  // Of the issuing thread.
  WorkTag tag_ = kNoWork;
  uint32_t issued_ = 0;

  // Between the two; counts of commands, modulo 2^32.
  std::vector<Command> ring_;
  std::atomic<uint32_t> published_{0};
  // Commands done when the worker last found nothing to do.
  std::atomic<uint32_t> emptied_{0};

  // Written by the worker, read by anyone.
  std::atomic<WorkTag> head_tag_{kNoWork};
  std::atomic<int64_t> progress_{0};

  // Of the worker; the issuing thread's while synchronised.
  std::vector<StreamInterval> trace_;
  size_t trace_capacity_ = 0;

  std::thread worker_;
};

}  // namespace pprun
