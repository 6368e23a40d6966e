#include "compiler/report/memory_use.h"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <utility>
#include <variant>

#include "compiler/plan/effects.h"
#include "compiler/simulate/live_activations.h"

namespace pprun {
namespace {

struct UseChange {
  double time = 0;
  int64_t amount = 0;
};

// The sums of all changes up to each time. What ends where something begins ends first.
std::vector<UsePoint> Accumulated(std::vector<UseChange> changes) {
  std::ranges::sort(changes, {},
                    [](const UseChange& change) { return std::pair(change.time, change.amount); });
  std::vector<UsePoint> points;
  int64_t amount = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    amount += changes[i].amount;
    const bool last = i + 1 == changes.size() || changes[i + 1].time > changes[i].time;
    if (!last) continue;
    if (points.empty() || points.back().amount != amount) {
      points.push_back({changes[i].time, amount});
    }
  }
  return points;
}

// One piece of an arena that every access takes whole.
struct ArenaPiece {
  int64_t bytes = 0;
  double from = 0;
  double until = 0;
  enum class State : uint8_t { kFree, kLive } state = State::kFree;
};

// The changes of one arena; `events` of one rank in issue order, which agrees with time wherever
// two instructions touch the same bytes.
void AppendChanges(const Plan& plan, const Position& position, ArenaKind arena,
                   const LinkedRun& run, const std::vector<int32_t>& events,
                   std::vector<UseChange>& changes) {
  std::vector<Effect> effects;
  std::vector<std::pair<const LinkedEvent*, Effect>> accesses;
  std::vector<int64_t> bounds;
  for (const int32_t index : events) {
    const LinkedEvent& linked = run.events[static_cast<size_t>(index)];
    effects.clear();
    AppendEffects(plan, position, *linked.instruction, effects);
    for (const Effect& effect : effects) {
      if (effect.arena != arena) continue;
      accesses.emplace_back(&linked, effect);
      bounds.push_back(effect.begin);
      bounds.push_back(effect.end);
    }
  }
  std::ranges::sort(bounds);
  bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
  std::vector<ArenaPiece> pieces(bounds.empty() ? 0 : bounds.size() - 1);
  for (size_t i = 0; i < pieces.size(); ++i) pieces[i].bytes = bounds[i + 1] - bounds[i];

  const auto close = [&](ArenaPiece& piece) {
    if (piece.state == ArenaPiece::State::kFree) return;
    changes.push_back({piece.from, piece.bytes});
    changes.push_back({piece.until, -piece.bytes});
    piece.state = ArenaPiece::State::kFree;
  };
  for (const auto& [linked, effect] : accesses) {
    const auto begin = std::ranges::lower_bound(bounds, effect.begin) - bounds.begin();
    for (auto i = static_cast<size_t>(begin); bounds[i] < effect.end; ++i) {
      ArenaPiece& piece = pieces[i];
      if (effect.access == Access::kWrite) {
        close(piece);
        piece.from = linked->event.begin;
        // A transfer writes once both ends are there.
        if (linked->meeting >= 0) {
          const double met = run.meetings[static_cast<size_t>(linked->meeting)].met;
          piece.from = std::clamp(met, linked->event.begin, linked->event.end);
        }
        piece.until = linked->event.end;
        piece.state = ArenaPiece::State::kLive;
      } else if (piece.state == ArenaPiece::State::kLive) {
        piece.until = std::max(piece.until, linked->event.end);
      }
    }
  }
  for (ArenaPiece& piece : pieces) close(piece);
}

// What changes at one time is one point, or two where for that moment alone more was there: an
// overlapped pair holds what its backward has just worked off until its forward has begun.
std::vector<UsePoint> ActivationPoints(const std::vector<ActivationChange>& changes) {
  std::vector<UsePoint> points;
  int64_t before = 0, amount = 0, most = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    amount += changes[i].change;
    most = std::max(most, amount);
    if (i + 1 < changes.size() && changes[i + 1].time == changes[i].time) continue;
    if (most > std::max(before, amount)) points.push_back({changes[i].time, most});
    if (amount != before || most > amount) points.push_back({changes[i].time, amount});
    before = most = amount;
  }
  return points;
}

}  // namespace

std::vector<RankUse> MemoryOf(const Plan& plan, const LinkedRun& run) {
  std::map<int64_t, std::vector<int32_t>> events;
  std::vector<TraceEvent> traced;
  traced.reserve(run.events.size());
  for (size_t i = 0; i < run.events.size(); ++i) {
    traced.push_back(run.events[i].event);
    events[run.events[i].event.rank].push_back(static_cast<int32_t>(i));
  }
  const std::map<int64_t, std::vector<ActivationChange>> activations =
      ActivationChanges(plan, traced);
  std::vector<RankUse> ranks;
  for (auto& [rank, own] : events) {
    std::ranges::sort(own, {}, [&](int32_t index) {
      return run.events[static_cast<size_t>(index)].event.instruction;
    });
    const Position& position = plan.positions[CoordinatesOf(plan, rank).position.index()];
    RankUse memory = {.rank = rank};
    std::vector<UseChange> changes;
    for (const ArenaKind arena : {ArenaKind::kFrames, ArenaKind::kTransferSlots}) {
      AppendChanges(plan, position, arena, run, own, changes);
      memory.reserved += position.arena_bytes[static_cast<size_t>(arena)];
    }
    memory.fixed =
        std::accumulate(position.arena_bytes.begin(), position.arena_bytes.end(), int64_t{0}) -
        memory.reserved;
    memory.bytes = Accumulated(std::move(changes));
    if (const auto own_changes = activations.find(rank); own_changes != activations.end()) {
      memory.activations = ActivationPoints(own_changes->second);
    }
    ranks.push_back(std::move(memory));
  }
  return ranks;
}

int64_t PeakOf(const std::vector<UsePoint>& points) {
  int64_t peak = 0;
  for (const UsePoint& point : points) peak = std::max(peak, point.amount);
  return peak;
}

}  // namespace pprun
