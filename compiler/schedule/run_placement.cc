// Runs `place chunk c on rank r as stage s of pipe q;` for every chunk of every rank, and requires
// that each stage of each pipe is held once. As there are as many stages as chunks of ranks, it is
// enough that no two are the same. Tests: placement_test.cc.
#include <algorithm>
#include <string>
#include <utility>

#include "compiler/plan/base/amount.h"
#include "compiler/schedule/schedule_runner.h"

namespace pprun {

namespace {

// A bidirectional schedule has one pipe in each direction.
constexpr int32_t kMostPipes = 2;

std::string ChunkText(int32_t rank, int32_t chunk) {
  return "chunk " + std::to_string(chunk) + " of rank " + std::to_string(rank);
}

}  // namespace

std::optional<int32_t> ScheduleRunner::ChunkCount(int32_t ranks) {
  int64_t chunks = 1;
  ast::Location location = schedule_.chunks_location;
  if (schedule_.chunks.valid()) {
    const Word word = evaluator_.Fast(schedule_.chunks);
    if (word.kind != WordKind::kInteger) {
      diagnostics_->Error(location, "`chunks` is an integer: how many chunks a rank has");
      return std::nullopt;
    }
    chunks = word.bits;
  } else {
    for (const ResolvedPlacement& clause : schedule_.placements) {
      if (!clause.chunk || *clause.chunk < chunks) continue;
      // One more than the largest integer is no chunk either.
      chunks = std::min(*clause.chunk, limits_.unrolled_tasks) + 1;
      location = clause.location;
    }
  }
  if (chunks < 1) {
    diagnostics_->Error(
        location, "`chunks` is " + std::to_string(chunks) + ", and a rank has at least one chunk");
    return std::nullopt;
  }
  if (chunks > limits_.unrolled_tasks / ranks) {
    diagnostics_->Error(location, Amount(ranks, "rank") + " of " + Amount(chunks, "chunk") +
                                      " need more than the limit of " +
                                      std::to_string(limits_.unrolled_tasks) +
                                      " tasks (`unrolled_tasks`)");
    return std::nullopt;
  }
  return static_cast<int32_t>(chunks);
}

std::optional<std::vector<const ResolvedPlacement*>> ScheduleRunner::ClauseOfEachChunk(
    int32_t chunks) {
  std::vector<const ResolvedPlacement*> clauses(static_cast<size_t>(chunks), nullptr);
  for (const ResolvedPlacement& clause : schedule_.placements) {
    if (clause.chunk && *clause.chunk >= chunks) {
      Diagnostic& error = diagnostics_->Error(
          clause.location, "there is no chunk " + std::to_string(*clause.chunk) + ": a rank has " +
                               Amount(chunks, "chunk"));
      error.Note(schedule_.chunks_location, "`chunks` is set here");
      return std::nullopt;
    }
    const int64_t begin = clause.chunk.value_or(0);
    const int64_t end = clause.chunk ? begin + 1 : chunks;
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const ResolvedPlacement*& first = clauses[static_cast<size_t>(chunk)];
      if (first == nullptr) {
        first = &clause;
        continue;
      }
      diagnostics_
          ->Error(clause.location, "chunk " + std::to_string(chunk) + " is placed a second time")
          .Note(first->location, "it is first placed here");
      return std::nullopt;
    }
  }
  for (size_t chunk = 0; chunk < clauses.size(); ++chunk) {
    if (clauses[chunk] != nullptr) continue;
    const ast::Location place =
        schedule_.placements.empty() ? schedule_.chunks_location : schedule_.placements[0].location;
    diagnostics_->Error(place, "no `place` says which stage chunk " + std::to_string(chunk) + " is")
        .Note(place, "as in `place chunk c on rank r as stage c * pp + r;`");
    return std::nullopt;
  }
  return clauses;
}

void ScheduleRunner::SetPlacementNames(const ResolvedPlacement& clause, int32_t rank,
                                       int32_t chunk) {
  constexpr ScopeEntry::Space kGlobal = ScopeEntry::Space::kGlobal;
  // Functions see the rank by the name that the order gives it.
  evaluator_.SetSlot(kGlobal, schedule_.rank_slot, IntegerWord(rank));
  evaluator_.SetSlot(kGlobal, clause.rank_slot, IntegerWord(rank));
  if (!clause.chunk) evaluator_.SetSlot(kGlobal, clause.chunk_slot, IntegerWord(chunk));
}

