#include "compiler/verify/segments.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace pprun {

Segments::Segments(const Plan& plan, const Position& position) {
  whole_.reserve(position.buffers.size());
  for (const Buffer& buffer : position.buffers) whole_.push_back({buffer.type.Bytes(), {}});
  FindPartials(plan, position);

  std::array<std::vector<int64_t>, kArenaCount> cuts;
  for (size_t i = 0; i < whole_.size(); ++i) {
    const Buffer& buffer = position.buffers[i];
    std::vector<int64_t>& of_arena = cuts[static_cast<size_t>(buffer.arena)];
    of_arena.push_back(buffer.offset);
    of_arena.push_back(buffer.offset + whole_[i].bytes);
  }
  for (const Partial& partial : partial_) {
    const Buffer& buffer = position.buffers[partial.buffer.index()];
    cuts[static_cast<size_t>(buffer.arena)].push_back(buffer.offset + partial.bytes);
  }
  for (size_t arena = 0; arena < cuts.size(); ++arena) {
    std::ranges::sort(cuts[arena]);
    const auto unused = std::ranges::unique(cuts[arena]);
    first_[arena] = static_cast<int32_t>(offsets_.size());
    offsets_.insert(offsets_.end(), cuts[arena].begin(), unused.begin());
  }
  first_[kArenaCount] = static_cast<int32_t>(offsets_.size());

  for (size_t i = 0; i < whole_.size(); ++i) {
    const Buffer& buffer = position.buffers[i];
    whole_[i].span = {At(buffer.arena, buffer.offset),
                      At(buffer.arena, buffer.offset + whole_[i].bytes)};
  }
  for (Partial& partial : partial_) {
    const Buffer& buffer = position.buffers[partial.buffer.index()];
    partial.end = At(buffer.arena, buffer.offset + partial.bytes);
  }
}

// Only runs touch less than a buffer: a workspace is as large as the largest that is needed.
void Segments::FindPartials(const Plan& plan, const Position& position) {
  // A workspace serves a handful of functions in turn: the sizes last seen are most often enough.
  struct Recent {
    std::array<int64_t, 4> bytes{};
    size_t next = 0;
  };
  std::vector<Recent> recent(whole_.size());
  for (const Program& program : position.programs) {
    for (const Instruction& instruction : program.instructions) {
      const Run* run = std::get_if<Run>(&instruction.operands);
      if (run == nullptr) continue;
      const BufferId* buffer = position.bindings.data() + run->first_binding;
      for (const Argument& argument : plan.functions[run->function.index()].arguments) {
        const size_t i = (buffer++)->index();
        if (argument.bytes == whole_[i].bytes) continue;
        Recent& seen = recent[i];
        if (std::ranges::find(seen.bytes, argument.bytes) != seen.bytes.end()) continue;
        seen.bytes[seen.next++ % seen.bytes.size()] = argument.bytes;
        partial_.push_back({BufferId(static_cast<int64_t>(i)), argument.bytes, 0});
      }
    }
  }
  std::ranges::sort(partial_, {}, &Partial::Key);
  const auto unused = std::ranges::unique(partial_, {}, &Partial::Key);
  partial_.erase(unused.begin(), unused.end());
}

int32_t Segments::At(ArenaKind arena, int64_t offset) const {
  const Span span = Of(arena);
  const auto first = offsets_.begin() + span.begin;
  return static_cast<int32_t>(std::lower_bound(first, offsets_.begin() + span.end, offset) -
                              offsets_.begin());
}

Span Segments::Part(BufferId buffer, int64_t bytes) const {
  const auto found =
      std::ranges::lower_bound(partial_, std::pair(buffer, bytes), {}, &Partial::Key);
  return {whole_[buffer.index()].span.begin, found->end};
}

std::vector<Segments> SegmentsOf(const Plan& plan) {
  std::vector<Segments> segments;
  segments.reserve(plan.positions.size());
  for (const Position& position : plan.positions) segments.emplace_back(plan, position);
  return segments;
}

}  // namespace pprun
