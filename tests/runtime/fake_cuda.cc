#include "tests/runtime/fake_cuda.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/cpu_queue.h"
#include "runtime/comm/rank_order_sum.h"
#include "runtime/cpu/cpu_calls.h"

namespace pprun {
namespace {

// A query runs at most so much, so that hosts see streams that are not done yet.
constexpr int kRunsAQuery = 400;

constexpr const char* kCallNames[] = {"operation",  "zero",       "cast",        "add",   "copy",
                                      "initialise", "square_sum", "clip_factor", "update"};

template <class Map>
void NameAlive(const Map& map, const std::string& what, std::vector<std::string>& alive) {
  for (const auto& [number, one] : map) alive.push_back(what + " " + std::to_string(number));
}

}  // namespace

// Appends to the fake's stream what runs on the CPU.
class FakeCuda::Launcher : public CudaLauncher {
 public:
  Launcher(FakeCuda& fake, CudaStreamHandle stream) : fake_(fake), stream_(stream), queue_(1) {}

  void Launch(const DeviceCall& call) override {
    Append(std::string("launch ") + kCallNames[call.index()], [this, &call] {
      if (!fake_.KernelFails()) RunOnCpu(queue_, call);
    });
  }
  void SumInRankOrder(DType dtype, std::span<const void* const> sources,
                      std::span<void* const> targets, int64_t elements) override {
    // A launch copies its arguments.
    Append("launch sum of " + std::to_string(sources.size()),
           [dtype, from = std::vector<const void*>(sources.begin(), sources.end()),
            to = std::vector<void*>(targets.begin(), targets.end()),
            elements] { pprun::SumInRankOrder(dtype, from, to, 0, elements); });
  }
  void Mark(int64_t* word, int64_t value) override {
    Append("mark",
           [word, value] { std::atomic_ref(*word).store(value, std::memory_order_release); });
  }

 private:
  void Append(const std::string& name, std::function<void()> run) {
    const std::lock_guard lock(fake_.mutex_);
    fake_.Log(name + NameOf(stream_));
    CudaStatus status = fake_.StatusOf(name);
    fake_.CheckCurrent(fake_.streams_.at(NumberOf(stream_)), name);
    if (status == CudaStatus::kSuccess) status = fake_.Append(stream_, std::move(run));
    fake_.Check(status, name.c_str());
  }

  FakeCuda& fake_;
  const CudaStreamHandle stream_;
  const kernels::CpuQueue queue_;
};

std::unique_ptr<CudaLauncher> FakeCuda::LauncherOf(CudaStreamHandle stream) {
  return std::make_unique<Launcher>(*this, stream);
}

FakeCuda::~FakeCuda() {
  for (const auto* place : {&device_memory_, &pinned_memory_}) {
    for (const auto& [memory, bytes] : *place) std::free(const_cast<std::byte*>(memory));
  }
}

std::vector<std::string> FakeCuda::TakeLog() {
  const std::lock_guard lock(mutex_);
  return std::exchange(log_, {});
}

std::vector<std::string> FakeCuda::violations() {
  const std::lock_guard lock(mutex_);
  return violations_;
}

std::vector<std::string> FakeCuda::alive() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> alive;
  NameAlive(streams_, "stream", alive);
  NameAlive(events_, "event", alive);
  NameAlive(captures_, "graph", alive);
  NameAlive(graphs_, "executable graph", alive);
  for (const auto& [memory, bytes] : device_memory_) {
    alive.push_back("memory of " + std::to_string(bytes));
  }
  for (const auto& [memory, bytes] : pinned_memory_) {
    alive.push_back("pinned memory of " + std::to_string(bytes));
  }
  return alive;
}

void FakeCuda::FailCall(const std::string& call, CudaStatus status, int after) {
  const std::lock_guard lock(mutex_);
  failures_[call] = {status, after};
}

void FakeCuda::FailKernel(int after) {
  const std::lock_guard lock(mutex_);
  fail_kernel_after_ = after;
}

