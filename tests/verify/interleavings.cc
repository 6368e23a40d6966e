#include "tests/verify/interleavings.h"

#include <algorithm>
#include <variant>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// A state: 4 bits a queue, how many of its instructions have run in this repeat; from bit 32, 4
// bits a position, its repeats that have ended; bit 63 is set, so that no state is 0.
constexpr int kBits = 4;
constexpr uint64_t kMask = 15;
constexpr int kRepeatsAt = 32;

uint64_t At(uint64_t state, size_t queue) { return state >> (kBits * queue) & kMask; }
uint64_t RepeatOf(uint64_t state, size_t position) {
  return state >> (kRepeatsAt + kBits * position) & kMask;
}

}  // namespace

void Explorer::Load(const Plan& plan, StreamView view) {
  queues_.clear();
  members_.clear();
  positions_ = plan.positions.size();
  for (const Group& group : plan.groups) {
    auto& members = members_.emplace_back();
    for (const PositionId position : group.positions) members.push_back(position.index());
  }
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    const size_t first = queues_.size();
    const size_t count = view == StreamView::kMerged ? 1 : plan.positions[p].streams.size();
    queues_.resize(first + count);
    for (size_t q = 0; q < count; ++q) queues_[first + q].position = p;
    for (const Instruction& instruction : plan.positions[p].programs[1].instructions) {
      Step step;
      if (const auto* send = std::get_if<Send>(&instruction.operands)) {
        step = {Kind::kSend, send->channel.value};
      } else if (const auto* recv = std::get_if<Recv>(&instruction.operands)) {
        step = {Kind::kRecv, recv->channel.value};
      } else if (const auto* sum = std::get_if<Collective>(&instruction.operands)) {
        if (members_[sum->group.index()].size() > 1) step = {Kind::kCollective, sum->group.value};
      } else if (const auto* record = std::get_if<Record>(&instruction.operands)) {
        step = {Kind::kRecord, record->event.value};
      } else if (const auto* wait = std::get_if<Wait>(&instruction.operands)) {
        step = {Kind::kWait, wait->event.value};
      }
      const size_t queue = view == StreamView::kMerged ? 0 : instruction.stream.index();
      queues_[first + queue].steps.push_back(step);
    }
  }
  CHECK(queues_.size() <= 8 && positions_ <= 4);
  for (const Queue& queue : queues_) CHECK(queue.steps.size() <= kMask);
}

const Explorer::Step* Explorer::Head(uint64_t state, size_t queue) const {
  const Queue& of = queues_[queue];
  if (RepeatOf(state, of.position) == repeats_ || At(state, queue) == of.steps.size()) {
    return nullptr;
  }
  return &of.steps[At(state, queue)];
}

// Whether the event was recorded in this repeat.
bool Explorer::HasRun(uint64_t state, size_t position, int32_t event) const {
  for (size_t q = 0; q < queues_.size(); ++q) {
    if (queues_[q].position != position) continue;
    for (uint64_t i = 0; i < At(state, q); ++i) {
      const Step& step = queues_[q].steps[i];
      if (step.kind == Kind::kRecord && step.id == event) return true;
    }
  }
  return false;
}

uint64_t Explorer::Advance(uint64_t state, size_t queue) const {
  return state + (uint64_t{1} << (kBits * queue));
}

// A position whose queues are all through begins its next repeat.
uint64_t Explorer::JoinEnded(uint64_t state) const {
  for (size_t p = 0; p < positions_; ++p) {
    uint64_t mine = 0;
    bool ended = true;
    for (size_t q = 0; q < queues_.size(); ++q) {
      if (queues_[q].position != p) continue;
      ended = ended && At(state, q) == queues_[q].steps.size();
      mine |= kMask << (kBits * q);
    }
    while (ended && RepeatOf(state, p) < repeats_) {
      state = (state & ~mine) + (uint64_t{1} << (kRepeatsAt + kBits * p));
      // Nothing to run: all repeats have ended.
      ended = std::ranges::all_of(
          queues_, [&](const Queue& queue) { return queue.position != p || queue.steps.empty(); });
    }
  }
  return state;
}

void Explorer::Visit(uint64_t state) {
  moved_ = true;
  state = JoinEnded(state);
  if (2 * (all_.size() + 1) > seen_.size()) {
    seen_.assign(std::max<size_t>(1024, 2 * seen_.size()), 0);
    for (const uint64_t one : all_) seen_[SlotOf(one)] = one;
  }
  const size_t slot = SlotOf(state);
  if (seen_[slot] == state) return;
  seen_[slot] = state;
  all_.push_back(state);
  pending_.push_back(state);
}

// Where the state is, or would be.
size_t Explorer::SlotOf(uint64_t state) const {
  size_t slot = (state * 0x9E3779B97F4A7C15u >> 20) % seen_.size();
  while (seen_[slot] != 0 && seen_[slot] != state) slot = (slot + 1) % seen_.size();
  return slot;
}

void Explorer::Successors(uint64_t state) {
  const auto meets = [&](size_t queue, Kind kind, int32_t id) {
    const Step* head = Head(state, queue);
    return head != nullptr && head->kind == kind && head->id == id;
  };
  for (size_t q = 0; q < queues_.size(); ++q) {
    const Step* head = Head(state, q);
    if (head == nullptr) continue;
    switch (head->kind) {
      case Kind::kAlone:
      case Kind::kRecord:
        Visit(Advance(state, q));
        break;
      case Kind::kWait:
        if (HasRun(state, queues_[q].position, head->id)) Visit(Advance(state, q));
        break;
      case Kind::kSend:
        for (size_t other = 0; other < queues_.size(); ++other) {
          if (meets(other, Kind::kRecv, head->id)) Visit(Advance(Advance(state, q), other));
        }
        break;
      case Kind::kRecv:
        break;  // with its send
      case Kind::kCollective: {
        // Once, from the first member.
        const std::vector<size_t>& members = members_[static_cast<size_t>(head->id)];
        if (queues_[q].position != members[0]) break;
        uint64_t next = state;
        size_t there = 0;
        for (size_t other = 0; other < queues_.size(); ++other) {
          if (!meets(other, Kind::kCollective, head->id)) continue;
          next = Advance(next, other);
          ++there;
        }
        if (there == members.size()) Visit(next);
        break;
      }
    }
  }
}

Interleavings Explorer::Explore(const Plan& plan, StreamView view, int32_t repeats) {
  Load(plan, view);
  repeats_ = static_cast<uint64_t>(repeats);
  // All are found before the first slot becomes free.
  if (!seen_.empty()) {
    for (const uint64_t one : all_) used_.push_back(SlotOf(one));
    for (const size_t slot : used_) seen_[slot] = 0;
  }
  used_.clear();
  all_.clear();
  Interleavings result;
  Visit(uint64_t{1} << 63);
  while (!pending_.empty()) {
    const uint64_t state = pending_.back();
    pending_.pop_back();
    ++result.states;
    moved_ = false;
    Successors(state);
    if (moved_) continue;
    ++result.ends;
    bool all = true;
    for (size_t p = 0; p < positions_; ++p) all = all && RepeatOf(state, p) == repeats_;
    if (all) ++result.completed;
  }
  return result;
}

}  // namespace pprun
