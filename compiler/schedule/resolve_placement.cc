// Placements: where chunks are, and how many a rank has. Tests: resolve_schedule_test.cc and
// placement_test.cc.
#include "compiler/schedule/resolver.h"

namespace pprun {

void Resolver::ResolveChunks() {
  for (const ast::Argument& parameter : definition_.parameters) {
    if (parameter.name->text != "chunks") continue;
    result_.chunks = AddNode(
        {.op = NodeOp::kConstant, .constant = ToWord(result_.constants.at(parameter.name->text))});
    result_.chunks_location = parameter.name->location;
  }
  auto let = visible_.find("chunks");
  if (let == visible_.end() || let->second.empty()) return;
  const ScopeEntry& entry = result_.scopes[static_cast<size_t>(let->second.back())];
  result_.chunks = AddNode({.op = NodeOp::kGlobal, .slot = entry.slot});
  result_.chunks_location = entry.location;
}

void Resolver::ResolvePlacement(const ast::Placement& placement) {
  ResolvedPlacement resolved{.location = placement.location};
  Mark mark = Enter();
  if (placement.literal.valid()) {
    resolved.chunk = std::get<ast::IntegerLiteral>(program_[placement.literal].node).value;
  } else {
    resolved.chunk_slot = Declare(placement.chunk, ScopeEntry::Space::kGlobal);
  }
  resolved.rank_slot = Declare(placement.rank, ScopeEntry::Space::kGlobal);
  for (const ast::Place& place : placement.places) {
    ResolvedPlace& added = resolved.places.emplace_back();
    added.stage = ResolveExpression(place.stage);
    if (place.pipe.valid()) added.pipe = ResolveExpression(place.pipe);
  }
  Leave(mark);
  result_.placements.push_back(std::move(resolved));
}

}  // namespace pprun
