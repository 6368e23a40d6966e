#include "runtime/measure_machine.h"

#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <cmath>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/cpu/cpu_backend.h"
#include "runtime/start_thread.h"

namespace pprun {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kProductSize = 1024;
constexpr int64_t kArrayBytes = 32 << 20;
constexpr int64_t kFewElements = 16;
// Issued between two looks at the clock, where one is too short to be timed.
constexpr int64_t kManyCalls = 256;

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// A rank: its own device, and the end of a message to or from its neighbour.
class Member {
 public:
  Member(Backend& backend, int64_t rank)
      : device_(backend.DeviceOf(rank)),
        communicator_(backend.CommunicatorOf(rank)),
        stream_(device_->CreateStream("compute.0")) {}

  kernels::Tensor Make(DType type, const Shape& shape) {
    const int64_t bytes = shape.Elements() * SizeOf(type);
    DeviceMemory& memory = *memory_.emplace_back(device_->Allocate(bytes));
    // Zero in every type; and its pages are there before anything is timed.
    device_->Upload(memory.data(), std::vector<std::byte>(static_cast<size_t>(bytes)));
    return {memory.data(), type, shape};
  }

  void Do(std::span<const DeviceCall> calls) {
    stream_->Issue(calls);
    stream_->Synchronise();
  }
  void Do(PreparedMeeting& meeting, int64_t times) {
    for (int64_t i = 0; i < times; ++i) meeting.Issue(*stream_);
    stream_->Synchronise();
  }

  Communicator& communicator() { return *communicator_; }

 private:
  std::unique_ptr<Device> device_;
  std::vector<std::unique_ptr<DeviceMemory>> memory_;
  std::unique_ptr<Communicator> communicator_;
  std::unique_ptr<DeviceStream> stream_;  // destroyed first
};

// The ranks, each on a thread of its own while something is measured.
class Measurement {
 public:
  explicit Measurement(const MeasureOptions& options)
      : options_(options),
        in_pairs_(std::max<int64_t>(2, options.ranks / 2 * 2)),
        backend_(std::max(options.ranks, in_pairs_), options.threads) {
    for (int64_t rank = 0; rank < std::max(options.ranks, in_pairs_); ++rank) {
      members_.push_back(std::make_unique<Member>(backend_, rank));
    }
  }

  // Of one piece of the work that `prepare` makes of a rank's tensors: the mean over ranks.
  double SecondsOf(const std::function<std::vector<DeviceCall>(Member&)>& prepare) {
    std::vector<double> seconds(static_cast<size_t>(options_.ranks));
    OnThreads(options_.ranks, [&](int64_t rank, std::barrier<>& start) {
      Member& member = *members_[static_cast<size_t>(rank)];
      const std::vector<DeviceCall> calls = prepare(member);
      // Libraries compile their primitives.
      member.Do(calls);
      start.arrive_and_wait();
      const Clock::time_point begin = Clock::now();
      int64_t times = 0;
      do {
        member.Do(calls);
        ++times;
      } while (Clock::now() - begin < options_.duration);
      seconds[static_cast<size_t>(rank)] =
          Seconds(Clock::now() - begin) / static_cast<double>(times);
    });
    double sum = 0;
    for (const double one : seconds) sum += one;
    return sum / static_cast<double>(seconds.size());
  }

  // Of one message of so many elements, while every pair of ranks exchanges them.
  double SecondsOfMessage(int64_t elements) {
    const double once = SecondsOfMessages(elements, 1);
    const auto enough = static_cast<int64_t>(Seconds(options_.duration) / once);
    return SecondsOfMessages(elements, std::clamp<int64_t>(enough, 1, 1 << 20));
  }

