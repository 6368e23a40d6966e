// When each piece of work of a CUDA stream began and ended, by timing events (cuda_stream.h).
#include <utility>

#include "runtime/cuda/cuda_stream.h"

namespace pprun {

void CudaStream::StartTrace(size_t capacity) {
  if (!traced() && capacity > 0) device_.gpu().StartClock();
  if (traced() && capacity == 0) device_.gpu().StopClock();
  trace_.clear();
  trace_.reserve(capacity);
  capacity_ = capacity;
  eager_.used = 0;
}

std::vector<StreamInterval> CudaStream::StopTrace() {
  if (traced()) device_.gpu().StopClock();
  capacity_ = 0;
  return std::exchange(trace_, {});
}

void CudaStream::BeginTraced(WorkTag tag) {
  TracedPieces& traced = mode_ == Mode::kCapture ? captured_ : eager_;
  if (trace_.size() + traced.used >= capacity_ || device_.Dropping()) return;
  try {
    if (traced.used == traced.pieces.size()) {
      traced.pieces.push_back({kNoWork, MakeCudaEvent(api_, CudaEventKind::kTiming),
                               MakeCudaEvent(api_, CudaEventKind::kTiming)});
    }
    traced_piece_ = &traced.pieces[traced.used++];
    traced_piece_->tag = tag;
    RecordTime(traced_piece_->begin.get());
  } catch (const std::exception& error) {
    device_.Fail(tag, error);
  }
}

void CudaStream::RecordTime(CudaEventHandle event) {
  const CudaRecord record = mode_ == Mode::kCapture ? CudaRecord::kEveryReplay : CudaRecord::kPlain;
  api_.Check(api_.EventRecord(event, stream_.get(), record), "cudaEventRecordWithFlags");
}

void CudaStream::CollectTrace(Traced which) {
  TracedPieces& traced = which == Traced::kCapturedPieces ? captured_ : eager_;
  for (size_t i = 0; i < traced.used && trace_.size() < capacity_; ++i) {
    const TracedPiece& piece = traced.pieces[i];
    trace_.push_back({piece.tag, device_.gpu().SecondsAt(piece.begin.get()),
                      device_.gpu().SecondsAt(piece.end.get())});
  }
  if (which == Traced::kEagerPieces) traced.used = 0;
}

}  // namespace pprun
