// The issuer of ranks that share a GPU: one thread, the lowest rank's, issues all of them in the
// joint order (joint_order.h) while the others wait, eagerly or by replaying a graph.
//
// A program's first run is eager, which makes whatever its kernels need once. The second is
// captured with all streams of all ranks, since events do not cross graphs, and every run from then
// on replays. What is captured begins with a fork from the issuer's own stream and ends with a join
// into it; an eager run has the same calls. While streams are traced, the step is replayed from a
// graph of its own, which has a timing event before and after each piece of work; other programs
// run eagerly then. Tests: cuda_issuer_test.cc, cuda_library_test.cc.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compiler/plan/plan.h"
#include "runtime/cuda/cuda_gpu.h"
#include "runtime/cuda/cuda_stream.h"
#include "runtime/issuer.h"
#include "runtime/joint_order.h"

namespace pprun {

enum class Graphs : uint8_t { kOff, kOn };

class CudaIssuer : public Issuer {
 public:
  // `ranks`: those that share the GPU, ascending. The GPU outlives the issuer, plan and ranks are
  // copied. Throws std::runtime_error for a plan without the proof that it needs.
  CudaIssuer(const Plan& plan, CudaGpu& gpu, std::span<const int64_t> ranks, Graphs graphs);

  void Join(IssuedRank rank) override;
  // Destroys the graphs.
  void Leave(int64_t rank) override;
  void Run(int64_t rank, ProgramKind program) override;
  std::string Status() const override;

 private:
  struct Member {
    IssuedRank issued;
    std::vector<CudaStream*> streams;
  };
  struct Step {
    const PreparedStep* prepared = nullptr;
    std::string name;  // that a profiler shows
  };
  struct ProgramState {
    std::vector<JointStep> order;
    std::vector<Step> steps;  // in that order, once all ranks have joined
    int64_t runs = 0;
    OwnedCudaGraphExec graph, traced_graph;
  };

  Member& MemberOf(int64_t rank);
  void ResolveSteps(ProgramKind program);
  // By one thread, while all others wait.
  void RunAll(ProgramKind program);
  void RunEagerly(ProgramKind program);
  void RunGraph(ProgramKind program, OwnedCudaGraphExec& graph);
  OwnedCudaGraphExec Capture(ProgramKind program);
  void IssueAll(ProgramKind program);
  void Fork();
  void JoinStreams();
  bool Traced() const { return streams_.front()->traced(); }

  CudaGpu& gpu_;
  CudaApi& api_;
  const Graphs graphs_;
  const std::vector<int64_t> ranks_;
  std::array<ProgramState, kProgramCount> programs_;
  OwnedCudaStream lead_;
  OwnedCudaEvent fork_;

  // By index in ranks_. Under the GPU's abort lock until all have joined.
  std::vector<Member> members_;
  size_t joined_ = 0;
  std::vector<CudaStream*> streams_;  // of all members, in rank order
  std::vector<OwnedCudaEvent> joins_;

  // The meeting of the ranks' threads, under the GPU's abort lock.
  size_t arrived_ = 0;
  int64_t rounds_ = 0;
  ProgramKind program_ = ProgramKind::kInitialise;

  enum class Doing : uint8_t { kNothing, kReplaying };
  std::atomic<Doing> doing_{Doing::kNothing};
};

}  // namespace pprun
