// The checks, one a property; `segments` are SegmentsOf(plan). Each takes for granted what those
// before it have proven, and adds what it finds. Tests: named_damage_test.cc, damage_test.cc.
#pragma once

#include "compiler/plan/plan.h"
#include "compiler/verify/argument_types.h"
#include "compiler/verify/findings.h"
#include "compiler/verify/segments.h"
#include "compiler/verify/verify.h"

namespace pprun {

// types: tables, then functions, then instructions.
void CheckTypes(const Plan& plan, Findings& findings);
void CheckTables(const Plan& plan, Findings& findings);
void CheckFunction(const Function& function, Findings& findings);
// Of a function that is sound by itself: tokens, vocabulary, the scale of the loss.
void CheckTokens(const Plan& plan, const Function& function, Findings& findings);
// The streams that carry a channel, as far as they are known.
struct ChannelQueues {
  StreamId sends;
  StreamId recvs;
};
void CheckInstructions(const Plan& plan, const ArgumentTypes& argument_types,
                       const std::vector<size_t>& layer_arguments, TypeNumbers& numbers,
                       std::vector<ChannelQueues>& queues, PositionId position, Findings& findings);

// Sends with recvs, collectives with each other, waits with records.
void CheckMatching(const Plan& plan, Findings& findings);
void CheckDeadlock(const Plan& plan, Findings& findings);
// data_flow, first part: events, and accesses that nothing orders.
void CheckRaces(const Plan& plan, const std::vector<Segments>& segments, Findings& findings);
// data_flow, second part, and completeness: what every buffer holds, followed through the programs.
void FollowValues(const Plan& plan, const std::vector<Segments>& segments, Findings& data_flow,
                  Findings& completeness);
void CheckMemory(const Plan& plan, const VerifyOptions& options, Findings& findings);

}  // namespace pprun
