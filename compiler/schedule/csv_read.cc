// From the cells of a CSV to an order: how large it is, who holds what, and whether every rank runs
// all that it has to. Linear in the cells and in what they are to be. Tests: csv_test.cc.
#include <algorithm>
#include <string>
#include <utility>

#include "compiler/plan/base/amount.h"
#include "compiler/schedule/csv.h"
#include "compiler/schedule/csv_cells.h"
#include "compiler/schedule/rank_ledger.h"
#include "compiler/schedule/schedule_findings.h"

namespace pprun {
namespace {

std::string Numbered(std::string_view what, int64_t number) {
  return std::string(what) + " " + std::to_string(number);
}

std::string Range(MicrobatchRange range) {
  if (range.count() == 1) return Numbered("microbatch", range.begin);
  return Numbered("microbatches", range.begin) + " to " + std::to_string(range.end - 1);
}

// One more than the largest of a number that tasks have. Empty after an error: some smaller number
// is no task's.
std::optional<int32_t> CountOf(const std::vector<CsvRow>& rows, int32_t OrderedTask::*number,
                               std::string_view what, Diagnostics& diagnostics) {
  const OrderedTask* largest = nullptr;
  size_t tasks = 0;
  for (const CsvRow& row : rows) {
    tasks += row.tasks.size();
    for (const OrderedTask& task : row.tasks) {
      if (largest == nullptr || task.*number > largest->*number) largest = &task;
    }
  }
  // n tasks have at most n numbers, so if any is left out, so is one of these.
  std::vector<bool> seen(tasks + 1);
  for (const CsvRow& row : rows) {
    for (const OrderedTask& task : row.tasks) {
      if (static_cast<size_t>(task.*number) <= tasks)
        seen[static_cast<size_t>(task.*number)] = true;
    }
  }
  const auto missing = std::find(seen.begin(), seen.end(), false) - seen.begin();
  if (missing > largest->*number) return largest->*number + 1;
  diagnostics.Error(largest->location, "this is of " + Numbered(what, largest->*number) +
                                           ", but no rank runs anything of " +
                                           Numbered(what, missing));
  return std::nullopt;
}

// Which rank holds each stage, learnt from who runs it.
class Holders {
 public:
  Holders(const std::vector<CsvRow>& rows, TaskOrder& order, Diagnostics& diagnostics)
      : rows_(rows), order_(order), diagnostics_(diagnostics) {}

  // Fills in the order's pipes and placement; false after errors.
  bool Find() {
    order_.pipes = 1;
    if (!FindFirst()) {
      order_.pipes = 2;
      if (!FindFirst()) return ReportTwoHolders();
    }
    if (!CheckPipes()) return false;
    order_.placement.resize(rows_.size());
    // By stage, so that a rank's chunks are in that order.
    for (int32_t stage = 0; stage < order_.stages; ++stage) {
      for (int32_t pipe = 0; pipe < order_.pipes; ++pipe) {
        Holder& holder = holders_[Index(stage, pipe)];
        std::vector<ChunkPlace>& chunks = order_.placement[static_cast<size_t>(holder.rank)];
        holder.chunk = static_cast<int32_t>(chunks.size());
        chunks.push_back({.stage = stage, .pipe = pipe});
      }
    }
    return CheckChunks();
  }

  int32_t ChunkOf(const OrderedTask& task) const {
    return holders_[Index(task.stage, order_.PipeOf(task.microbatch))].chunk;
  }

 private:
  struct Holder {
    int32_t rank = -1;
    int32_t chunk = 0;
    const OrderedTask* first = nullptr;
  };

  size_t Index(int32_t stage, int32_t pipe) const {
    return static_cast<size_t>(pipe) * static_cast<size_t>(order_.stages) +
           static_cast<size_t>(stage);
  }

  // False if a stage of a pipe is on two ranks: second_ is then the first task on the second.
  bool FindFirst() {
    holders_.assign(static_cast<size_t>(order_.pipes) * static_cast<size_t>(order_.stages), {});
    for (size_t rank = 0; rank < rows_.size(); ++rank) {
      for (const OrderedTask& task : rows_[rank].tasks) {
        Holder& holder = holders_[Index(task.stage, order_.PipeOf(task.microbatch))];
        const auto here = static_cast<int32_t>(rank);
        if (holder.rank < 0) holder = {.rank = here, .first = &task};
        if (holder.rank == here) continue;
        second_ = &task;
        second_rank_ = here;
        return false;
      }
    }
    return true;
  }

  bool ReportTwoHolders() {
    const Holder& holder = holders_[Index(second_->stage, order_.PipeOf(second_->microbatch))];
    Diagnostic& error =
        diagnostics_.Error(second_->location, Numbered("rank", second_rank_) + " runs " +
                                                  Numbered("stage", second_->stage) +
                                                  ", which is on " + Numbered("rank", holder.rank));
    error.Note(holder.first->location, "it runs here");
    if (order_.microbatches > 1) {
      error.Note(second_->location, "a stage is on two ranks only if one has " +
                                        Range(order_.MicrobatchesOf(0)) + " and the other " +
                                        Range(order_.MicrobatchesOf(1)));
    }
    return false;
  }

