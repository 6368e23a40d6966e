// One function a statement. Tests: evaluate_schedule_test.cc.
#include "compiler/schedule/schedule_runner.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/plan/base/check.h"

namespace pprun {

namespace {

// Whether a task runs directly after another of the same microbatch.
bool Needs(const OrderedTask& task, const OrderedTask& other) {
  if (task.microbatch != other.microbatch || task.pipe != other.pipe) return false;
  const bool forward = other.kind == TaskKind::kForward;
  const bool gradient = other.kind == TaskKind::kInputGrad || other.kind == TaskKind::kBackward;
  switch (task.kind) {
    case TaskKind::kForward:
      return forward && other.stage == task.stage - 1;
    case TaskKind::kBackward:
    case TaskKind::kInputGrad:
      return (forward && other.stage == task.stage) || (gradient && other.stage == task.stage + 1);
    case TaskKind::kWeightGrad:
      return gradient && other.stage == task.stage;
    case TaskKind::kRecompute:
      return false;
  }
  return false;
}

}  // namespace

ScheduleRunner::ScheduleRunner(const ast::Program& program, const ResolvedSchedule& schedule,
                               const Limits& limits)
    : program_(program),
      schedule_(schedule),
      limits_(limits),
      evaluator_(program, schedule, limits) {}

bool ScheduleRunner::RunPreamble(Diagnostics& diagnostics) {
  diagnostics_ = &diagnostics;
  return Run(schedule_.preamble) == Flow::kContinue;
}

bool ScheduleRunner::RunOrder(RankLedger& ledger, Diagnostics& diagnostics) {
  ledger_ = &ledger;
  diagnostics_ = &diagnostics;
  overlap_pair_ = -1;
  overlap_pairs_ = 0;
  evaluator_.SetLedger(&ledger);
  evaluator_.SetSlot(ScopeEntry::Space::kGlobal, schedule_.rank_slot, IntegerWord(ledger.rank()));
  const ResolvedFunction& order = schedule_[schedule_.order()];
  if (!evaluator_.PushFrame(schedule_.order(), {})) {
    diagnostics.Error(order.location, "the order has more than the limit of " +
                                          std::to_string(kMostFrameSlots) + " names");
    return false;
  }
  Flow flow = Run(order.body);
  evaluator_.PopFrame();
  return flow == Flow::kContinue;
}

void ScheduleRunner::ReportSteps(ast::Location location) {
  if (passed_limit_) return;
  passed_limit_ = true;
  diagnostics_->Error(location, "evaluating the schedule takes more than the limit of " +
                                    std::to_string(limits_.evaluation_steps) +
                                    " steps (`evaluation_steps`)");
}

ScheduleRunner::Flow ScheduleRunner::Step(ast::Location location) {
  evaluator_.TakeStep();
  if (!evaluator_.OutOfSteps()) return Flow::kContinue;
  ReportSteps(location);
  return Flow::kStop;
}

std::optional<int64_t> ScheduleRunner::Integer(const ResolvedExpression& expression,
                                               std::string_view what, ast::Location location) {
  std::optional<int64_t> value = evaluator_.Integer(expression, what, *diagnostics_);
  if (!value && evaluator_.OutOfSteps()) ReportSteps(location);
  return value;
}

std::optional<bool> ScheduleRunner::Boolean(const ResolvedExpression& expression,
                                            std::string_view what, ast::Location location) {
  std::optional<bool> value = evaluator_.Boolean(expression, what, *diagnostics_);
  if (!value && evaluator_.OutOfSteps()) ReportSteps(location);
  return value;
}

std::optional<Word> ScheduleRunner::WordOf(const ResolvedExpression& expression,
                                           std::string_view what, ast::Location location) {
  Word word = evaluator_.Fast(expression.node);
  if (word.kind != WordKind::kNone) return word;
  if (!evaluator_.OutOfSteps()) {
    Constant value = evaluator_.General(expression, *diagnostics_);
    word = ToWord(value);
    if (word.kind != WordKind::kNone) return word;
    if (!value.IsError()) {
      diagnostics_->Error(
          program_[expression.source].location,
          std::string(what) + " is a number or a boolean, not " + std::string(Describe(value)));
    }
  }
  if (evaluator_.OutOfSteps()) ReportSteps(location);
  return std::nullopt;
}

ScheduleRunner::Flow ScheduleRunner::Run(const ResolvedBlock& block) {
  for (ResolvedStatementId id : block) {
    const ResolvedStatement& statement = schedule_[id];
    if (Step(statement.location) == Flow::kStop) return Flow::kStop;
    Flow flow =
        std::visit([&](const auto& node) { return Run(node, statement.location); }, statement.node);
    if (flow == Flow::kStop) return Flow::kStop;
  }
  return Flow::kContinue;
}

ScheduleRunner::Flow ScheduleRunner::Run(const SetSlot& set, ast::Location location) {
  std::optional<Word> word = WordOf(set.value, "what a schedule sets", location);
  if (!word) return Flow::kStop;
  evaluator_.SetSlot(set.space, set.slot, *word);
  return Flow::kContinue;
}

ScheduleRunner::Flow ScheduleRunner::Run(const ForLoop& loop, ast::Location location) {
  std::optional<int64_t> begin = Integer(loop.begin, "the start of a range", location);
  if (!begin) return Flow::kStop;
  std::optional<int64_t> end = Integer(loop.end, "the end of a range", location);
  if (!end) return Flow::kStop;
  for (int64_t i = *begin; i < *end; ++i) {
    if (Step(location) == Flow::kStop) return Flow::kStop;
    evaluator_.SetSlot(ScopeEntry::Space::kLocal, loop.slot, IntegerWord(i));
    if (Run(loop.body) == Flow::kStop) return Flow::kStop;
  }
  return Flow::kContinue;
}

ScheduleRunner::Flow ScheduleRunner::Run(const RepeatLoop& loop, ast::Location location) {
  std::optional<int64_t> count = Integer(loop.count, "the count of `repeat`", location);
  if (!count) return Flow::kStop;
  for (int64_t i = 0; i < *count; ++i) {
    if (Step(location) == Flow::kStop) return Flow::kStop;
    if (Run(loop.body) == Flow::kStop) return Flow::kStop;
  }
  return Flow::kContinue;
}

ScheduleRunner::Flow ScheduleRunner::Run(const Branch& branch, ast::Location location) {
  std::optional<bool> condition = Boolean(branch.condition, "the condition of `if`", location);
  if (!condition) return Flow::kStop;
  return Run(*condition ? branch.then : branch.otherwise);
}

ScheduleRunner::Flow ScheduleRunner::Run(const Overlap& overlap, ast::Location location) {
  CHECK(ledger_ != nullptr);
  if (overlap_pair_ >= 0) {
    diagnostics_->Error(location, "`overlap` inside `overlap`");
    return Flow::kStop;
  }
  const size_t before = ledger_->tasks().size();
  overlap_pair_ = overlap_pairs_++;
  Flow flow = Run(overlap.body);
  overlap_pair_ = -1;
  if (flow == Flow::kStop) return Flow::kStop;
  const size_t tasks = ledger_->tasks().size() - before;
  // A call that failed issued nothing, and is reported.
  if (ledger_->first_problem()) return Flow::kContinue;
  if (tasks == 2) {
    const OrderedTask& first = ledger_->tasks()[before];
    const OrderedTask& second = ledger_->tasks()[before + 1];
    if (!Needs(first, second) && !Needs(second, first)) return Flow::kContinue;
    diagnostics_
        ->Error(location,
                "`overlap` takes two tasks that run side by side, and one needs the other")
        .Note(first.location, "this runs " + Call(first))
        .Note(second.location, "this runs " + Call(second));
    return Flow::kStop;
  }
  diagnostics_->Error(location, "`overlap` takes two tasks, this runs " + std::to_string(tasks));
  return Flow::kStop;
}

std::string ScheduleRunner::Call(const OrderedTask& task) const {
  return CallText(task.kind, task.microbatch, task.chunk, ledger_->chunk_count());
}

ScheduleRunner::Flow ScheduleRunner::Run(const Require& require, ast::Location location) {
  std::optional<bool> holds = Boolean(require.condition, "what `require` asks", location);
  if (!holds) return Flow::kStop;
  if (*holds) return Flow::kContinue;
  const ast::Location condition = program_[require.condition.source].location;
  std::string message = "the schedule requires this, and it does not hold";
  if (require.message.valid()) {
    Constant value = evaluator_.General(require.message, *diagnostics_);
    // The grammar has only strings there.
    const auto* text = std::get_if<std::string>(&value.data);
    CHECK(text != nullptr);
    message = *text;
  }
  Diagnostic& error = diagnostics_->Error(condition, std::move(message));
  std::string names = evaluator_.NamesIn(require.condition);
  if (!names.empty()) error.Note(condition, std::move(names));
  return Flow::kStop;
}

ScheduleRunner::Flow ScheduleRunner::Run(const CallTasks& call, ast::Location location) {
  std::vector<Word> arguments;
  arguments.reserve(call.arguments.size());
  for (const ResolvedExpression& expression : call.arguments) {
    std::optional<Word> word = WordOf(expression, "an argument", location);
    if (!word) return Flow::kStop;
    arguments.push_back(*word);
  }
  if (!evaluator_.PushFrame(call.function, arguments)) {
    diagnostics_->Error(
        location, "calls of functions nest deeper than the limit of " + std::to_string(kMostCalls));
    return Flow::kStop;
  }
  Flow flow = Run(schedule_[call.function].body);
  evaluator_.PopFrame();
  return flow;
}

ScheduleRunner::Flow ScheduleRunner::Run(const IssueTask& task, ast::Location location) {
  using Kind = ScheduleProblem::Kind;
  CHECK(ledger_ != nullptr);
  int64_t chunk = 0;
  if (task.chunk.valid()) {
    std::optional<int64_t> given = Integer(task.chunk, "the chunk of a task", location);
    if (!given) return Flow::kStop;
    chunk = *given;
    if (chunk < 0 || chunk >= ledger_->chunk_count()) {
      ledger_->AddProblem({Kind::kNoSuchChunk, task.kind, chunk, 0, location});
      return Flow::kContinue;
    }
  }
  const int32_t valid_chunk = static_cast<int32_t>(chunk);
  switch (task.which) {
    case IssueTask::Which::kIndex: {
      std::optional<int64_t> microbatch =
          Integer(task.microbatch, "the microbatch of a task", location);
      if (!microbatch) return Flow::kStop;
      return Issue(task.kind, valid_chunk, *microbatch, location);
    }
    case IssueTask::Which::kNext: {
      std::optional<int32_t> microbatch = ledger_->Next(task.kind, valid_chunk);
      if (microbatch) return Issue(task.kind, valid_chunk, *microbatch, location);
      ledger_->AddProblem({Kind::kNothingLeft, task.kind, chunk, 0, location});
      return Flow::kContinue;
    }
    case IssueTask::Which::kOldest: {
      std::optional<RankLedger::Owed> owed =
          ledger_->Oldest(task.chunk.valid() ? std::optional<int32_t>(valid_chunk) : std::nullopt);
      if (owed) return Issue(task.kind, owed->chunk, owed->microbatch, location);
      ledger_->AddProblem({Kind::kNothingOwed, task.kind, chunk, 0, location});
      return Flow::kContinue;
    }
  }
  return Flow::kContinue;
}

ScheduleRunner::Flow ScheduleRunner::Issue(TaskKind kind, int32_t chunk, int64_t microbatch,
                                           ast::Location location) {
  if (++tasks_ > limits_.unrolled_tasks) {
    passed_limit_ = true;
    diagnostics_->Error(location, "the schedule runs more than the limit of " +
                                      std::to_string(limits_.unrolled_tasks) +
                                      " tasks (`unrolled_tasks`)");
    return Flow::kStop;
  }
  ledger_->Issue(kind, chunk, microbatch, overlap_pair_, location);
  return Flow::kContinue;
}

}  // namespace pprun
