// data_flow, second part, and completeness: follows what every buffer of every position holds
// through a program, in the order in which the machine runs it, merged into issue order. After
// CheckRaces any order that the plan allows gives the same, so one is enough.
//
// Found on the way: an instruction that reads another value than the one it is meant for (another
// microbatch's frame, another layer's gradient), and a gradient that is not the sum of every
// (parameter use, microbatch, replica) exactly once where it is used. Counted for the end: tasks,
// updates, initialisations (follow_results.cc). Runs: follow_run.cc, collectives:
// follow_collective.cc, the optimizer: follow_optimizer.cc. Cost: segments touched. Tests:
// named_damage_test.cc, damage_test.cc.
#pragma once

#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/semantics.h"
#include "compiler/verify/contents.h"
#include "compiler/verify/findings.h"
#include "compiler/verify/function_flow.h"
#include "compiler/verify/gradient_sums.h"
#include "compiler/verify/gradients.h"
#include "compiler/verify/parameter_uses.h"
#include "compiler/verify/segments.h"
#include "compiler/verify/values.h"

namespace pprun {

// By position.
using Memory = std::vector<Contents>;

struct TaskDone {
  LayerId layer;
  MicrobatchId microbatch;
  TaskKind kind = TaskKind::kForward;
  Site site;
};

// An initialisation or an update of a parameter.
struct ParameterDone {
  PositionId position;
  ParameterId parameter;
  Site site;
  int32_t row = -1;  // of Position::updates
};

// What following a program leaves.
struct Followed {
  Memory memory;
  std::vector<TaskDone> tasks;
  std::vector<ParameterDone> initialised;
  std::vector<ParameterDone> updated;
};

// Shared by all programs of a plan.
struct FollowContext {
  FollowContext(const Plan& whole, const std::vector<Segments>& cut, Findings& wrong,
                Findings& incomplete);

  // The parameter that a function reads in so many bytes of that value: itself, or rounded. Not
  // valid if it is none.
  ParameterId ParameterIn(Value value, int64_t bytes) const;

  const Plan& plan;
  const std::vector<Segments>& segments;  // by position
  Makers makers;
  Gradients gradients;
  GradientSums sums;
  ParameterUses uses;
  std::vector<int64_t> parameter_bytes;
  std::vector<std::vector<ArgumentFlow>> flows;  // by function
  // By function and argument, the last maker whose region it was found to fit; all such pairs.
  std::vector<std::vector<FunctionId>> fits_last;
  std::set<std::tuple<FunctionId, FunctionId, size_t>> fits;
  int64_t work = 0;  // segments and pieces touched, and terms of gradients looked at
  int64_t work_limit = 0;
  Findings& data_flow;
  Findings& completeness;
};

class Follower {
 public:
  // `memory` is what the program starts with.
  Follower(FollowContext& context, ProgramKind program, Memory memory);
  Followed Run();

  void operator()(const struct Run& run);
  void operator()(const Send& send);
  void operator()(const Recv& recv);
  void operator()(const Collective& collective);
  void operator()(const Load& load);
  void operator()(const Initialise& initialise);
  void operator()(const Zero& zero);
  void operator()(const Cast& cast);
  void operator()(const Add& add);
  void operator()(const SquareSum& sum);
  void operator()(const ClipFactor& clip);
  void operator()(const Update& update);
  void operator()(const Permute& permute);
  void operator()(const Record& record);
  void operator()(const Wait& wait);

 private:
  void OnRun(std::span<const Site> sites);
  void Transfer(const Site& from, const Site& to);
  void CollectiveAcross(std::span<const Site> sites);
  void CollectiveAlone(const Collective& collective);
  void SumAcross(std::span<const Site> sites, uint32_t axes);

  // follow_run.cc
  Value Expected(const struct Run& run, Role role) const;
  void CheckRead(const struct Run& run, size_t argument, Span span);
  void ReadParameters(const struct Run& run, const Footprint& of_layer);
  // False after a finding.
  bool CheckParameterRead(const struct Run& run, const Argument& argument, Span span);
  void CheckSaved(const struct Run& run, size_t argument, Span span, ValueKind kind);
  void CheckRegion(const struct Run& run, size_t argument, Value made);
  void AddGradients(const struct Run& run, const Footprint& of_layer);
  void Contribute(const struct Run& run, const Argument& argument, Span span);

  const Position& position() const { return plan().positions[site_.position.index()]; }
  const Plan& plan() const { return context_.plan; }
  Contents& memory() { return done_.memory[site_.position.index()]; }
  Contents& memory(PositionId position) { return done_.memory[position.index()]; }
  Span SpanOf(BufferId buffer) const { return SpanOf(site_.position, buffer); }
  Span SpanOf(PositionId position, BufferId buffer) const {
    return context_.segments[position.index()].Of(buffer);
  }
  // Pieces relative to the span; counted as work.
  std::vector<ValuePiece> Read(Span span) { return Read(site_.position, span); }
  std::vector<ValuePiece> Read(PositionId position, Span span);
  void Fill(Span span, Value value) {
    context_.work += span.end - span.begin;
    memory().Fill(span, value);
  }
  std::string Describe(Value value) const {
    return pprun::Describe(plan(), context_.makers, value);
  }
  std::string Describe(const std::vector<ValuePiece>& pieces) const;
  void Fail(Findings& findings, const std::string& what);
  // The span holds that value, or there is a finding; `what` names the operand.
  void Expect(Span span, Value wanted, const std::string& what);
  void CheckGradient(ParameterId parameter, Span span);
  void UpdateOne(const ParameterUpdate& row);

  // The layer that its parameters were last read for, and how often some had been written then.
  struct ParametersRead {
    LayerId layer;
    int64_t writes = 0;
  };

  FollowContext& context_;
  ProgramKind program_;
  Followed done_;
  std::vector<std::vector<ParametersRead>> read_;  // by position and list of Segments
  Site site_;                                      // of the instruction at hand
};

// Whether the pieces are a gradient, each byte at its place.
bool IsGradientInPlace(const std::vector<ValuePiece>& pieces);

// follow_results.cc: what must hold when a program has ended.
void CheckInitialised(FollowContext& context, const Followed& followed);
void CheckStep(FollowContext& context, const Memory& start, const Followed& followed);
void CheckForwardOnly(FollowContext& context, ProgramKind program, const Followed& followed);

}  // namespace pprun
