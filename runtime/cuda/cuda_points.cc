#include "runtime/cuda/cuda_points.h"

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

using kernels::Tensor;

int64_t BytesOf(const Tensor& tensor) { return TensorType{tensor.dtype, tensor.shape}.Bytes(); }

}  // namespace

CudaMeetingEvents::CudaMeetingEvents(CudaApi& api, size_t streams)
    : api_(api), done_(MakeCudaEvent(api, CudaEventKind::kOrder)) {
  for (size_t i = 0; i < streams; ++i) {
    ready_.push_back(MakeCudaEvent(api, CudaEventKind::kOrder));
  }
}

void CudaMeetingEvents::Join(CudaStream& lead, std::span<CudaStream* const> streams) {
  for (size_t i = 0; i < streams.size(); ++i) {
    if (streams[i] == &lead) continue;
    api_.Check(api_.EventRecord(ready_[i].get(), streams[i]->handle(), CudaRecord::kPlain),
               "cudaEventRecord");
    api_.Check(api_.StreamWaitEvent(lead.handle(), ready_[i].get()), "cudaStreamWaitEvent");
  }
}

void CudaMeetingEvents::Fork(CudaStream& lead, std::span<CudaStream* const> streams) {
  api_.Check(api_.EventRecord(done_.get(), lead.handle(), CudaRecord::kPlain), "cudaEventRecord");
  for (CudaStream* const stream : streams) {
    if (stream == &lead) continue;
    api_.Check(api_.StreamWaitEvent(stream->handle(), done_.get()), "cudaStreamWaitEvent");
  }
}

void CudaTransferPoint::Send(CudaStream& stream, const Tensor& source) {
  if (stream.device().Dropping()) return;
  CHECK(!sender_);
  sender_ = {&stream, source};
  MeetFrom(stream);
}

void CudaTransferPoint::Receive(CudaStream& stream, const Tensor& target) {
  if (stream.device().Dropping()) return;
  CHECK(!receiver_);
  receiver_ = {&stream, target};
  MeetFrom(stream);
}

void CudaTransferPoint::MeetFrom(CudaStream& last) {
  last.OpenMeeting();
  if (!sender_ || !receiver_) return;
  const Party sender = *sender_;
  const Party receiver = *receiver_;
  sender_.reset();
  receiver_.reset();
  last.Attempt([&] {
    const int64_t bytes = BytesOf(receiver.tensor);
    CHECK(sender.tensor.dtype == receiver.tensor.dtype && BytesOf(sender.tensor) == bytes);
    CudaStream* const joined[] = {sender.stream};
    events_.Join(*receiver.stream, joined);
    api_.Check(
        api_.MemcpyAsync(receiver.tensor.data, sender.tensor.data, static_cast<size_t>(bytes),
                         CudaCopy::kDeviceToDevice, receiver.stream->handle()),
        "cudaMemcpyAsync");
    events_.Fork(*receiver.stream, joined);
  });
  sender.stream->CloseMeeting();
  receiver.stream->CloseMeeting();
}

CudaGroupPoint::CudaGroupPoint(CudaApi& api, size_t members)
    : api_(api),
      events_(api, members),
      streams_(members),
      sources_(members),
      targets_(members),
      addresses_(members),
      all_targets_(members) {}

void CudaGroupPoint::Arrive(CudaStream& stream, size_t index, const Tensor& source,
                            const Tensor& target, const CudaGroupWork& work) {
  if (stream.device().Dropping()) return;
  CHECK(streams_[index] == nullptr);
  streams_[index] = &stream;
  sources_[index] = source;
  targets_[index] = target;
  stream.OpenMeeting();
  if (++arrived_ < streams_.size()) return;
  stream.Attempt([&] {
    events_.Join(*streams_[0], streams_);
    Work(work);
    events_.Fork(*streams_[0], streams_);
  });
  arrived_ = 0;
  for (CudaStream*& member : streams_) {
    member->CloseMeeting();
    member = nullptr;
  }
}

// As comm/local.cc; all members have the same kind and sizes, as matching proves.
void CudaGroupPoint::Work(const CudaGroupWork& work) {
  const size_t count = streams_.size();
  const int64_t source_bytes = BytesOf(sources_[0]);
  if (work.kind == CudaGroupWork::Kind::kPermute) {
    const auto members = static_cast<int64_t>(count);
    for (int64_t to = 0; to < members; ++to) {
      const int64_t from = ((to - work.shift) % members + members) % members;
      Copy(static_cast<size_t>(to), 0, static_cast<size_t>(from), 0, source_bytes);
    }
    return;
  }
  switch (work.collective) {
    case CollectiveKind::kAllReduce:
      for (size_t i = 0; i < count; ++i) all_targets_[i] = targets_[i].data;
      return Sum(all_targets_, 0, sources_[0].shape.Elements());
    case CollectiveKind::kReduce:
      return Sum({&targets_[work.root].data, 1}, 0, sources_[0].shape.Elements());
    case CollectiveKind::kReduceScatter: {
      const int64_t bytes = BytesOf(targets_[0]);
      CHECK(source_bytes == bytes * static_cast<int64_t>(count));
      for (size_t i = 0; i < count; ++i) {
        Sum({&targets_[i].data, 1}, bytes * static_cast<int64_t>(i), targets_[0].shape.Elements());
      }
      return;
    }
    case CollectiveKind::kAllGather:
      CHECK(BytesOf(targets_[0]) == source_bytes * static_cast<int64_t>(count));
      for (size_t to = 0; to < count; ++to) {
        for (size_t from = 0; from < count; ++from) {
          Copy(to, source_bytes * static_cast<int64_t>(from), from, 0, source_bytes);
        }
      }
      return;
    case CollectiveKind::kBroadcast:
      for (size_t to = 0; to < count; ++to) Copy(to, 0, work.root, 0, source_bytes);
      return;
    case CollectiveKind::kAllToAll:
      CHECK(BytesOf(targets_[0]) == source_bytes);
      return CopyAllToAll(source_bytes / static_cast<int64_t>(count));
  }
  CHECK(false);
}

// The sum of all sources, from an offset in bytes on, into the targets.
void CudaGroupPoint::Sum(std::span<void* const> targets, int64_t source_offset, int64_t elements) {
  for (size_t i = 0; i < sources_.size(); ++i) {
    addresses_[i] = static_cast<const std::byte*>(sources_[i].data) + source_offset;
  }
  streams_[0]->launcher().SumInRankOrder(sources_[0].dtype, addresses_, targets, elements);
}

// Member `from` has a part of `bytes` for each member.
void CudaGroupPoint::CopyAllToAll(int64_t bytes) {
  for (size_t to = 0; to < streams_.size(); ++to) {
    for (size_t from = 0; from < streams_.size(); ++from) {
      Copy(to, bytes * static_cast<int64_t>(from), from, bytes * static_cast<int64_t>(to), bytes);
    }
  }
}

// From one member's source to another's target; nothing where they are the same place, as in an
// all_gather whose source is its part of the target.
void CudaGroupPoint::Copy(size_t to, int64_t to_offset, size_t from, int64_t from_offset,
                          int64_t bytes) {
  std::byte* const target = static_cast<std::byte*>(targets_[to].data) + to_offset;
  const std::byte* const source = static_cast<const std::byte*>(sources_[from].data) + from_offset;
  if (target == source) return;
  api_.Check(api_.MemcpyAsync(target, source, static_cast<size_t>(bytes), CudaCopy::kDeviceToDevice,
                              streams_[0]->handle()),
             "cudaMemcpyAsync");
}

}  // namespace pprun
