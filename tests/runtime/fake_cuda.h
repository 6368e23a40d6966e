// A GPU that is none: it records every call, keeps CUDA's rules about streams, events and captures,
// and runs the work on the CPU, so that what a plan computes through the CUDA runtime can be
// compared, bit by bit, on a machine without a GPU.
//
// Work runs late and in a random order: whenever someone asks whether a stream is done, streams are
// picked at random and their heads run, as far as events allow. Nodes of a graph run in a random
// order that its edges allow. So a missing wait shows as wrong results for some seed. With fewer
// hardware queues than streams, streams that share one hold each other up in the order of issue, as
// on a real GPU. Breaches of CUDA's rules are kept in `violations`: of the order of calls, of what
// a thread may do while it captures, of the GPU that it has chosen, of what must outlive what.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/cuda/cuda_api.h"

namespace pprun {

struct FakeCudaOptions {
  uint32_t seed = 1;
  int devices = 1;
  CudaStatus device_count_status = CudaStatus::kSuccess;
  int driver_version = 13000;
  size_t hardware_queues = 1 << 20;
  // The uuid of GPU i is this and i.
  std::string machine = "machine";
};

class FakeCuda : public CudaApi {
 public:
  explicit FakeCuda(FakeCudaOptions options = {}) : options_(options), random_(options.seed) {}
  ~FakeCuda() override;

  // One line a call that changes something, in the order in which they came: "record e3 s1",
  // "launch operation s0", "begin capture s2", "[rank 0: wait ...", "]".
  std::vector<std::string> TakeLog();
  // What CUDA would not have forgiven.
  std::vector<std::string> violations();
  // What was made and not destroyed: "stream 3", "memory 2".
  std::vector<std::string> alive();

  // From now on the call of that name fails with the status, after so many have succeeded.
  void FailCall(const std::string& call, CudaStatus status, int after = 0);
  // The kernel that runs after so many others fails, and with it the whole GPU.
  void FailKernel(int after);

  std::string GetErrorString(CudaStatus status) override;
  CudaStatus GetDeviceCount(int* count) override;
  CudaStatus DriverGetVersion(int* version) override;
  CudaStatus RuntimeGetVersion(int* version) override;
  CudaStatus SetDevice(int device) override;
  CudaStatus GetDeviceUuid(std::string* uuid, int device) override;
  CudaStatus Malloc(void** memory, size_t bytes) override;
  CudaStatus Free(void* memory) override;
  CudaStatus HostAlloc(void** memory, size_t bytes) override;
  CudaStatus FreeHost(void* memory) override;
  CudaStatus MemcpyAsync(void* to, const void* from, size_t bytes, CudaCopy direction,
                         CudaStreamHandle stream) override;
  CudaStatus MemsetAsync(void* memory, int byte, size_t bytes, CudaStreamHandle stream) override;
  CudaStatus StreamCreate(CudaStreamHandle* stream) override;
  CudaStatus StreamDestroy(CudaStreamHandle stream) override;
  CudaStatus StreamQuery(CudaStreamHandle stream) override;
  CudaStatus StreamWaitEvent(CudaStreamHandle stream, CudaEventHandle event) override;
  CudaStatus EventCreate(CudaEventHandle* event, CudaEventKind kind) override;
  CudaStatus EventDestroy(CudaEventHandle event) override;
  CudaStatus EventRecord(CudaEventHandle event, CudaStreamHandle stream,
                         CudaRecord record) override;
  CudaStatus EventElapsedTime(float* milliseconds, CudaEventHandle begin,
                              CudaEventHandle end) override;
  CudaStatus StreamBeginCapture(CudaStreamHandle stream) override;
  CudaStatus StreamEndCapture(CudaStreamHandle stream, CudaGraphHandle* graph) override;
  CudaStatus GraphDestroy(CudaGraphHandle graph) override;
  CudaStatus GraphInstantiate(CudaGraphExecHandle* exec, CudaGraphHandle graph) override;
  CudaStatus GraphExecDestroy(CudaGraphExecHandle exec) override;
  CudaStatus GraphLaunch(CudaGraphExecHandle exec, CudaStreamHandle stream) override;
  void RangePush(const char* name) override;
  void RangePop() override;
  std::unique_ptr<CudaLauncher> LauncherOf(CudaStreamHandle stream) override;