 private:
  // Of one of so many, as the first rank sees it.
  double SecondsOfMessages(int64_t elements, int64_t times) {
    double seconds = 0;
    // Meetings are of a channel's one size.
    const ChannelId channel(channels_++);
    OnThreads(in_pairs_, [&](int64_t rank, std::barrier<>& start) {
      Member& member = *members_[static_cast<size_t>(rank)];
      const kernels::Tensor tensor = member.Make(DType::kF32, {elements});
      const bool sends = rank % 2 == 0;
      const std::unique_ptr<PreparedMeeting> meeting =
          sends ? member.communicator().PrepareSend(channel, rank + 1, tensor)
                : member.communicator().PrepareRecv(channel, rank - 1, tensor);
      member.Do(*meeting, 1);
      start.arrive_and_wait();
      const Clock::time_point begin = Clock::now();
      member.Do(*meeting, times);
      if (rank == 0) seconds = Seconds(Clock::now() - begin) / static_cast<double>(times);
    });
    return std::max(seconds, 1e-9);
  }

  // The first failure is thrown when all are done.
  void OnThreads(int64_t ranks, const std::function<void(int64_t, std::barrier<>&)>& body) {
    std::barrier<> start(ranks);
    std::mutex mutex;
    std::exception_ptr failure;
    std::vector<std::thread> threads;
    for (int64_t rank = 0; rank < ranks; ++rank) {
      threads.push_back(StartThread([&, rank] {
        try {
          body(rank, start);
        } catch (const std::exception& error) {
          const std::scoped_lock lock(mutex);
          if (!failure) failure = std::current_exception();
          // Nobody waits for this rank any more.
          backend_.Abort(error.what());
          start.arrive_and_drop();
        }
      }));
    }
    for (std::thread& thread : threads) thread.join();
    if (failure) std::rethrow_exception(failure);
  }

  const MeasureOptions options_;
  const int64_t in_pairs_;  // an even number of ranks
  CpuBackend backend_;
  std::vector<std::unique_ptr<Member>> members_;
  int32_t channels_ = 0;
};

std::vector<DeviceCall> OneProduct(Member& member, DType type) {
  const Shape square = {kProductSize, kProductSize};
  OperationCall call{.kind = OpKind::kLinear, .attributes = {}, .operands = {}, .random = {}};
  call.operands = {
      member.Make(type, square), member.Make(type, square), {}, member.Make(type, square)};
  return {call};
}

std::vector<DeviceCall> Sums(Member& member, int64_t elements, int64_t times) {
  const AddCall call{member.Make(DType::kF32, {elements}), member.Make(DType::kF32, {elements})};
  return std::vector<DeviceCall>(static_cast<size_t>(times), call);
}

// A measurement has no more digits.
double FourDigits(double value) {
  if (value <= 0) return 0;
  const double unit = std::pow(10, std::floor(std::log10(value)) - 3);
  return std::round(value / unit) * unit;
}

}  // namespace

Machine MeasureMachine(const MeasureOptions& options) {
  Measurement measurement(options);
  Machine machine{.name = "localhost"};
  constexpr double kProductFlops = 2.0 * kProductSize * kProductSize * kProductSize;
  for (const DType type : {DType::kF32, DType::kBF16}) {
    machine.flops[static_cast<size_t>(type)] =
        FourDigits(kProductFlops / measurement.SecondsOf([type](Member& member) {
          return OneProduct(member, type);
        }));
  }
  machine.memory_bytes = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                         static_cast<double>(sysconf(_SC_PAGESIZE)) /
                         static_cast<double>(options.ranks);
  constexpr int64_t kMany = kArrayBytes / static_cast<int64_t>(sizeof(float));
  // One array is read, the other read and written.
  machine.memory_bandwidth = 3.0 * kArrayBytes / measurement.SecondsOf([](Member& member) {
    return Sums(member, kMany, 1);
  });
  const double call = measurement.SecondsOf([](Member& member) {
    return Sums(member, kFewElements, kManyCalls);
  }) / static_cast<double>(kManyCalls);
  machine.launch = FourDigits(call);
  const double latency = measurement.SecondsOfMessage(1);
  const double transfer = measurement.SecondsOfMessage(kMany);
  machine.links.push_back(
      {.name = "memory",
       .bandwidth = FourDigits(kArrayBytes / std::max(transfer - latency, transfer / 2)),
       // A message is an operation too.
       .latency = FourDigits(latency - call)});
  return machine;
}

}  // namespace pprun
