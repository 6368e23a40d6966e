#include "compiler/report/linked_run.h"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include "compiler/plan/tasks.h"
#include "compiler/report/tracks.h"

namespace pprun {
namespace {

// How many events a rank's step has.
size_t EventsOf(const Plan& plan, int64_t rank) {
  const Position& position = plan.positions[CoordinatesOf(plan, rank).position.index()];
  return static_cast<size_t>(position.programs[static_cast<size_t>(ProgramKind::kStep)].events);
}

// Of a position: the first run of each task of an overlapped pair, with that of the other.
std::map<int32_t, int32_t> PairsOf(const Position& position) {
  const std::vector<PlannedTask> tasks = TasksOf(position, ProgramKind::kStep).tasks;
  std::map<int32_t, int32_t> pairs;
  for (const PlannedTask& task : tasks) {
    if (task.partner >= 0) pairs[task.first] = tasks[static_cast<size_t>(task.partner)].first;
  }
  return pairs;
}

// Joins the pairs whose tasks began at once.
void LinkPairs(const Plan& plan, LinkedRun& run) {
  std::vector<std::map<int32_t, int32_t>> pairs;
  for (const Position& position : plan.positions) pairs.push_back(PairsOf(position));
  if (std::ranges::all_of(pairs, [](const auto& of_position) { return of_position.empty(); })) {
    return;
  }
  std::map<std::pair<int64_t, int32_t>, int32_t> waiting;  // by rank and the partner's instruction
  for (size_t i = 0; i < run.events.size(); ++i) {
    LinkedEvent& linked = run.events[i];
    const TraceEvent& event = linked.event;
    const auto& of_position = pairs[CoordinatesOf(plan, event.rank).position.index()];
    const auto pair = of_position.find(event.instruction);
    if (pair == of_position.end()) continue;
    const auto other = waiting.find({event.rank, event.instruction});
    if (other == waiting.end()) {
      waiting[{event.rank, pair->second}] = static_cast<int32_t>(i);
      continue;
    }
    LinkedEvent& partner = run.events[static_cast<size_t>(other->second)];
    if (partner.event.begin != event.begin) continue;
    linked.partner = other->second;
    partner.partner = static_cast<int32_t>(i);
  }
}

}  // namespace

LinkedRun LinkRun(const Plan& plan, const Trace& trace, int64_t repeat) {
  Trace step = {.kind = trace.kind, .events = {}};
  for (const TraceEvent& event : trace.events) {
    if (event.program == ProgramKind::kStep && event.repeat == repeat) step.events.push_back(event);
  }
  const Tracks tracks = TracksOf(plan, step);
  LinkedRun run;
  run.events.reserve(step.events.size());
  run.meetings.resize(tracks.rendezvous.size());
  std::map<int64_t, std::vector<int32_t>> records;  // by rank, of each event
  for (const Track& track : tracks.tracks) {
    std::vector<int32_t>& recorded = records[track.rank];
    recorded.resize(EventsOf(plan, track.rank), -1);
    int32_t previous = -1;
    for (const TracedInstruction& traced : track.events) {
      const auto index = static_cast<int32_t>(run.events.size());
      run.events.push_back({.event = *traced.event,
                            .instruction = traced.instruction,
                            .previous = previous,
                            .meeting = static_cast<int32_t>(traced.rendezvous)});
      previous = index;
      if (traced.rendezvous >= 0) {
        const auto meeting = static_cast<size_t>(traced.rendezvous);
        run.meetings[meeting].participants.push_back(index);
        run.meetings[meeting].met = tracks.rendezvous[meeting].start;
      }
      if (const Record* record = std::get_if<Record>(&traced.instruction->operands)) {
        recorded[record->event.index()] = index;
      }
    }
  }
  for (LinkedEvent& linked : run.events) {
    const Wait* wait = std::get_if<Wait>(&linked.instruction->operands);
    if (wait == nullptr) continue;
    linked.record = records.at(linked.event.rank)[wait->event.index()];
  }
  LinkPairs(plan, run);
  return run;
}

std::vector<CriticalStep> CriticalPath(const LinkedRun& run) {
  std::vector<CriticalStep> path;
  if (run.events.empty()) return path;
  const auto end_of = [&](int32_t index) {
    return run.events[static_cast<size_t>(index)].event.end;
  };
  const auto last = std::ranges::max_element(
      run.events, {}, [](const LinkedEvent& linked) { return linked.event.end; });
  auto at = static_cast<int32_t>(last - run.events.begin());
  // Clocks that disagree could make a circle of what is a chain: no path is longer than the run.
  for (size_t steps = 0; at >= 0 && steps < run.events.size(); ++steps) {
    const LinkedEvent& linked = run.events[static_cast<size_t>(at)];
    int32_t before = linked.previous;
    const auto consider = [&](int32_t other) {
      if (other >= 0 && (before < 0 || end_of(other) > end_of(before))) before = other;
    };
    if (linked.record >= 0) consider(linked.record);
    if (linked.partner >= 0) consider(run.events[static_cast<size_t>(linked.partner)].previous);
    if (linked.meeting >= 0) {
      const LinkedMeeting& meeting = run.meetings[static_cast<size_t>(linked.meeting)];
      for (const int32_t other : meeting.participants) {
        consider(run.events[static_cast<size_t>(other)].previous);
      }
    }
    double begin = linked.event.begin;
    if (before >= 0) begin = std::max(begin, std::min(end_of(before), linked.event.end));
    if (linked.event.end > begin) path.push_back({at, begin, linked.event.end});
    at = before;
  }
  std::ranges::reverse(path);
  return path;
}

}  // namespace pprun
