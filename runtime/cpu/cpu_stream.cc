#include "runtime/cpu/cpu_stream.h"

#include <pthread.h>

#include <chrono>
#include <utility>

#include "compiler/plan/base/check.h"
#include "runtime/cpu/cpu_calls.h"
#include "runtime/cpu/spin.h"
#include "runtime/start_thread.h"

namespace pprun {
namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

CpuStream::CpuStream(const std::string& name, int threads, CpuFailure& failure)
    : failure_(failure), queue_(threads), ring_(kCapacity) {
  worker_ = StartThread([this] { Work(); });
  // The system keeps 15 characters.
  pthread_setname_np(worker_.native_handle(), name.substr(0, 15).c_str());
}

CpuStream::~CpuStream() {
  Push({.kind = CommandKind::kStop, .calls = nullptr});
  worker_.join();
}

void CpuStream::Issue(std::span<const DeviceCall> calls) {
  Push({.kind = CommandKind::kCalls,
        .number = static_cast<uint32_t>(calls.size()),
        .tag = tag_,
        .calls = calls.data()});
}

void CpuStream::Issue(CpuTask& task) {
  Push({.kind = CommandKind::kTask, .tag = tag_, .task = &task});
}

void CpuStream::Record(DeviceEvent& event) {
  auto& own = static_cast<CpuEvent&>(event);
  Push({.kind = CommandKind::kRecord, .number = own.NextRecord(), .tag = tag_, .event = &own});
}

void CpuStream::Wait(DeviceEvent& event) {
  auto& own = static_cast<CpuEvent&>(event);
  Push({.kind = CommandKind::kWait, .number = own.LastRecord(), .tag = tag_, .event = &own});
}

void CpuStream::Synchronise() {
  AwaitEmpty();
  failure_.Rethrow();
}

void CpuStream::StartTrace(size_t capacity) {
  CHECK(emptied_.load(std::memory_order_acquire) == issued_);
  trace_.clear();
  trace_.reserve(capacity);
  trace_capacity_ = capacity;
}

std::vector<StreamInterval> CpuStream::StopTrace() {
  CHECK(emptied_.load(std::memory_order_acquire) == issued_);
  trace_capacity_ = 0;
  return std::exchange(trace_, {});
}

void CpuStream::Push(const Command& command) {
  // What is left of the ring is not known exactly, but at least what was emptied is free.
  if (issued_ - emptied_.load(std::memory_order_acquire) >= kCapacity) AwaitEmpty();
  ring_[issued_ % kCapacity] = command;
  ++issued_;
  // Sequentially consistent, so that either the worker sees this or the notification sees it sleep.
  published_.store(issued_, std::memory_order_seq_cst);
  published_.notify_one();
}

void CpuStream::AwaitEmpty() {
  for (;;) {
    const uint32_t emptied = emptied_.load(std::memory_order_seq_cst);
    if (emptied == issued_) return;
    emptied_.wait(emptied, std::memory_order_seq_cst);
  }
}

void CpuStream::Work() {
  uint32_t done = 0;
  for (;;) {
    const uint32_t published = published_.load(std::memory_order_acquire);
    if (done == published) {
      head_tag_.store(kNoWork, std::memory_order_relaxed);
      emptied_.store(done, std::memory_order_seq_cst);
      emptied_.notify_all();
      const auto more = [&] { return published_.load(std::memory_order_acquire) != done; };
      if (!SpinUntil(more)) published_.wait(done, std::memory_order_seq_cst);
      continue;
    }
    for (; done != published; ++done) {
      const Command& command = ring_[done % kCapacity];
      if (command.kind == CommandKind::kStop) return;
      head_tag_.store(command.tag, std::memory_order_relaxed);
      if (trace_.size() < trace_capacity_) {
        ExecuteTraced(command);
      } else {
        Execute(command);
      }
      progress_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

void CpuStream::ExecuteTraced(const Command& command) {
  const double begin = Now();
  Execute(command);
  trace_.push_back({command.tag, begin, Now()});
}

void CpuStream::Execute(const Command& command) {
  if (failure_.HasFailed()) return;
  try {
    Run(command);
  } catch (const std::exception& error) {
    failure_.Fail(command.tag, error);
  }
}

void CpuStream::Run(const Command& command) {
  switch (command.kind) {
    case CommandKind::kCalls:
      for (const DeviceCall& call : std::span(command.calls, command.number)) {
        RunOnCpu(queue_, call);
        progress_.fetch_add(1, std::memory_order_relaxed);
      }
      return;
    case CommandKind::kTask:
      command.task->Run();
      return;
    case CommandKind::kRecord:
      command.event->Reach(command.number);
      return;
    case CommandKind::kWait:
      // Poisoned: the device has failed, and what follows is dropped.
      command.event->Await(command.number);
      return;
    case CommandKind::kStop:
      return;
  }
}

}  // namespace pprun
