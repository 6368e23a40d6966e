// Stream of a GPU. Whatever is issued is appended to CUDA's stream at once; nothing waits but
// Synchronise, and issuing when kMarks pieces of work are under way.
//
// Marks tell how far the GPU is: after each piece of work the stream writes a number to the host's
// memory, which any thread reads without a call to CUDA, and which outlives a failure. A captured
// piece has no mark, since a graph is to hold the plan's work alone. A traced piece stands between
// two timing events; captured ones are recorded by every replay.
//
// A meeting may be open: issued here, but not by all that take part. Then the piece of work is over
// when the last of them closes it, and nothing more is issued here before. Tests:
// cuda_device_test.cc, cuda_local_test.cc, cuda_issuer_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/cuda/cuda_device.h"
#include "runtime/cuda/cuda_handles.h"
#include "runtime/device.h"

namespace pprun {

class CudaStream : public DeviceStream {
 public:
  // The device outlives the stream.
  CudaStream(CudaDevice& device, std::string name);
  ~CudaStream() override;
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;

  void Begin(WorkTag tag) override;
  void End() override;
  void Issue(std::span<const DeviceCall> calls) override;
  void Record(DeviceEvent& event) override;
  void Wait(DeviceEvent& event) override;
  void Synchronise() override;
  WorkTag Head() const override;
  int64_t Progress() const override;
  void StartTrace(size_t capacity) override;
  std::vector<StreamInterval> StopTrace() override;

  CudaDevice& device() const { return device_; }
  CudaStreamHandle handle() const { return stream_.get(); }
  CudaLauncher& launcher() { return *launcher_; }

  // For meetings. Runs `action`, which issues work to this stream or to others; what it throws
  // fails the device. Dropped once a rank of the GPU has failed.
  template <class Action>
  void Attempt(const Action& action) {
    if (device_.Dropping()) return;
    kind_ = Kind::kWork;
    try {
      action();
    } catch (const std::exception& error) {
      device_.Fail(tag_, error);
    }
  }
  void OpenMeeting();
  void CloseMeeting();

  // For the issuer. While capturing, pieces have no marks.
  void StartCapture() { mode_ = Mode::kCapture; }
  void EndCapture() { mode_ = Mode::kEager; }
  bool traced() const { return capacity_ > 0; }
  // Keeps the intervals of what was issued eagerly, or by a replay of the captured pieces.
  enum class Traced : uint8_t { kEagerPieces, kCapturedPieces };
  void CollectTrace(Traced which);
  // The captured pieces' graph is gone.
  void ForgetCapturedPieces() { captured_.used = 0; }
  // A graph that holds work of this stream was replayed.
  void CountReplay() { progress_.fetch_add(1, std::memory_order_relaxed); }
  // For whoever looks for what failed: the work that this stream is in, not one that waits for
  // another; kNoWork if there is none.
  WorkTag AtWork() const;

 private:
  enum class Mode : uint8_t { kEager, kCapture };
  // Whether a piece of work is a wait or a record, which cannot fail by itself.
  enum class Kind : uint8_t { kOrder, kWork };
  struct Marked {
    std::atomic<WorkTag> tag{kNoWork};
    std::atomic<Kind> kind{Kind::kOrder};
  };
  struct TracedPiece {
    WorkTag tag = kNoWork;
    OwnedCudaEvent begin, end;
  };
  // Events are made when they are first needed and serve every run after.
  struct TracedPieces {
    std::vector<TracedPiece> pieces;
    size_t used = 0;
  };

  static constexpr int64_t kMarks = 4096;

  void CheckNotOpen() const;
  void BeginTraced(WorkTag tag);
  void RecordTime(CudaEventHandle event);
  void EndPiece(WorkTag tag);
  int64_t Done() const;

  CudaDevice& device_;
  CudaApi& api_;
  const std::string name_;
  OwnedCudaStream stream_;
  std::unique_ptr<CudaLauncher> launcher_;
  OwnedPinnedMemory word_;  // int64_t: marked pieces done

  // Of the issuing thread.
  WorkTag tag_ = kNoWork;
  Kind kind_ = Kind::kOrder;
  Mode mode_ = Mode::kEager;
  TracedPiece* traced_piece_ = nullptr;  // under way
  TracedPieces eager_, captured_;
  std::vector<StreamInterval> trace_;
  size_t capacity_ = 0;

  // Read by anyone.
  std::vector<Marked> marks_;
  std::atomic<int64_t> marked_{0};
  std::atomic<int64_t> progress_{0};
  enum class MeetingState : uint8_t { kNone, kOpen };
  std::atomic<MeetingState> meeting_{MeetingState::kNone};
  std::atomic<WorkTag> open_tag_{kNoWork};
};

}  // namespace pprun
