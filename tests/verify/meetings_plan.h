// Plans of meetings alone: sends, recvs, collectives and events, no memory. For what concerns order
// only.
#pragma once

#include <string>
#include <vector>

#include "compiler/plan/plan.h"

namespace pprun {

// `streams` streams at each position, in program kStep nothing yet; names are numbers.
inline Plan MeetingsPlan(int positions, int streams) {
  Plan plan;
  plan.name = "meetings.sched";
  plan.mesh = {{"pp", positions}};
  plan.positions.resize(static_cast<size_t>(positions));
  for (Position& position : plan.positions) {
    for (int i = 0; i < streams; ++i) position.streams.push_back({.name = std::to_string(i)});
  }
  return plan;
}

inline ChannelId AddChannel(Plan& plan, int from, int to) {
  plan.channels.push_back(
      {std::to_string(from) + " to " + std::to_string(to), PositionId(from), PositionId(to), {}});
  return ChannelId(static_cast<int64_t>(plan.channels.size()) - 1);
}

inline GroupId AddGroup(Plan& plan, const std::vector<PositionId>& positions) {
  plan.groups.push_back({"group " + std::to_string(plan.groups.size()), positions, {}});
  return GroupId(static_cast<int64_t>(plan.groups.size()) - 1);
}

inline void Issue(Plan& plan, int position, int stream, Operands operands) {
  plan.positions[static_cast<size_t>(position)].programs[1].instructions.push_back(
      {StreamId(stream), SourceId(), std::move(operands)});
}

}  // namespace pprun
