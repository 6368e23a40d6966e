// Instructions: plain data, one small struct a kind. An instruction names its stream and the place
// it comes from.
//
// Adding a kind: here, in effects.cc, semantics.cc, text.cc, file.cc and in the executor; each has
// a visitor that does not compile while a case is missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>

#include "compiler/plan/ids.h"
#include "compiler/plan/task_kind.h"

namespace pprun {

// A compute task of one layer. Bindings are Position::bindings[first_binding ..], one buffer per
// argument of the function, in order.
struct Run {
  FunctionId function;
  LayerId layer;
  StageId stage;
  ChunkId chunk;
  MicrobatchId microbatch;
  TaskKind kind = TaskKind::kForward;
  int32_t first_binding = 0;
};

// Rendezvous: done only when the other end runs.
struct Send {
  BufferId source;
  ChannelId channel;
  MicrobatchId microbatch;
};
struct Recv {
  BufferId target;
  ChannelId channel;
  MicrobatchId microbatch;
};

enum class CollectiveKind : uint8_t {
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kBroadcast,
  kReduce,
  kAllToAll,
};
inline constexpr int kCollectiveKindCount = 6;

// Reductions are sums in rank order. all_reduce and broadcast work in place (source = target).
// all_gather's target holds one source per member, in the group's order; reduce_scatter's source
// holds one target per member.
struct Collective {
  CollectiveKind kind = CollectiveKind::kAllReduce;
  BufferId source;
  BufferId target;
  GroupId group;
  int32_t root = 0;  // broadcast, reduce: index within the group
};

// Tokens (inputs) or targets of one microbatch, host to device: i32[b, s].
struct Load {
  enum class What : uint8_t { kTokens, kTargets } what = What::kTokens;
  BufferId target;
  MicrobatchId microbatch;
};

struct Initialise {  // as Plan::parameters says, by name and element
  ParameterId parameter;
  BufferId target;
};
struct Zero {
  BufferId target;
};
struct Cast {
  BufferId source;
  BufferId target;
};
struct Add {  // target += source
  BufferId source;
  BufferId target;
};

// fp64 sums of squares of the fixed 64 Ki-element blocks of some parameters' gradients:
// Position::square_sums[first .. first + count).
struct SquareSum {
  int32_t first = 0;
  int32_t count = 0;
};

// Adds all partials in (parameter, block) order: target[0] = min(1, max_norm / (norm + 1e-6)),
// target[1] = norm. Plan::norm_order says where they lie in `partials`, in the order in which they
// are added; every position has all of them.
struct ClipFactor {
  BufferId partials;
  BufferId target;  // f32[2]
};

// One optimizer step on some parameters: Position::updates[first .. first + count). Their gradients
// are read times the clip factor.
struct Update {
  int32_t first = 0;
  int32_t count = 0;
  BufferId clip;  // as ClipFactor leaves it; none if gradients are not clipped
};

// A ring shift along an axis.
struct Permute {
  BufferId source;
  BufferId target;
  GroupId group;
  int32_t shift = 1;
};

struct Record {
  EventId event;
};
struct Wait {
  EventId event;
};

using Operands = std::variant<Run, Send, Recv, Collective, Load, Initialise, Zero, Cast, Add,
                              SquareSum, ClipFactor, Update, Permute, Record, Wait>;

// As std::visit, which libstdc++ makes a call through a table where there are more than eleven
// kinds: tests that become a switch, with the visitor inlined. It must take every kind.
template <size_t kKind = 0, typename Visitor, typename SomeOperands>
[[gnu::always_inline]] constexpr decltype(auto) Visit(Visitor&& visitor, SomeOperands& operands) {
  if constexpr (kKind + 1 < std::variant_size_v<Operands>) {
    if (operands.index() != kKind) return Visit<kKind + 1>(visitor, operands);
  }
  return visitor(*std::get_if<kKind>(&operands));
}

struct Instruction {
  StreamId stream;
  SourceId source;
  Operands operands;
};

}  // namespace pprun
