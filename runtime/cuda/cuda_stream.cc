#include "runtime/cuda/cuda_stream.h"

#include <new>
#include <thread>
#include <utility>
#include <variant>

#include "compiler/plan/base/check.h"
#include "compiler/plan/types.h"

namespace pprun {
CudaStream::CudaStream(CudaDevice& device, std::string name)
    : device_(device),
      api_(device.gpu().api()),
      name_(std::move(name)),
      stream_(MakeCudaStream(api_)),
      launcher_(api_.LauncherOf(stream_.get())),
      word_(MakePinnedMemory(api_, sizeof(int64_t))),
      marks_(kMarks) {
  new (word_.get()) int64_t(0);
  device.gpu().Add(*this);
}

CudaStream::~CudaStream() {
  device_.gpu().Remove(*this);
  if (traced()) device_.gpu().StopClock();
  device_.gpu().Drain(stream_.get());
}

void CudaStream::Begin(WorkTag tag) {
  CheckNotOpen();
  tag_ = tag;
  kind_ = Kind::kOrder;
  if (capacity_ > 0) BeginTraced(tag);
}

void CudaStream::End() {
  const WorkTag tag = std::exchange(tag_, kNoWork);
  if (meeting_.load(std::memory_order_relaxed) == MeetingState::kOpen) return;
  EndPiece(tag);
}

void CudaStream::Issue(std::span<const DeviceCall> calls) {
  CheckNotOpen();
  Attempt([&] {
    for (const DeviceCall& call : calls) {
      const auto* copy = std::get_if<CopyCall>(&call);
      if (copy == nullptr) {
        launcher_->Launch(call);
        continue;
      }
      const TensorType type = {copy->target.dtype, copy->target.shape};
      api_.Check(
          api_.MemcpyAsync(copy->target.data, copy->source, static_cast<size_t>(type.Bytes()),
                           CudaCopy::kHostToDevice, stream_.get()),
          "cudaMemcpyAsync");
    }
  });
}

void CudaStream::Record(DeviceEvent& event) {
  CheckNotOpen();
  Attempt([&] {
    kind_ = Kind::kOrder;
    api_.Check(api_.EventRecord(static_cast<CudaEvent&>(event).handle(), stream_.get(),
                                CudaRecord::kPlain),
               "cudaEventRecord");
  });
}

void CudaStream::Wait(DeviceEvent& event) {
  CheckNotOpen();
  Attempt([&] {
    kind_ = Kind::kOrder;
    api_.Check(api_.StreamWaitEvent(stream_.get(), static_cast<CudaEvent&>(event).handle()),
               "cudaStreamWaitEvent");
  });
}

void CudaStream::Synchronise() {
  CudaGpu& gpu = device_.gpu();
  try {
    gpu.MakeCurrent();
    while (meeting_.load(std::memory_order_acquire) == MeetingState::kOpen) {
      gpu.abort().ThrowIfRaised();
      std::this_thread::yield();
    }
    gpu.Await(stream_.get());
    CollectTrace(Traced::kEagerPieces);
  } catch (const AbortedError&) {
  } catch (const std::exception& error) {
    gpu.Blame(error, *this);
  }
  device_.ThrowFailure();
}

void CudaStream::OpenMeeting() {
  CheckNotOpen();
  kind_ = Kind::kWork;
  open_tag_.store(tag_, std::memory_order_relaxed);
  meeting_.store(MeetingState::kOpen, std::memory_order_release);
}

void CudaStream::CloseMeeting() {
  const WorkTag tag = open_tag_.exchange(kNoWork, std::memory_order_relaxed);
  meeting_.store(MeetingState::kNone, std::memory_order_release);
  // If it was the last to arrive, its piece of work is still being issued.
  if (tag_ == kNoWork) EndPiece(tag);
}

// What is issued behind an open meeting would not wait for it.
void CudaStream::CheckNotOpen() const {
  CHECK(meeting_.load(std::memory_order_relaxed) == MeetingState::kNone || device_.Dropping());
}

void CudaStream::EndPiece(WorkTag tag) {
  if (device_.Dropping()) return;
  try {
    if (TracedPiece* const piece = std::exchange(traced_piece_, nullptr)) {
      RecordTime(piece->end.get());
    }
    if (mode_ == Mode::kCapture || tag == kNoWork) return;
    const int64_t mark = marked_.load(std::memory_order_relaxed);
    while (mark - Done() >= kMarks) {
      if (device_.Dropping()) return;
      std::this_thread::yield();
    }
    Marked& marked = marks_[static_cast<size_t>(mark % kMarks)];
    marked.tag.store(tag, std::memory_order_relaxed);
    marked.kind.store(kind_, std::memory_order_relaxed);
    marked_.store(mark + 1, std::memory_order_release);
    launcher_->Mark(static_cast<int64_t*>(word_.get()), mark + 1);
  } catch (const std::exception& error) {
    device_.Fail(tag, error);
  }
}

int64_t CudaStream::Done() const {
  return std::atomic_ref(*static_cast<int64_t*>(word_.get())).load(std::memory_order_acquire);
}

WorkTag CudaStream::Head() const {
  const int64_t done = Done();
  if (done < marked_.load(std::memory_order_acquire)) {
    return marks_[static_cast<size_t>(done % kMarks)].tag.load(std::memory_order_relaxed);
  }
  return open_tag_.load(std::memory_order_relaxed);
}

WorkTag CudaStream::AtWork() const {
  const int64_t done = Done();
  if (done >= marked_.load(std::memory_order_acquire)) return kNoWork;
  const Marked& marked = marks_[static_cast<size_t>(done % kMarks)];
  if (marked.kind.load(std::memory_order_relaxed) == Kind::kOrder) return kNoWork;
  return marked.tag.load(std::memory_order_relaxed);
}

int64_t CudaStream::Progress() const {
  return Done() + marked_.load(std::memory_order_relaxed) +
         progress_.load(std::memory_order_relaxed);
}

}  // namespace pprun
