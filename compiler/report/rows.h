// The rows of a picture of one run of the step: which task ran where and when. Tests: rows_test.cc.
#pragma once

#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"

namespace pprun {

// A task: the runs of a stage's layers for one microbatch that follow each other on a stream, from
// the first begin to the last end.
struct Box {
  TaskKind kind = TaskKind::kForward;
  StageId stage;
  ChunkId chunk;
  MicrobatchId microbatch;
  double begin = 0;
  double end = 0;
  std::vector<const TraceEvent*> events;  // of the trace: its layers, in order
};

struct Row {
  int64_t rank = 0;
  StreamId stream;
  std::vector<Box> boxes;  // by begin
};

// The runs of the step that the trace has, ascending.
std::vector<int64_t> RepeatsOf(const Trace& trace);

// The trace must outlive the rows. One row for each rank of the trace and each stream of it that
// runs tasks, by rank, then stream.
std::vector<Row> RowsOf(const Plan& plan, const Trace& trace, int64_t repeat);

}  // namespace pprun
