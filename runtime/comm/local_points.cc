#include "runtime/comm/local_points.h"

#include <cstring>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

int64_t BytesOf(const kernels::Tensor& tensor) {
  return TensorType{tensor.dtype, tensor.shape}.Bytes();
}

}  // namespace

void LocalTransferPoint::Send(const kernels::Tensor& source) {
  std::unique_lock lock(mutex_);
  CHECK(state_ == State::kEmpty || hub_.aborted());
  if (!hub_.aborted()) {
    offered_ = &source;
    state_ = State::kOffered;
    changed_.notify_all();
    // An abort does not end a copy in progress: the source must stay until it is done.
    changed_.wait(lock, [&] {
      return state_ == State::kCopied || (hub_.aborted() && state_ != State::kCopying);
    });
  }
  if (state_ != State::kCopied) {
    lock.unlock();
    throw AbortedError(hub_.why());
  }
  state_ = State::kEmpty;
}

void LocalTransferPoint::Receive(const kernels::Tensor& target) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return state_ == State::kOffered || hub_.aborted(); });
  if (hub_.aborted()) {
    lock.unlock();
    throw AbortedError(hub_.why());
  }
  state_ = State::kCopying;
  const kernels::Tensor source = *offered_;
  lock.unlock();
  CHECK(source.dtype == target.dtype && BytesOf(source) == BytesOf(target));
  std::memcpy(target.data, source.data, static_cast<size_t>(BytesOf(target)));
  lock.lock();
  state_ = State::kCopied;
  changed_.notify_all();
}

void LocalTransferPoint::WakeAll() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void LocalCollectivePoint::Arrive(size_t index, Member own) {
  std::unique_lock lock(mutex_);
  members_[index] = own;
  const uint64_t barrier = barriers_;
  if (!hub_.aborted()) {
    if (LastAtBarrier()) return;
    changed_.wait(lock, [&] { return barriers_ != barrier || hub_.aborted(); });
  }
  // If the last one came before the abort, all of them go on.
  if (barriers_ == barrier) {
    lock.unlock();
    throw AbortedError(hub_.why());
  }
}

void LocalCollectivePoint::Leave() {
  std::unique_lock lock(mutex_);
  const uint64_t barrier = barriers_;
  if (LastAtBarrier()) return;
  // All members are on their way here and nothing can hold them, so an abort need not end this; the
  // buffers must stay until the last has done its part.
  changed_.wait(lock, [&] { return barriers_ != barrier; });
}

bool LocalCollectivePoint::LastAtBarrier() {
  if (++arrived_ < members_.size()) return false;
  arrived_ = 0;
  ++barriers_;
  changed_.notify_all();
  return true;
}

void LocalCollectivePoint::WakeAll() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

}  // namespace pprun
