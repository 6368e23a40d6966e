#include "runtime/issuer.h"

#include <utility>
#include <variant>

namespace pprun {
namespace {

struct Issue {
  DeviceStream& stream;

  void operator()(const IssueCalls& issue) const { stream.Issue(issue.calls); }
  void operator()(const IssueMeeting& issue) const { issue.meeting->Issue(stream); }
  void operator()(const IssueRecord& issue) const { stream.Record(*issue.event); }
  void operator()(const IssueWait& issue) const { stream.Wait(*issue.event); }
};

}  // namespace

void IssueStep(const PreparedStep& step) {
  step.stream->Begin(step.tag);
  std::visit(Issue{*step.stream}, step.action);
  step.stream->End();
}

void IndependentIssuer::Join(IssuedRank rank) {
  ranks_[static_cast<size_t>(rank.rank)] = std::move(rank);
}

void IndependentIssuer::Leave(int64_t rank) { ranks_[static_cast<size_t>(rank)] = {}; }

void IndependentIssuer::Run(int64_t rank, ProgramKind program) {
  const IssuedRank& own = ranks_[static_cast<size_t>(rank)];
  for (const PreparedStep& step : own.programs[static_cast<size_t>(program)].steps) IssueStep(step);
  for (const auto& stream : own.streams) stream->Synchronise();
}

}  // namespace pprun
