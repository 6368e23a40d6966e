// What issuing costs: one instruction on a CPU stream whose worker keeps up, and, apart from it,
// the hand-off between streams and between ranks, which is a matter of waking threads.
//
//   issue_bench --benchmark_filter=Issue
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <vector>

#include "runtime/comm/local.h"
#include "runtime/cpu/cpu_device.h"

namespace pprun {
namespace {

class Nothing : public CpuTask {
 public:
  void Run() override {}
};

// As the executor issues: tag, command, tag. The worker is awake, since it is kept busy; batches
// stay within the ring, and the time of waiting for the worker is not counted.
void IssueInstruction(benchmark::State& state) {
  CpuDevice device(1);
  const auto stream = device.CreateStream("bench");
  auto& cpu = static_cast<CpuStream&>(*stream);
  Nothing nothing;
  uint32_t issued = 0;
  for (auto _ : state) {
    cpu.Begin(issued);
    cpu.Issue(nothing);
    cpu.End();
    if (++issued % (CpuStream::kCapacity / 2) == 0) {
      state.PauseTiming();
      cpu.Synchronise();
      state.ResumeTiming();
    }
  }
  cpu.Synchronise();
}
BENCHMARK(IssueInstruction);

// The same into a stream that sleeps: the first instruction after a pause wakes the worker.
void IssueAndWakeWorker(benchmark::State& state) {
  CpuDevice device(1);
  const auto stream = device.CreateStream("bench");
  auto& cpu = static_cast<CpuStream&>(*stream);
  Nothing nothing;
  for (auto _ : state) {
    state.PauseTiming();
    cpu.Synchronise();
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    state.ResumeTiming();
    cpu.Issue(nothing);
  }
  cpu.Synchronise();
}
BENCHMARK(IssueAndWakeWorker)->Iterations(2000);

// From record on one stream to the end of the wait on another and back: two hand-offs.
void HandOffBetweenStreams(benchmark::State& state) {
  CpuDevice device(1);
  const auto first = device.CreateStream("first");
  const auto second = device.CreateStream("second");
  const auto there = device.CreateEvent();
  const auto back = device.CreateEvent();
  int64_t hand_offs = 0;
  for (auto _ : state) {
    for (int i = 0; i < 100; ++i) {
      first->Record(*there);
      second->Wait(*there);
      second->Record(*back);
      first->Wait(*back);
    }
    first->Synchronise();
    hand_offs += 200;
  }
  second->Synchronise();
  state.SetItemsProcessed(hand_offs);
}
BENCHMARK(HandOffBetweenStreams)->UseRealTime();

// A rendezvous of two ranks that passes `bytes`.
void Transfer(benchmark::State& state) {
  LocalHub hub(2);
  std::array<CpuDevice, 2> devices = {CpuDevice(1), CpuDevice(1)};
  const int64_t bytes = state.range(0);
  std::array<std::unique_ptr<DeviceMemory>, 2> memory;
  std::array<kernels::Tensor, 2> tensors;
  for (size_t rank = 0; rank < 2; ++rank) {
    memory[rank] = devices[rank].Allocate(bytes);
    tensors[rank] = {memory[rank]->data(), DType::kF32, {bytes / 4}};
  }
  const auto sender = hub.CommunicatorOf(0);
  const auto receiver = hub.CommunicatorOf(1);
  const auto send = sender->PrepareSend(ChannelId(0), 1, tensors[0]);
  const auto recv = receiver->PrepareRecv(ChannelId(0), 0, tensors[1]);
  const auto out = devices[0].CreateStream("send");
  const auto in = devices[1].CreateStream("recv");
  for (auto _ : state) {
    send->Issue(*out);
    recv->Issue(*in);
    in->Synchronise();
    out->Synchronise();
  }
  state.SetBytesProcessed(state.iterations() * bytes);
}
BENCHMARK(Transfer)->Arg(64)->Arg(1 << 20)->Arg(16 << 20)->UseRealTime();

// An all-reduce of two ranks, in place.
void AllReduce(benchmark::State& state) {
  LocalHub hub(2);
  std::array<CpuDevice, 2> devices = {CpuDevice(1), CpuDevice(1)};
  const int64_t bytes = state.range(0);
  const std::vector<int64_t> members = {0, 1};
  std::array<std::unique_ptr<DeviceMemory>, 2> memory;
  std::array<std::unique_ptr<Communicator>, 2> communicators;
  std::array<std::unique_ptr<PreparedMeeting>, 2> meetings;
  std::array<std::unique_ptr<DeviceStream>, 2> streams;
  for (size_t rank = 0; rank < 2; ++rank) {
    memory[rank] = devices[rank].Allocate(bytes);
    const std::vector<std::byte> zeros(static_cast<size_t>(bytes));
    devices[rank].Upload(memory[rank]->data(), zeros);
    const kernels::Tensor tensor = {memory[rank]->data(), DType::kF32, {bytes / 4}};
    communicators[rank] = hub.CommunicatorOf(static_cast<int64_t>(rank));
    meetings[rank] = communicators[rank]->PrepareCollective(CollectiveKind::kAllReduce, GroupId(0),
                                                            members, tensor, tensor, 0);
    streams[rank] = devices[rank].CreateStream("sum");
  }
  for (auto _ : state) {
    for (size_t rank = 0; rank < 2; ++rank) meetings[rank]->Issue(*streams[rank]);
    for (const auto& stream : streams) stream->Synchronise();
  }
  state.SetBytesProcessed(state.iterations() * bytes);
}
BENCHMARK(AllReduce)->Arg(1 << 20)->Arg(10 << 20)->Arg(100 << 20)->UseRealTime();

}  // namespace
}  // namespace pprun

BENCHMARK_MAIN();