 private:
  class Launcher;

  // One thing in a stream's queue.
  struct Work {
    std::function<void()> run;
    int64_t after_record = -1;  // waits for that record
    int64_t issued = 0;         // when, among all
  };
  struct Stream {
    int device = 0;
    std::vector<Work> queue;
    size_t done = 0;
    int64_t capture = -1;           // of captures_, while it captures
    std::vector<int64_t> frontier;  // nodes that the next one follows
  };
  struct Event {
    CudaEventKind kind = CudaEventKind::kOrder;
    int device = 0;
    int64_t record = -1;            // the last one issued
    int64_t capture = -1;           // if it was captured
    std::vector<int64_t> frontier;  // then
    float time = -1;                // when it was last recorded
  };
  struct Node {
    std::function<void()> run;
    std::vector<int64_t> after;
  };
  struct Capture {
    std::vector<Node> nodes;
    std::set<int64_t> streams;
    std::set<int64_t> events;  // that every replay records
    std::thread::id thread;
    enum class State : uint8_t { kOpen, kEnded, kBroken } state = State::kOpen;
  };

  // Handles are numbers from 1 on.
  template <class Handle>
  static int64_t NumberOf(Handle handle) {
    return static_cast<int64_t>(reinterpret_cast<intptr_t>(handle));
  }
  template <class Handle>
  static Handle HandleOf(int64_t number) {
    return reinterpret_cast<Handle>(static_cast<intptr_t>(number));
  }
  static std::string NameOf(CudaStreamHandle stream) {
    return " s" + std::to_string(NumberOf(stream));
  }
  static std::string NameOf(CudaEventHandle event) {
    return " e" + std::to_string(NumberOf(event));
  }

  // Under the lock. What is configured to fail, or kSuccess.
  CudaStatus StatusOf(const std::string& call);
  void Violate(const std::string& what) { violations_.push_back(what); }
  void Log(const std::string& line) { log_.push_back(line); }
  CudaStatus Append(CudaStreamHandle stream, std::function<void()> run);
  // The GPU of the calling thread.
  int& Current() const;
  // Of what launches and records: that the thread has the stream's GPU.
  void CheckCurrent(const Stream& stream, const std::string& call);
  // Of what is not to be called by a thread that captures.
  CudaStatus CheckNoCapture(const std::string& call);
  bool CanRun(int64_t number, const Stream& stream) const;
  // Runs one head that can; false if there is none.
  bool RunOne();
  void RunNodes(const std::vector<Node>& nodes);
  void RunPiece(const std::function<void()>& run);
  // Within what a kernel runs: whether it fails.
  bool KernelFails();
  // Everything that can run, as CUDA does before it frees memory.
  void RunAll();
  CudaStatus Allocate(void** memory, size_t bytes, std::map<const std::byte*, size_t>& place);
  static bool Within(const std::map<const std::byte*, size_t>& place, const void* memory,
                     size_t bytes);

  const FakeCudaOptions options_;
  std::mutex mutex_;
  std::mt19937 random_;
  std::vector<std::string> log_, violations_;
  struct Failure {
    CudaStatus status = CudaStatus::kSuccess;
    int after = 0;
  };
  std::map<std::string, Failure> failures_;
  int fail_kernel_after_ = -1;
  CudaStatus broken_ = CudaStatus::kSuccess;  // what every call returns from the failure on
  int64_t made_ = 0;
  int64_t issued_ = 0;
  float clock_ = 0;
  std::map<const std::byte*, size_t> device_memory_, pinned_memory_;
  std::map<int64_t, Stream> streams_;
  std::map<int64_t, Event> events_;
  std::vector<char> records_;  // whether each has been reached
  std::map<int64_t, Capture> captures_;
  std::map<int64_t, Capture> graphs_;
};

}  // namespace pprun
