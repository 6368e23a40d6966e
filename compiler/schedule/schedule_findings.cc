// Wording of the mistakes a schedule makes on one rank. Tests: schedule_errors_test.cc.
#include "compiler/schedule/schedule_findings.h"

#include <string>
#include <utility>

#include "compiler/plan/base/amount.h"
#include "compiler/schedule/task_names.h"

namespace pprun {

namespace {

using Kind = ScheduleProblem::Kind;

// Beyond these, a count.
constexpr size_t kMostRanksListed = 4;

std::string Ranks(const std::vector<int32_t>& ranks) {
  if (ranks.size() == 1) return "rank " + std::to_string(ranks[0]);
  std::string text = "ranks ";
  const size_t listed = ranks.size() <= kMostRanksListed ? ranks.size() : kMostRanksListed - 1;
  for (size_t i = 0; i < listed; ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  if (listed < ranks.size()) text += " and " + std::to_string(ranks.size() - listed) + " more";
  return text;
}

// Writes one problem of one rank as an error with its notes.
struct Wording {
  const RankLedger& ledger;
  const ScheduleProblem& problem;
  ast::Location order;
  Diagnostic diagnostic{};

  std::string Rank() const { return "rank " + std::to_string(ledger.rank()); }
  std::string Task(TaskKind kind) const {
    return CallText(kind, problem.microbatch, problem.chunk, ledger.chunk_count());
  }
  std::string Task() const { return Task(problem.task); }
  std::string OfChunk() const {
    return ledger.chunk_count() == 1 ? "" : " of chunk " + std::to_string(problem.chunk);
  }
  std::string AllDone() const {
    const int64_t count = ledger.chunk(problem.chunk).microbatches.count();
    if (count == 1) return "the only microbatch has had its own";
    return "all " + Amount(count, "microbatch") + " have had theirs";
  }
  std::string Name() const { return "`" + std::string(CallName(problem.task)) + "`"; }

  // Shows where the same microbatch ran as `kind`, if it did.
  bool NoteOther(TaskKind kind, std::string_view words) {
    const OrderedTask* task = ledger.Find(kind, problem.chunk, problem.microbatch);
    if (task == nullptr) return false;
    diagnostic.Note(task->location, std::string(words));
    return true;
  }
  void NoteRange() {
    const HeldChunk& chunk = ledger.chunk(problem.chunk);
    const MicrobatchRange range = chunk.microbatches;
    std::string text = "microbatches";
    if (range != MicrobatchRange{0, ledger.microbatches()}) {
      text = "chunk " + std::to_string(problem.chunk) + " is of pipe " +
             std::to_string(chunk.place.pipe) + ", whose microbatches";
    }
    diagnostic.Note(problem.location, range.count() == 0
                                          ? text + " are none"
                                          : text + " go from " + std::to_string(range.begin) +
                                                " to " + std::to_string(range.end - 1));
  }
  void NoteNeed(TaskKind kind) {
    const std::string needed = Task(kind);
    if (!NoteOther(kind, needed + " runs only here")) {
      diagnostic.Note(order, Rank() + " never runs " + needed);
    }
  }

  // The last call of the kind that is missing, or else the order's head.
  ast::Location MissingPlace() const {
    const std::vector<OrderedTask>& tasks = ledger.tasks();
    for (size_t i = tasks.size(); i-- > 0;) {
      if (tasks[i].kind == problem.task && tasks[i].chunk == problem.chunk) {
        return tasks[i].location;
      }
    }
    return order;
  }

  void Missing() {
    diagnostic.location = MissingPlace();
    diagnostic.message = Rank() + " never runs " + Task();
    if (problem.task == TaskKind::kWeightGrad) {
      NoteOther(TaskKind::kInputGrad, "its `input_grad` runs here");
    } else if (problem.task != TaskKind::kForward) {
      NoteOther(TaskKind::kForward, "its `forward` runs here");
    }
    if (ledger.problem_count() > 1) {
      diagnostic.Note(diagnostic.location, Amount(ledger.problem_count(), "task") +
                                               " are missing on " + Rank() + " in all");
    }
  }

  void Write() {
    diagnostic.location = problem.location;
    switch (problem.kind) {
      case Kind::kMicrobatchOutOfRange:
        diagnostic.message = Rank() + " runs " + Task();
        if (problem.microbatch >= 0 && problem.microbatch < ledger.microbatches()) {
          diagnostic.message += ", a microbatch of the other pipe";
        } else {
          diagnostic.message +=
              ", and there is no microbatch " + std::to_string(problem.microbatch);
        }
        NoteRange();
        break;
      case Kind::kNoSuchChunk:
        diagnostic.message = Rank() + " has no chunk " + std::to_string(problem.chunk) +
                             ": it holds " + Amount(ledger.chunk_count(), "chunk");
        if (problem.chunk >= ledger.chunk_count()) {
          const std::string wanted = std::to_string(int64_t{problem.chunk} + 1);
          diagnostic.Note(problem.location, "`let chunks = " + wanted +
                                                ";` in the schedule gives every rank " + wanted);
        }
        break;
      case Kind::kNothingLeft:
        diagnostic.message = Rank() + " has no " + Name() + OfChunk() + " left here: " + AllDone();
        break;
      case Kind::kNothingOwed:
        diagnostic.message = Rank() + " owes no weight gradient here";
        diagnostic.Note(problem.location, "ask `if pending > 0` first");
        break;
      case Kind::kTwice:
        diagnostic.message = Rank() + " runs " + Task() + " twice";
        NoteOther(problem.task, "first here");
        break;
      case Kind::kBeforeForward:
        diagnostic.message = Rank() + " runs " + Task() + " before " + Task(TaskKind::kForward);
        NoteNeed(TaskKind::kForward);
        break;
      case Kind::kBeforeInputGrad:
        diagnostic.message = Rank() + " runs " + Task() + " before " + Task(TaskKind::kInputGrad);
        NoteNeed(TaskKind::kInputGrad);
        break;
      case Kind::kMixed:
        diagnostic.message = Rank() + " runs " + Task() + " beside ";
        for (TaskKind other : {TaskKind::kBackward, TaskKind::kInputGrad, TaskKind::kWeightGrad}) {
          if (other == problem.task || !NoteOther(other, Task(other) + " runs here")) continue;
          diagnostic.message += Task(other);
          break;
        }
        diagnostic.Note(problem.location,
                        "`backward` is `input_grad` and `weight_grad` in one task");
        break;
      case Kind::kMissing:
        Missing();
        return;
    }
    if (ledger.problem_count() > 1) {
      diagnostic.Note(problem.location,
                      Amount(ledger.problem_count() - 1, "more task") + " of " + Rank() +
                          (ledger.problem_count() == 2 ? " is" : " are") + " wrong");
    }
  }
};

}  // namespace

void ScheduleFindings::Add(Key key, int32_t rank, Diagnostic diagnostic) {
  auto [place, added] = places_.emplace(key, findings_.size());
  if (added) findings_.push_back({std::get<Source>(key), std::move(diagnostic), {}});
  findings_[place->second].ranks.push_back(rank);
}

void ScheduleFindings::AddProblem(const RankLedger& ledger) {
  if (!ledger.first_problem()) return;
  const ScheduleProblem& problem = *ledger.first_problem();
  Key key{Source::kLedger, problem.kind, problem.location.file, problem.location.begin};
  // What is missing has no place: the ranks that miss something miss it for one reason.
  Wording wording{ledger, problem, order_};
  wording.Write();
  Add(key, ledger.rank(), std::move(wording.diagnostic));
}

void ScheduleFindings::AddErrors(int32_t rank, const Diagnostics& errors) {
  for (const Diagnostic& error : errors.all()) {
    Add({Source::kEvaluation, {}, error.location.file, error.location.begin}, rank, error);
  }
}

void ScheduleFindings::Report(Diagnostics& diagnostics) const {
  for (const Finding& finding : findings_) {
    Diagnostic& error = diagnostics.Error(finding.diagnostic.location, finding.diagnostic.message);
    for (const DiagnosticNote& note : finding.diagnostic.notes) {
      error.Note(note.location, note.message);
    }
    const bool all = finding.ranks.size() == static_cast<size_t>(ranks_);
    if (finding.source == Source::kEvaluation) {
      // What happens on every rank has nothing to do with ranks.
      if (!all) error.Note(order_, "on " + Ranks(finding.ranks));
    } else if (all && finding.ranks.size() > 2) {
      error.Note(order_, "every other rank makes the same mistake");
    } else if (finding.ranks.size() > 1) {
      std::vector<int32_t> others(finding.ranks.begin() + 1, finding.ranks.end());
      error.Note(order_,
                 Ranks(others) + (others.size() == 1 ? " makes" : " make") + " the same mistake");
    }
  }
}

}  // namespace pprun