CudaStatus FakeCuda::StatusOf(const std::string& call) {
  if (broken_ != CudaStatus::kSuccess) return broken_;
  const auto found = failures_.find(call);
  if (found == failures_.end() || found->second.after-- > 0) return CudaStatus::kSuccess;
  return found->second.status;
}

CudaStatus FakeCuda::Append(CudaStreamHandle handle, std::function<void()> run) {
  Stream& stream = streams_.at(NumberOf(handle));
  if (stream.capture < 0) {
    stream.queue.push_back({std::move(run), -1, issued_++});
    return CudaStatus::kSuccess;
  }
  Capture& capture = captures_.at(stream.capture);
  capture.nodes.push_back({std::move(run), stream.frontier});
  stream.frontier = {static_cast<int64_t>(capture.nodes.size()) - 1};
  return CudaStatus::kSuccess;
}

bool FakeCuda::CanRun(int64_t number, const Stream& stream) const {
  if (stream.done == stream.queue.size()) return false;
  const Work& work = stream.queue[stream.done];
  if (work.after_record >= 0 && records_[static_cast<size_t>(work.after_record)] == 0) return false;
  if (options_.hardware_queues >= streams_.size()) return true;
  const auto queue_of = [&](int64_t one) {
    return static_cast<size_t>(one) % options_.hardware_queues;
  };
  return std::ranges::none_of(streams_, [&](const auto& other) {
    return queue_of(other.first) == queue_of(number) &&
           other.second.done < other.second.queue.size() &&
           other.second.queue[other.second.done].issued < work.issued;
  });
}

bool FakeCuda::RunOne() {
  std::vector<Stream*> candidates;
  for (auto& [number, stream] : streams_) {
    if (CanRun(number, stream)) candidates.push_back(&stream);
  }
  if (candidates.empty()) return false;
  Stream& stream = *candidates[random_() % candidates.size()];
  const Work work = std::move(stream.queue[stream.done++]);
  if (stream.done == stream.queue.size()) {
    stream.queue.clear();
    stream.done = 0;
  }
  RunPiece(work.run);
  return true;
}

void FakeCuda::RunPiece(const std::function<void()>& run) {
  clock_ += 1;
  if (!run || broken_ != CudaStatus::kSuccess) return;
  run();
}

bool FakeCuda::KernelFails() {
  if (fail_kernel_after_ == 0) broken_ = CudaStatus::kIllegalAddress;
  if (fail_kernel_after_ > 0) --fail_kernel_after_;
  return broken_ != CudaStatus::kSuccess;
}

void FakeCuda::RunAll() {
  while (broken_ == CudaStatus::kSuccess && RunOne()) {
  }
}

void FakeCuda::RunNodes(const std::vector<Node>& nodes) {
  std::vector<size_t> missing(nodes.size());
  std::vector<std::vector<size_t>> followers(nodes.size());
  std::vector<size_t> ready;
  for (size_t i = 0; i < nodes.size(); ++i) {
    missing[i] = nodes[i].after.size();
    for (const int64_t before : nodes[i].after) followers[static_cast<size_t>(before)].push_back(i);
    if (missing[i] == 0) ready.push_back(i);
  }
  while (!ready.empty()) {
    std::swap(ready[random_() % ready.size()], ready.back());
    const size_t node = ready.back();
    ready.pop_back();
    RunPiece(nodes[node].run);
    for (const size_t follower : followers[node]) {
      if (--missing[follower] == 0) ready.push_back(follower);
    }
  }
}

CudaStatus FakeCuda::StreamQuery(CudaStreamHandle handle) {
  const std::lock_guard lock(mutex_);
  CudaStatus status = StatusOf("cudaStreamQuery");
  if (status == CudaStatus::kSuccess) status = CheckNoCapture("cudaStreamQuery");
  if (status != CudaStatus::kSuccess) return status;
  Stream& stream = streams_.at(NumberOf(handle));
  if (stream.capture >= 0) {
    Violate("a capturing stream was queried");
    captures_.at(stream.capture).state = Capture::State::kBroken;
    return CudaStatus::kStreamCaptureUnsupported;
  }
  for (int i = 0; i < kRunsAQuery; ++i) {
    if (stream.queue.empty()) return broken_;
    if (!RunOne()) {
      Violate("the GPU hangs");
      broken_ = CudaStatus::kLaunchTimeout;
    }
    if (broken_ != CudaStatus::kSuccess) return broken_;
  }
  return stream.queue.empty() ? CudaStatus::kSuccess : CudaStatus::kNotReady;
}

