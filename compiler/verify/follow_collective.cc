// What collectives leave. Replicas of a position hold the same values, each its own share of the
// samples: over axes alone an all-reduce meets only its own position, and says of a gradient over
// which axes it is summed.
#include <algorithm>
#include <variant>

#include "compiler/plan/effects.h"
#include "compiler/verify/follow.h"

namespace pprun {

void Follower::operator()(const Collective& collective) { CollectiveAlone(collective); }

void Follower::CollectiveAlone(const Collective& collective) {
  const Group& group = plan().groups[collective.group.index()];
  const uint32_t axes = AxisBits(plan(), group.axes);
  const Range target = RangeOf(collective.target);
  if (axes == 0) {
    // One member: what it gives is what it gets.
    return WriteAll(site_.position, target, Read(RangeOf(collective.source)));
  }
  switch (collective.kind) {
    case CollectiveKind::kBroadcast:
      return;
    case CollectiveKind::kAllReduce:
      for (const Piece& piece : Read(target)) {
        Value sum{};
        if (piece.value != kNoValue && IsGradient(context_.values[piece.value])) {
          sum = {.kind = Value::Kind::kSumOverAxes, .axes = axes, .before = piece.value};
        }
        MapOf(site_.position, target)
            .Write(target.begin + piece.begin, target.begin + piece.end,
                   context_.values.Add(std::move(sum)), piece.offset);
      }
      return;
    case CollectiveKind::kAllGather:
    case CollectiveKind::kReduceScatter:
    case CollectiveKind::kReduce:
    case CollectiveKind::kAllToAll:
      // Each replica gets another part: not followed, so nothing that reads it is proven.
      return Write(target, {});
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
    targets([&](BufferId, BufferId target) { Write(RangeOf(target), {}); });
  };
  if (collective == nullptr) return forget();
  const uint32_t axes = AxisBits(plan(), plan().groups[collective->group.index()].axes);
  if (collective->kind == CollectiveKind::kAllReduce) return SumAcross(sites, axes);
  if (collective->kind == CollectiveKind::kBroadcast) {
    // The root's position is the one that reads.
    std::vector<Piece> pieces;
    targets([&](BufferId source, BufferId) {
      std::vector<Effect> effects;
      AppendEffects(plan(), position(), InstructionAt(plan(), program_, site_), effects);
      if (effects[0].access != Access::kWrite) pieces = Read(RangeOf(source));
    });
    targets([&](BufferId, BufferId target) { WriteAll(site_.position, RangeOf(target), pieces); });
    return;
  }
  if (collective->kind != CollectiveKind::kAllGather || axes != 0) return forget();
  // One source a position, in order: what everyone gets is the concatenation.
  std::vector<Piece> gathered;
  targets([&](BufferId source, BufferId) {
    const int64_t base = gathered.empty() ? 0 : gathered.back().end;
    for (Piece piece : Read(RangeOf(source))) {
      piece.begin += base;
      piece.end += base;
      gathered.push_back(piece);
    }
  });
  targets([&](BufferId, BufferId target) { WriteAll(site_.position, RangeOf(target), gathered); });
}

// Piece by piece, where any member's changes; a sum of what is no gradient is not followed.
void Follower::SumAcross(std::span<const Site> sites, uint32_t axes) {
  std::vector<std::vector<Piece>> members;
  std::vector<Range> ranges;
  for (const Site& site : sites) {
    const Instruction& instruction = InstructionAt(plan(), program_, site);
    ranges.push_back(RangeOf(site.position, std::get<Collective>(instruction.operands).target));
    members.push_back(Read(site.position, ranges.back()));
  }
  const int64_t size = ranges[0].end - ranges[0].begin;
  std::vector<size_t> at(members.size(), 0);
  for (int64_t begin = 0; begin < size;) {
    int64_t end = size;
    std::optional<int64_t> offset;  // of the gradient's bytes here
    Value sum{.kind = Value::Kind::kSum, .axes = axes};
    for (size_t m = 0; m < members.size(); ++m) {
      const Piece& piece = members[m][at[m]];
      end = std::min(end, piece.end);
      const bool gradient = piece.value != kNoValue && IsGradient(context_.values[piece.value]);
      if (!gradient) {
        sum.kind = Value::Kind::kScratch;
        continue;
      }
      sum.children.push_back(piece.value);
      if (context_.values[piece.value].kind == Value::Kind::kZero) continue;
      const int64_t here = piece.offset + (begin - piece.begin);
      if (offset && *offset != here) sum.kind = Value::Kind::kScratch;
      offset = here;
    }
    const ValueIndex value = context_.values.Add(std::move(sum));
    for (size_t m = 0; m < members.size(); ++m) {
      MapOf(sites[m].position, ranges[m])
          .Write(ranges[m].begin + begin, ranges[m].begin + end, value, offset.value_or(0));
      if (members[m][at[m]].end == end) ++at[m];
    }
    begin = end;
  }
}

}  // namespace pprun
