// Every buffer that an instruction mentions, bindings of runs included: one call each, and nothing
// allocated. Tests: assign_memory_test.cc.
#pragma once

#include <cstddef>
#include <variant>

#include "compiler/plan/plan.h"

namespace pprun {

template <typename Function>
struct MentionBuffers {
  const Plan& plan;
  const Position& position;
  const Function& visit;

  void Mention(BufferId buffer) const {
    if (buffer.valid()) visit(buffer);
  }
  void operator()(const Run& run) const {
    const BufferId* binding = position.bindings.data() + run.first_binding;
    const size_t count = plan.functions[run.function.index()].arguments.size();
    for (size_t i = 0; i < count; ++i) Mention(binding[i]);
  }
  void operator()(const Send& send) const { Mention(send.source); }
  void operator()(const Recv& recv) const { Mention(recv.target); }
  void operator()(const Collective& collective) const {
    Mention(collective.source);
    if (collective.target != collective.source) Mention(collective.target);
  }
  void operator()(const Load& load) const { Mention(load.target); }
  void operator()(const Initialise& initialise) const { Mention(initialise.target); }
  void operator()(const Zero& zero) const { Mention(zero.target); }
  void operator()(const Cast& cast) const { Mention(cast.source), Mention(cast.target); }
  void operator()(const Add& add) const { Mention(add.source), Mention(add.target); }
  void operator()(const SquareSum& sum) const {
    for (const ParameterSquares& row : RowsOf(position, sum)) {
      Mention(row.gradient), Mention(row.partials);
    }
  }
  void operator()(const ClipFactor& clip) const { Mention(clip.partials), Mention(clip.target); }
  void operator()(const Update& update) const {
    Mention(update.clip);
    for (const ParameterUpdate& row : RowsOf(position, update)) {
      Mention(row.value), Mention(row.gradient), Mention(row.rounded);
      Mention(row.first_moment), Mention(row.second_moment);
    }
  }
  void operator()(const Permute& permute) const {
    Mention(permute.source), Mention(permute.target);
  }
  void operator()(const Record&) const {}
  void operator()(const Wait&) const {}
};

template <typename Function>
void ForEachBuffer(const Plan& plan, const Position& position, const Instruction& instruction,
                   const Function& visit) {
  Visit(MentionBuffers<Function>{plan, position, visit}, instruction.operands);
}

}  // namespace pprun
