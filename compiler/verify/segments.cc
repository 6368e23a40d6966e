#include "compiler/verify/segments.h"

#include <algorithm>
#include <variant>

namespace pprun {

Segments::Segments(const Plan& plan, const std::vector<size_t>& layer_arguments,
                   const Position& position) {
  whole_.reserve(position.buffers.size());
  for (const Buffer& buffer : position.buffers) whole_.push_back({buffer.type.Bytes(), {}});
  LayerBindings lists(plan, layer_arguments, position);
  WalkRuns(plan, position, lists);
  Cut(position);
  FindFootprints(plan, lists);
}

// Numbers what they bind, and finds what they touch of a buffer that is larger. Only runs do: a
// workspace is as large as the largest that is needed.
void Segments::WalkRuns(const Plan& plan, const Position& position, LayerBindings& lists) {
  // A workspace serves a handful of functions in turn: the sizes last seen are most often enough.
  struct Recent {
    std::array<int64_t, 4> bytes{};
    size_t next = 0;
  };
  std::vector<Recent> recent(whole_.size());
  for (size_t program = 0; program < kProgramCount; ++program) {
    const std::vector<Instruction>& instructions = position.programs[program].instructions;
    std::vector<int32_t>& list_of = list_of_run_[program];
    list_of.resize(instructions.size(), -1);
    for (size_t i = 0; i < instructions.size(); ++i) {
      const Run* run = std::get_if<Run>(&instructions[i].operands);
      if (run == nullptr) continue;
      const size_t known = lists.lists().size();
      const size_t number = lists.NumberOf(*run);
      list_of[i] = static_cast<int32_t>(number);
      const std::vector<Argument>& arguments = plan.functions[run->function.index()].arguments;
      const BufferId* buffers = position.bindings.data() + run->first_binding;
      const size_t seen_before = number < known ? lists.BoundBy(lists.lists()[number]).size() : 0;
      const size_t count = arguments.size();
      for (size_t argument = seen_before; argument < count; ++argument) {
        const BufferId buffer = buffers[argument];
        const int64_t bytes = arguments[argument].bytes;
        if (bytes == whole_[buffer.index()].bytes) continue;
        Recent& seen = recent[buffer.index()];
        if (std::ranges::find(seen.bytes, bytes) != seen.bytes.end()) continue;
        seen.bytes[seen.next++ % seen.bytes.size()] = bytes;
        partial_.push_back({buffer, bytes, 0});
      }
    }
  }
  std::ranges::sort(partial_, {}, &Partial::Key);
  const auto unused = std::ranges::unique(partial_, {}, &Partial::Key);
  partial_.erase(unused.begin(), unused.end());
}

void Segments::Cut(const Position& position) {
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

  // As a rule a buffer is one segment, and begins where the one before it in the arena ends.
  std::array<int32_t, kArenaCount> last_end{};
  std::copy_n(first_.begin(), kArenaCount, last_end.begin());
  for (size_t i = 0; i < whole_.size(); ++i) {
    const Buffer& buffer = position.buffers[i];
    int32_t& end = last_end[static_cast<size_t>(buffer.arena)];
    const int32_t begin = At(buffer.arena, buffer.offset, end);
    end = At(buffer.arena, buffer.offset + whole_[i].bytes, begin + 1);
    whole_[i].span = {begin, end};
  }
  for (Partial& partial : partial_) {
    const Buffer& buffer = position.buffers[partial.buffer.index()];
    partial.end =
        At(buffer.arena, buffer.offset + partial.bytes, whole_[partial.buffer.index()].span.end);
  }
}

void Segments::FindFootprints(const Plan& plan, const LayerBindings& lists) {
  listed_.reserve(lists.lists().size() + 1);
  for (const LayerBindings::List& list : lists.lists()) {
    listed_.push_back({arguments_.size(), joined_.size()});
    const Argument* argument = plan.functions[list.function.index()].arguments.data();
    int32_t number = 0;
    for (const BufferId buffer : lists.BoundBy(list)) {
      const Span span = arguments_.emplace_back(Of(buffer, argument->bytes));
      const bool goes_on = number > 0 && joined_.back().span.end == span.begin &&
                           joined_.back().access == argument->access;
      if (goes_on) {
        joined_.back().span.end = span.end;
      } else {
        joined_.push_back({span, argument->access, number});
      }
      ++argument;
      ++number;
    }
  }
  listed_.push_back({arguments_.size(), joined_.size()});
}

int32_t Segments::At(ArenaKind arena, int64_t offset, int32_t guess) const {
  const Span span = Of(arena);
  if (guess < span.end && Offset(guess) == offset) return guess;
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
  const std::vector<size_t> layer_arguments = LayerArguments(plan);
  for (const Position& position : plan.positions) {
    segments.emplace_back(plan, layer_arguments, position);
  }
  return segments;
}

}  // namespace pprun