  bool CheckPipes() {
    for (int32_t pipe = 0; pipe < order_.pipes; ++pipe) {
      for (int32_t stage = 0; stage < order_.stages; ++stage) {
        if (holders_[Index(stage, pipe)].rank >= 0) continue;
        // Of the other pipe somebody runs it, since every stage is somebody's.
        const Holder& other = holders_[Index(stage, 1 - pipe)];
        diagnostics_.Error(other.first->location, "no rank runs " + Numbered("stage", stage) +
                                                      " for " + Range(order_.MicrobatchesOf(pipe)) +
                                                      ", only for " +
                                                      Range(order_.MicrobatchesOf(1 - pipe)));
        return false;
      }
    }
    return true;
  }

  bool CheckChunks() {
    const size_t chunks = order_.placement[0].size();
    for (size_t rank = 1; rank < rows_.size(); ++rank) {
      const size_t here = order_.placement[rank].size();
      if (here == chunks) continue;
      diagnostics_
          .Error(rows_[rank].tasks[0].location, "rank " + std::to_string(rank) + " holds " +
                                                    Amount(static_cast<int64_t>(here), "stage") +
                                                    " and rank 0 holds " + std::to_string(chunks) +
                                                    ": every rank has to hold as many")
          .Note(rows_[0].tasks[0].location, "rank 0 is this row");
      return false;
    }
    order_.chunks = static_cast<int32_t>(chunks);
    return true;
  }

  const std::vector<CsvRow>& rows_;
  TaskOrder& order_;
  Diagnostics& diagnostics_;
  std::vector<Holder> holders_;  // by pipe and stage
  const OrderedTask* second_ = nullptr;
  int32_t second_rank_ = 0;
};

RankLedger Issue(const CsvRow& row, int32_t rank, const TaskOrder& order, const Holders& holders) {
  std::vector<HeldChunk> chunks;
  for (const ChunkPlace& place : order.placement[static_cast<size_t>(rank)]) {
    chunks.push_back({place, order.MicrobatchesOf(place.pipe)});
  }
  RankLedger ledger(rank, std::move(chunks), order.microbatches);
  for (const OrderedTask& task : row.tasks) {
    ledger.Issue(task.kind, holders.ChunkOf(task), task.microbatch, task.overlap_pair,
                 task.location);
  }
  return ledger;
}

}  // namespace

std::optional<TaskOrder> ParseCsv(std::string_view text, uint32_t file, const Limits& limits,
                                  Diagnostics& diagnostics) {
  const std::optional<std::vector<CsvRow>> rows = ReadCells(text, file, limits, diagnostics);
  if (!rows) return std::nullopt;
  const auto stages = CountOf(*rows, &OrderedTask::stage, "stage", diagnostics);
  const auto microbatches = CountOf(*rows, &OrderedTask::microbatch, "microbatch", diagnostics);
  if (!stages || !microbatches) return std::nullopt;
  // Tables are made only for what can fit the limit.
  if (*microbatches > limits.unrolled_tasks / 2 / *stages) {
    diagnostics.Error({.file = file},
                      Amount(*stages, "stage") + " of " + Amount(*microbatches, "microbatch") +
                          " need more than the limit of " + std::to_string(limits.unrolled_tasks) +
                          " tasks (`unrolled_tasks`)");
    return std::nullopt;
  }
  TaskOrder order{.stages = *stages, .microbatches = *microbatches};
  Holders holders(*rows, order, diagnostics);
  if (!holders.Find()) return std::nullopt;

  std::vector<RankLedger> ledgers;
  for (size_t rank = 0; rank < rows->size(); ++rank) {
    ledgers.push_back(Issue((*rows)[rank], static_cast<int32_t>(rank), order, holders));
  }
  // An order that runs every forward and no backward is one of inference, and complete.
  const bool forward_only =
      std::all_of(ledgers.begin(), ledgers.end(),
                  [](const RankLedger& ledger) { return ledger.RanOnlyForwards(); });
  bool sound = true;
  for (size_t rank = 0; rank < ledgers.size(); ++rank) {
    RankLedger& ledger = ledgers[rank];
    ledger.Finish(forward_only ? RankLedger::Extent::kForwardOnly : RankLedger::Extent::kTraining);
    // Rows are written one by one, so the mistakes of each have places of their own.
    ScheduleFindings findings((*rows)[rank].location, static_cast<int64_t>(rows->size()));
    findings.AddProblem(ledger);
    findings.Report(diagnostics);
    sound = sound && !ledger.first_problem();
    if (sound) order.positions.push_back(ledger.TakeTasks());
  }
  if (!sound) return std::nullopt;
  return order;
}

}  // namespace pprun
