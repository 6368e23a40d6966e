#include "compiler/report/looks.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <set>
#include <variant>

namespace pprun {
namespace {

// Calls `visit(position, run)` for every run of the step.
template <typename Visit>
void ForEachRun(const Plan& plan, const Visit& visit) {
  for (size_t i = 0; i < plan.positions.size(); ++i) {
    const Program& step = plan.positions[i].programs[static_cast<size_t>(ProgramKind::kStep)];
    for (const Instruction& instruction : step.instructions) {
      const Run* run = std::get_if<Run>(&instruction.operands);
      if (run != nullptr) visit(PositionId(static_cast<int64_t>(i)), *run);
    }
  }
}

int PipeOf(const Looks& looks, MicrobatchId microbatch) {
  const bool known = microbatch.valid() && microbatch.index() < looks.pipes.size();
  return known ? looks.pipes[microbatch.index()] : 0;
}

}  // namespace

Looks LooksOf(const Plan& plan) {
  Looks looks;
  std::map<MicrobatchId, PositionId> entries;
  std::set<PositionId> entrances;
  ForEachRun(plan, [&](PositionId position, const Run& run) {
    if (run.kind != TaskKind::kForward || run.stage != StageId(0)) return;
    entries.try_emplace(run.microbatch, position);
    entrances.insert(position);
  });
  looks.pipes.assign(static_cast<size_t>(std::max(plan.train.microbatches, 0)), 0);
  for (const auto& [microbatch, position] : entries) {
    if (!microbatch.valid() || microbatch.index() >= looks.pipes.size()) continue;
    const auto place = entrances.find(position);
    looks.pipes[microbatch.index()] = static_cast<int>(std::distance(entrances.begin(), place));
  }
  looks.pipe_count = std::max(1, static_cast<int>(entrances.size()));

  std::map<std::pair<PositionId, int>, std::set<ChunkId>> chunks;
  ForEachRun(plan, [&](PositionId position, const Run& run) {
    chunks[{position, PipeOf(looks, run.microbatch)}].insert(run.chunk);
  });
  for (const auto& [key, held] : chunks) {
    looks.chunk_count = std::max(looks.chunk_count, static_cast<int>(held.size()));
    int shade = 0;
    for (const ChunkId chunk : held) looks.shades[{key.first, chunk}] = shade++;
  }
  return looks;
}

BoxLook LookOf(const Looks& looks, PositionId position, const Box& box) {
  const auto shade = looks.shades.find({position, box.chunk});
  BoxLook look;
  look.fill = ForChunk(ColourOf(box.kind), shade == looks.shades.end() ? 0 : shade->second,
                       looks.chunk_count);
  if (PipeOf(looks, box.microbatch) % 2 == 1) look.hatch = BoxLook::Hatch::kDiagonal;
  return look;
}

}  // namespace pprun
