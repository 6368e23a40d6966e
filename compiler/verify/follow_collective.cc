// What collectives leave. Replicas of a position hold the same values, each its own share of the
// samples: over axes alone an all-reduce meets only its own position, and says of a gradient over
// which axes it is summed.
#include <algorithm>
#include <optional>
#include <variant>

#include "compiler/plan/effects.h"
#include "compiler/verify/follow.h"

namespace pprun {

void Follower::operator()(const Collective& collective) { CollectiveAlone(collective); }

void Follower::CollectiveAlone(const Collective& collective) {
  const Group& group = plan().groups[collective.group.index()];
  const uint32_t axes = AxisBits(plan(), group.axes);
  const Span target = SpanOf(collective.target);
  if (axes == 0) {
    // One member: what it gives is what it gets.
    return memory().Write(target, Read(SpanOf(collective.source)));
  }
  switch (collective.kind) {
    case CollectiveKind::kBroadcast:
      return;
    case CollectiveKind::kAllReduce: {
      std::vector<ValuePiece> pieces = Read(target);
      for (ValuePiece& piece : pieces) {
        piece.value = IsGradient(piece.value)
                          ? context_.gradients.Sum(axes, std::span(&piece.value, 1))
                          : Value(ValueKind::kScratch);
      }
      return memory().Write(target, pieces);
    }
    case CollectiveKind::kAllGather:
    case CollectiveKind::kReduceScatter:
    case CollectiveKind::kReduce:
    case CollectiveKind::kAllToAll:
      // Each replica gets another part: not followed, so nothing that reads it is proven.
      return Fill(target, Value(ValueKind::kScratch));
  }
}

void Follower::CollectiveAcross(std::span<const Site> sites) {
  const Instruction& first = InstructionAt(plan(), program_, sites[0]);
  const Collective* collective = std::get_if<Collective>(&first.operands);
  const auto targets = [&](auto&& use) {
    for (const Site& site : sites) {
      site_ = site;
      const Instruction& instruction = InstructionAt(plan(), program_, site);
      if (const Collective* own = std::get_if<Collective>(&instruction.operands)) {
        use(own->source, own->target);
      } else {
        const Permute& permute = std::get<Permute>(instruction.operands);
        use(permute.source, permute.target);
      }
    }
  };
  const auto forget = [&] {
    targets([&](BufferId, BufferId target) { Fill(SpanOf(target), Value(ValueKind::kScratch)); });
  };
  if (collective == nullptr) return forget();
  const uint32_t axes = AxisBits(plan(), plan().groups[collective->group.index()].axes);
  if (collective->kind == CollectiveKind::kAllReduce) return SumAcross(sites, axes);
  if (collective->kind == CollectiveKind::kBroadcast) {
    // The root's position is the one that reads.
    std::vector<ValuePiece> pieces;
    targets([&](BufferId source, BufferId) {
      std::vector<BufferAccess> accesses;
      AppendAccesses(plan(), position(), InstructionAt(plan(), program_, site_), accesses);
      if (accesses[0].access != Access::kWrite) pieces = Read(SpanOf(source));
    });
    targets([&](BufferId, BufferId target) { memory().Write(SpanOf(target), pieces); });
    return;
  }
  if (collective->kind != CollectiveKind::kAllGather || axes != 0) return forget();
  // One source a position, in order: what everyone gets is the concatenation.
  std::vector<ValuePiece> gathered;
  targets([&](BufferId source, BufferId) {
    const int64_t base = gathered.empty() ? 0 : gathered.back().end;
    for (ValuePiece piece : Read(SpanOf(source))) {
      piece.begin += base;
      piece.end += base;
      gathered.push_back(piece);
    }
  });
  targets([&](BufferId, BufferId target) { memory().Write(SpanOf(target), gathered); });
}

// ValuePiece by piece, where any member's changes; a sum of what is no gradient is not followed.
void Follower::SumAcross(std::span<const Site> sites, uint32_t axes) {
  std::vector<std::vector<ValuePiece>> members;
  std::vector<Span> spans;
  for (const Site& site : sites) {
    const Instruction& instruction = InstructionAt(plan(), program_, site);
    spans.push_back(SpanOf(site.position, std::get<Collective>(instruction.operands).target));
    members.push_back(Read(site.position, spans.back()));
  }
  const int64_t size = members[0].back().end;
  std::vector<size_t> at(members.size(), 0);
  std::vector<ValuePiece> sums;
  std::vector<Value> terms;
  for (int64_t begin = 0; begin < size;) {
    int64_t end = size;
    std::optional<int64_t> offset;  // of the gradient's bytes here
    bool sound = true;
    terms.clear();
    for (size_t m = 0; m < members.size(); ++m) {
      const ValuePiece& piece = members[m][at[m]];
      end = std::min(end, piece.end);
      if (!IsGradient(piece.value)) {
        sound = false;
        continue;
      }
      terms.push_back(piece.value);
      if (!HasBeginning(piece.value)) continue;
      const int64_t here = piece.offset + (begin - piece.begin);
      if (offset && *offset != here) sound = false;
      offset = here;
    }
    const Value sum = sound ? context_.gradients.Sum(axes, terms) : Value(ValueKind::kScratch);
    sums.push_back({begin, end, sum, HasBeginning(sum) ? offset.value_or(0) : 0});
    for (size_t m = 0; m < members.size(); ++m) {
      if (members[m][at[m]].end == end) ++at[m];
    }
    begin = end;
  }
  for (size_t m = 0; m < members.size(); ++m) memory(sites[m].position).Write(spans[m], sums);
}

}  // namespace pprun