CudaStatus FakeCuda::EventRecord(CudaEventHandle handle, CudaStreamHandle stream_handle,
                                 CudaRecord record) {
  const std::lock_guard lock(mutex_);
  Log("record" + NameOf(handle) + NameOf(stream_handle));
  if (const CudaStatus status = StatusOf("cudaEventRecord"); status != CudaStatus::kSuccess) {
    return status;
  }
  Event& event = events_.at(NumberOf(handle));
  const Stream& stream = streams_.at(NumberOf(stream_handle));
  if (event.device != stream.device) Violate("an event is recorded on another GPU's stream");
  if (stream.capture >= 0 && record == CudaRecord::kPlain) {
    event.capture = stream.capture;
    event.frontier = stream.frontier;
    return CudaStatus::kSuccess;
  }
  if (stream.capture < 0 && record == CudaRecord::kEveryReplay) return CudaStatus::kInvalidValue;
  if (stream.capture >= 0) captures_.at(stream.capture).events.insert(NumberOf(handle));
  event.capture = -1;
  event.record = static_cast<int64_t>(records_.size());
  records_.push_back(0);
  return Append(stream_handle, [this, number = NumberOf(handle), reached = event.record] {
    records_[static_cast<size_t>(reached)] = 1;
    // An event may go before it is recorded.
    if (const auto found = events_.find(number); found != events_.end()) {
      found->second.time = clock_;
    }
  });
}

CudaStatus FakeCuda::StreamWaitEvent(CudaStreamHandle stream_handle, CudaEventHandle handle) {
  const std::lock_guard lock(mutex_);
  Log("wait" + NameOf(stream_handle) + NameOf(handle));
  if (const CudaStatus status = StatusOf("cudaStreamWaitEvent"); status != CudaStatus::kSuccess) {
    return status;
  }
  const Event& event = events_.at(NumberOf(handle));
  Stream& stream = streams_.at(NumberOf(stream_handle));
  if (event.capture >= 0) {
    const auto capture = captures_.find(event.capture);
    if (capture == captures_.end() || capture->second.state != Capture::State::kOpen) {
      Violate("a stream waits for an event of a capture that is over");
      return CudaStatus::kCapturedEvent;
    }
    if (stream.capture < 0) {
      // The stream joins the capture.
      stream.capture = event.capture;
      stream.frontier.clear();
      capture->second.streams.insert(NumberOf(stream_handle));
    }
    for (const int64_t node : event.frontier) {
      if (std::ranges::find(stream.frontier, node) == stream.frontier.end()) {
        stream.frontier.push_back(node);
      }
    }
    return CudaStatus::kSuccess;
  }
  if (event.record < 0) {
    Violate("a stream waits for an event that was never recorded");
    return CudaStatus::kSuccess;
  }
  if (stream.capture >= 0) {
    Violate("a capture waits for an event from outside");
    return CudaStatus::kStreamCaptureIsolation;
  }
  stream.queue.push_back({{}, event.record, issued_++});
  return CudaStatus::kSuccess;
}

CudaStatus FakeCuda::EventElapsedTime(float* milliseconds, CudaEventHandle begin,
                                      CudaEventHandle end) {
  const std::lock_guard lock(mutex_);
  const Event& first = events_.at(NumberOf(begin));
  const Event& last = events_.at(NumberOf(end));
  for (const Event* event : {&first, &last}) {
    if (event->capture >= 0) Violate("the time of a captured event is asked for");
    if (event->kind != CudaEventKind::kTiming || event->time < 0) return CudaStatus::kInvalidValue;
  }
  *milliseconds = last.time - first.time;
  return StatusOf("cudaEventElapsedTime");
}

