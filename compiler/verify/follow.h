// data_flow, second part, and completeness: follows what every buffer of every position holds
// through a program, in the order in which the machine runs it, merged into issue order. After
// CheckRaces any order that the plan allows gives the same, so one is enough.
//
// Found on the way: an instruction that reads another value than the one it is meant for (another
// microbatch's frame, another layer's gradient), and a gradient that is not the sum of every
// (parameter use, microbatch, replica) exactly once where it is used. Counted for the end: tasks,
// updates, initialisations (follow_results.cc). Runs: follow_run.cc, collectives:
// follow_collective.cc. Cost: instructions times pieces touched. Tests: named_damage_test.cc,
// damage_test.cc.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/semantics.h"
#include "compiler/verify/findings.h"
#include "compiler/verify/function_flow.h"
#include "compiler/verify/gradient_sums.h"
#include "compiler/verify/value_map.h"
#include "compiler/verify/values.h"

namespace pprun {

// By position and arena.
using Memory = std::vector<std::array<ValueMap, kArenaCount>>;

// Which parameter each use is of, and the uses of each parameter.
struct ParameterUses {
  std::map<ParameterUseSite, ParameterId> parameter_of;
  std::vector<std::vector<ParameterUseSite>> of;  // by parameter, ascending
};

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
  const Plan& plan;
  Values values;
  ParameterUses uses;
  std::vector<std::vector<ArgumentFlow>> flows;  // by function
  // Producer, consumer, the consumer's argument: pairs whose regions are known to fit.
  std::set<std::tuple<FunctionId, FunctionId, size_t>> fits;
  int64_t work = 0;  // pieces touched, and terms of gradients looked at
  int64_t work_limit = 0;
  Findings& data_flow;
  Findings& completeness;
};

// A range of an arena.
struct Range {
  ArenaKind arena = ArenaKind::kWorkspace;
  int64_t begin = 0;
  int64_t end = 0;
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
  void operator()(const Scale& scale);
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
  Value Expected(const struct Run& run, const Argument& argument) const;
  void CheckParameterRead(const struct Run& run, const Argument& argument, const Range& range);
  void CheckRegion(const struct Run& run, size_t argument, const Value& made);
  void Contribute(const struct Run& run, const Argument& argument, const Range& range);
  Range BindingOf(const struct Run& run, size_t argument) const;

  const Position& position() const { return plan().positions[site_.position.index()]; }
  const Plan& plan() const { return context_.plan; }
  Range RangeOf(BufferId buffer) const { return RangeOf(site_.position, buffer); }
  Range RangeOf(PositionId position, BufferId buffer) const;
  ValueMap& MapOf(PositionId position, const Range& range);
  // Pieces relative to the range.
  std::vector<Piece> Read(const Range& range) { return Read(site_.position, range); }
  std::vector<Piece> Read(PositionId position, const Range& range);
  void Write(const Range& range, Value value);
  void WriteAll(PositionId position, const Range& range, const std::vector<Piece>& pieces);
  // The value of a range that holds one value from its beginning on.
  const Value* Whole(const std::vector<Piece>& pieces) const;
  std::string Describe(const std::vector<Piece>& pieces) const;
  void Fail(Findings& findings, const std::string& what);
  // The range holds that value, or there is a finding; `what` names the operand.
  const Value* Expect(const Range& range, const Value& wanted, const std::string& what);
  // Whether the pieces are a gradient, each byte at its place.
  bool IsGradientInPlace(const std::vector<Piece>& pieces) const;
  void CheckGradient(ParameterId parameter, const Range& range, GradientExpectation::Scaled scaled);

  FollowContext& context_;
  ProgramKind program_;
  Followed done_;
  Site site_;  // of the instruction at hand
};

// follow_results.cc: what must hold when a program has ended.
void CheckInitialised(FollowContext& context, const Followed& followed);
void CheckStep(FollowContext& context, const Followed& followed);
void CheckValidate(FollowContext& context, const Followed& followed);

}  // namespace pprun
