// `greedy` and places to choose among: the words it uses, which kinds of tasks it orders, and whose
// tasks those are. What depends on values is said where the schedule is evaluated, in
// compiler/schedule. Tests: checker_errors_test.cc and golden/errors/greedy_*.
#include <algorithm>
#include <string>
#include <vector>

#include "dsl/arguments.h"
#include "dsl/check_parts.h"

namespace pprun {
namespace {

const std::vector<std::string> kLimits = {"in_flight"};
const std::vector<std::string> kSearches = {"nodes"};
const std::vector<std::string> kKinds = {"forward", "backward", "input_grad", "weight_grad"};

// Reports a word that is none of those known, with the one that may be meant, or else all.
bool IsKnown(const CheckContext& context, const ast::Name& word,
             const std::vector<std::string>& known, const std::string& wrong,
             const std::string& all) {
  if (std::find(known.begin(), known.end(), word.text) != known.end()) return true;
  const std::string meant = DidYouMean(word.text, known);
  context.diagnostics.Error(word.location, wrong + Code(word.text))
      .Note(word.location, meant.empty() ? all : "did you mean " + Code(meant) + "?");
  return false;
}

const ast::Name* Find(const std::vector<ast::Name>& names, std::string_view text) {
  auto found = std::find_if(names.begin(), names.end(),
                            [&](const ast::Name& name) { return name.text == text; });
  return found == names.end() ? nullptr : &*found;
}

// Every microbatch has a forward and a backward, or its halves.
void CheckPreferences(const CheckContext& context, const ast::Greedy& greedy) {
  if (greedy.preferences.empty()) {
    context.diagnostics.Error(greedy.location, "`greedy` does not say what it prefers")
        .Note(greedy.location, "as in `prefer input_grad, forward, weight_grad;`");
    return;
  }
  for (size_t i = 0; i < greedy.preferences.size(); ++i) {
    const ast::Name& kind = greedy.preferences[i];
    if (!IsKnown(context, kind, kKinds, "unknown kind of task, ",
                 "it is one of `forward`, `backward`, `input_grad` and `weight_grad`")) {
      return;
    }
    const ast::Name* first = Find(greedy.preferences, kind.text);
    if (first == &kind) continue;
    context.diagnostics.Error(kind.location, Code(kind.text) + " is preferred twice")
        .Note(first->location, "first here");
    return;
  }
  const ast::Name* backward = Find(greedy.preferences, "backward");
  for (const std::string& kind : kKinds) {
    const ast::Name* found = Find(greedy.preferences, kind);
    const bool half = kind == "input_grad" || kind == "weight_grad";
    if (backward != nullptr && half && found != nullptr) {
      context.diagnostics.Error(found->location, Code(kind) + " is preferred beside `backward`")
          .Note(backward->location, "`backward` is `input_grad` and `weight_grad` in one task");
      return;
    }
    const bool needed = backward != nullptr ? !half : kind != "backward";
    if (!needed || found != nullptr) continue;
    context.diagnostics.Error(greedy.preferences_location, "`prefer` leaves out " + Code(kind))
        .Note(greedy.preferences_location,
              "every microbatch needs `forward` and `backward`, or `forward`, `input_grad` and "
              "`weight_grad`");
    return;
  }
}

int64_t RankOf(const CheckContext& context, const ast::Greedy& greedy) {
  return std::get<ast::IntegerLiteral>(context.program[greedy.literal].node).value;
}

// Whose tasks: all ranks' once, or one rank's once.
void CheckRanks(const CheckContext& context, const ast::ScheduleDefinition& definition) {
  for (size_t i = 0; i < definition.greedy.size(); ++i) {
    const ast::Greedy& greedy = definition.greedy[i];
    const bool all = !greedy.literal.valid();
    if (all && !definition.rank.text.empty()) {
      context.diagnostics
          .Error(greedy.location, "`greedy on rank " + greedy.rank.text +
                                      "` stands for every rank, and so does `order`")
          .Note(definition.rank.location, "the order is here")
          .Note(greedy.location, "`greedy on rank 0` stands for that rank alone");
      return;
    }
    for (size_t j = 0; j < i; ++j) {
      const ast::Greedy& first = definition.greedy[j];
      if (all == first.literal.valid()) continue;
      if (!all && RankOf(context, first) != RankOf(context, greedy)) continue;
      context.diagnostics
          .Error(greedy.location,
                 all ? "a second `greedy` for every rank"
                     : "a second `greedy` for rank " + std::to_string(RankOf(context, greedy)))
          .Note(first.location, "the first is here");
      return;
    }
  }
}

void CheckPlaces(const CheckContext& context, const ast::ScheduleDefinition& definition) {
  const bool searches =
      std::any_of(definition.greedy.begin(), definition.greedy.end(),
                  [](const ast::Greedy& greedy) { return greedy.search.has_value(); });
  const ast::Placement* first = nullptr;
  for (const ast::Placement& placement : definition.placements) {
    if (placement.places.size() == 1) continue;
    if (!searches) {
      context.diagnostics
          .Error(placement.location, "a chunk is in one place, and this says " +
                                         std::to_string(placement.places.size()))
          .Note(definition.name.location, "a `greedy` with `search` would choose among them");
      return;
    }
    if (!definition.rank.text.empty()) {
      context.diagnostics
          .Error(placement.location,
                 "a search may choose among places where `greedy` orders every rank")
          .Note(definition.rank.location, "the order is here");
      return;
    }
    if (placement.places.size() > static_cast<size_t>(kMostPlacements)) {
      context.diagnostics.Error(
          placement.location,
          "more than the limit of " + std::to_string(kMostPlacements) + " places to choose among");
      return;
    }
    if (first == nullptr) first = &placement;
    if (first->places.size() == placement.places.size()) continue;
    context.diagnostics
        .Error(placement.location, "this has " + std::to_string(placement.places.size()) +
                                       " places to choose among, and another clause " +
                                       std::to_string(first->places.size()))
        .Note(first->location,
              "the other is here: the first places of all are one placement, the "
              "second ones the next, and so on");
    return;
  }
}

}  // namespace

void CheckGreedy(const CheckContext& context, const ast::ScheduleDefinition& definition) {
  const int before = context.diagnostics.errors();
  for (const ast::Greedy& greedy : definition.greedy) {
    for (const ast::GreedyBound& limit : greedy.limits) {
      IsKnown(context, limit.what, kLimits, "`greedy` has no limit named ",
              "it is `in_flight`: activations of a chunk, or with a unit their bytes");
    }
    if (greedy.search.has_value()) {
      IsKnown(context, greedy.search->what, kSearches, "a search is not bounded by ",
              "it is bounded by `nodes`: the orders that it tries");
    }
    CheckPreferences(context, greedy);
  }
  if (context.diagnostics.errors() > before) return;
  CheckRanks(context, definition);
  CheckPlaces(context, definition);
}

}  // namespace pprun