std::optional<std::vector<ScheduleRunner::PlacedChunk>> ScheduleRunner::RunClauses(
    int32_t ranks, const std::vector<const ResolvedPlacement*>& clauses) {
  std::vector<PlacedChunk> placed;
  for (int32_t rank = 0; rank < ranks; ++rank) {
    for (int32_t chunk = 0; chunk < static_cast<int32_t>(clauses.size()); ++chunk) {
      const ResolvedPlacement& clause = *clauses[static_cast<size_t>(chunk)];
      if (Step(clause.location) == Flow::kStop) return std::nullopt;
      SetPlacementNames(clause, rank, chunk);
      const ResolvedPlace& place = clause[alternative_];
      const auto stage = Integer(place.stage, "the stage of a chunk", clause.location);
      if (!stage) return std::nullopt;
      PlacedChunk& added = placed.emplace_back(PlacedChunk{rank, chunk, *stage, 0});
      if (!place.pipe.valid()) continue;
      const auto pipe = Integer(place.pipe, "the pipe of a chunk", clause.location);
      if (!pipe) return std::nullopt;
      added.pipe = *pipe;
      if (*pipe >= 0 && *pipe < kMostPipes) continue;
      ReportPlace(clause, place.pipe, added,
                  ChunkText(rank, chunk) + " is of pipe " + std::to_string(*pipe) +
                      ", and there are pipes 0 and 1");
      return std::nullopt;
    }
  }
  return placed;
}

void ScheduleRunner::ReportPlace(const ResolvedPlacement& clause,
                                 const ResolvedExpression& expression, const PlacedChunk& placed,
                                 std::string message, std::string note) {
  const ast::Location place = program_[expression.source].location;
  Diagnostic& error = diagnostics_->Error(place, std::move(message));
  SetPlacementNames(clause, placed.rank, placed.chunk);
  const std::string names = evaluator_.NamesIn(expression);
  if (!names.empty()) error.Note(place, names);
  if (!note.empty()) error.Note(place, std::move(note));
}

bool ScheduleRunner::HoldsEachStageOnce(const Placement& placement,
                                        const std::vector<PlacedChunk>& placed,
                                        const std::vector<const ResolvedPlacement*>& clauses) {
  const auto index = [&](const PlacedChunk& each) {
    return static_cast<size_t>(each.pipe * placement.stages + each.stage);
  };
  const auto stage_text = [&](int64_t stage, int64_t pipe) {
    std::string text = "stage " + std::to_string(stage);
    return placement.pipes == 1 ? text : text + " of pipe " + std::to_string(pipe);
  };
  std::vector<const PlacedChunk*> holder(placed.size(), nullptr);
  std::vector<const PlacedChunk*> second;
  for (const PlacedChunk& each : placed) {
    const ResolvedPlacement& clause = *clauses[static_cast<size_t>(each.chunk)];
    if (each.stage < 0 || each.stage >= placement.stages) {
      ReportPlace(clause, clause[alternative_].stage, each,
                  ChunkText(each.rank, each.chunk) + " is " + stage_text(each.stage, each.pipe) +
                      ", and stages go from 0 to " + std::to_string(placement.stages - 1));
      return false;
    }
    const PlacedChunk*& first = holder[index(each)];
    if (first == nullptr) {
      first = &each;
    } else {
      second.push_back(&each);
    }
  }
  if (second.empty()) return true;
  const PlacedChunk& each = *second.front();
  const PlacedChunk& first = *holder[index(each)];
  const size_t free =
      static_cast<size_t>(std::find(holder.begin(), holder.end(), nullptr) - holder.begin());
  const ResolvedPlacement& clause = *clauses[static_cast<size_t>(each.chunk)];
  const int64_t stages = placement.stages;
  ReportPlace(clause, clause[alternative_].stage, each,
              ChunkText(each.rank, each.chunk) + " is " + stage_text(each.stage, each.pipe) +
                  ", and so is " + ChunkText(first.rank, first.chunk),
              "no rank holds " + stage_text(static_cast<int64_t>(free) % stages,
                                            static_cast<int64_t>(free) / stages));
  return false;
}

std::optional<Placement> ScheduleRunner::RunPlacement(int32_t ranks, size_t alternative,
                                                      Diagnostics& diagnostics) {
  diagnostics_ = &diagnostics;
  alternative_ = alternative;
  const std::optional<int32_t> chunks = ChunkCount(ranks);
  if (!chunks) return std::nullopt;
  Placement placement{.chunks = *chunks, .stages = ranks, .ranks = {}};
  if (schedule_.placements.empty() && *chunks == 1) {
    for (int32_t rank = 0; rank < ranks; ++rank) placement.ranks.push_back({{.stage = rank}});
    return placement;
  }
  const auto clauses = ClauseOfEachChunk(*chunks);
  if (!clauses) return std::nullopt;
  const auto placed = RunClauses(ranks, *clauses);
  if (!placed) return std::nullopt;
  for (const PlacedChunk& each : *placed) {
    if (each.pipe == 1) placement.pipes = kMostPipes;
  }
  const int32_t places = static_cast<int32_t>(placed->size());
  if (places % placement.pipes != 0) {
    diagnostics.Error(schedule_.placements[0].location,
                      Amount(ranks, "rank") + " of " + Amount(*chunks, "chunk") +
                          " cannot hold two pipes of as many stages each");
    return std::nullopt;
  }
  placement.stages = places / placement.pipes;
  if (!HoldsEachStageOnce(placement, *placed, *clauses)) return std::nullopt;
  placement.ranks.resize(static_cast<size_t>(ranks));
  for (const PlacedChunk& each : *placed) {
    placement.ranks[static_cast<size_t>(each.rank)].push_back(
        {static_cast<int32_t>(each.stage), static_cast<int32_t>(each.pipe)});
  }
  return placement;
}

}  // namespace pprun