CudaStatus FakeCuda::StreamBeginCapture(CudaStreamHandle handle) {
  const std::lock_guard lock(mutex_);
  Log("begin capture" + NameOf(handle));
  if (const CudaStatus status = StatusOf("cudaStreamBeginCapture");
      status != CudaStatus::kSuccess) {
    return status;
  }
  Stream& stream = streams_.at(NumberOf(handle));
  stream.capture = ++made_;
  stream.frontier.clear();
  captures_[made_].streams.insert(NumberOf(handle));
  captures_[made_].thread = std::this_thread::get_id();
  return CudaStatus::kSuccess;
}

CudaStatus FakeCuda::StreamEndCapture(CudaStreamHandle handle, CudaGraphHandle* graph) {
  const std::lock_guard lock(mutex_);
  Log("end capture" + NameOf(handle));
  const int64_t number = streams_.at(NumberOf(handle)).capture;
  Capture& capture = captures_.at(number);
  if (capture.thread != std::this_thread::get_id()) Violate("another thread ends a capture");
  // Everything must lead to where the capture ends.
  std::vector<char> joined(capture.nodes.size(), 0);
  std::vector<int64_t> open = streams_.at(NumberOf(handle)).frontier;
  while (!open.empty()) {
    const auto node = static_cast<size_t>(open.back());
    open.pop_back();
    if (std::exchange(joined[node], 1) != 0) continue;
    open.insert(open.end(), capture.nodes[node].after.begin(), capture.nodes[node].after.end());
  }
  for (const int64_t stream : capture.streams) {
    streams_.at(stream).capture = -1;
    streams_.at(stream).frontier.clear();
  }
  CudaStatus status = StatusOf("cudaStreamEndCapture");
  if (capture.state == Capture::State::kBroken) status = CudaStatus::kStreamCaptureInvalidated;
  if (std::ranges::count(joined, 0) > 0) status = CudaStatus::kStreamCaptureUnjoined;
  capture.state = Capture::State::kEnded;
  if (status != CudaStatus::kSuccess) {
    captures_.erase(number);
    return status;
  }
  *graph = HandleOf<CudaGraphHandle>(number);
  return status;
}

CudaStatus FakeCuda::GraphInstantiate(CudaGraphExecHandle* exec, CudaGraphHandle graph) {
  const std::lock_guard lock(mutex_);
  Log("instantiate");
  const CudaStatus status = StatusOf("cudaGraphInstantiate");
  if (status != CudaStatus::kSuccess) return status;
  graphs_[++made_] = captures_.at(NumberOf(graph));
  *exec = HandleOf<CudaGraphExecHandle>(made_);
  return status;
}

CudaStatus FakeCuda::GraphLaunch(CudaGraphExecHandle exec, CudaStreamHandle stream) {
  const std::lock_guard lock(mutex_);
  Log("launch graph" + NameOf(stream));
  const CudaStatus status = StatusOf("cudaGraphLaunch");
  if (status != CudaStatus::kSuccess) return status;
  return Append(stream, [this, number = NumberOf(exec)] {
    // A graph that goes while it runs is never seen to end.
    if (const auto found = graphs_.find(number); found != graphs_.end()) {
      RunNodes(found->second.nodes);
    }
  });
}

CudaStatus FakeCuda::GraphDestroy(CudaGraphHandle graph) {
  const std::lock_guard lock(mutex_);
  captures_.erase(NumberOf(graph));
  return CudaStatus::kSuccess;
}

CudaStatus FakeCuda::GraphExecDestroy(CudaGraphExecHandle exec) {
  const std::lock_guard lock(mutex_);
  Log("destroy graph");
  for (const int64_t stream : graphs_.at(NumberOf(exec)).streams) {
    if (!streams_.contains(stream)) Violate("a graph outlives a stream that it was captured from");
  }
  graphs_.erase(NumberOf(exec));
  return CudaStatus::kSuccess;
}

}  // namespace pprun
