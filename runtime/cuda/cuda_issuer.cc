#include "runtime/cuda/cuda_issuer.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

constexpr auto kStep = static_cast<size_t>(ProgramKind::kStep);

// A capture that ends even if what is captured throws.
class Capturing {
 public:
  Capturing(CudaApi& api, CudaStreamHandle stream, std::span<CudaStream* const> streams)
      : api_(api), stream_(stream), streams_(streams) {
    api.Check(api.StreamBeginCapture(stream), "cudaStreamBeginCapture");
    for (CudaStream* const one : streams) one->StartCapture();
  }
  ~Capturing() {
    if (ended_ == Ended::kYes) return;
    CudaGraphHandle graph = nullptr;
    // What broke the capture is already known.
    if (api_.StreamEndCapture(stream_, &graph) == CudaStatus::kSuccess) api_.GraphDestroy(graph);
    Leave();
  }
  Capturing(const Capturing&) = delete;
  Capturing& operator=(const Capturing&) = delete;

  OwnedCudaGraph End() {
    ended_ = Ended::kYes;
    Leave();
    CudaGraphHandle graph = nullptr;
    api_.Check(api_.StreamEndCapture(stream_, &graph), "cudaStreamEndCapture");
    return {api_, graph};
  }

 private:
  void Leave() {
    for (CudaStream* const one : streams_) one->EndCapture();
  }

  CudaApi& api_;
  const CudaStreamHandle stream_;
  const std::span<CudaStream* const> streams_;
  enum class Ended : uint8_t { kNo, kYes } ended_ = Ended::kNo;
};

}  // namespace

CudaIssuer::CudaIssuer(const Plan& plan, CudaGpu& gpu, std::span<const int64_t> ranks,
                       Graphs graphs)
    : gpu_(gpu),
      api_(gpu.api()),
      graphs_(graphs),
      ranks_(ranks.begin(), ranks.end()),
      members_(ranks.size()) {
  for (size_t program = 0; program < programs_.size(); ++program) {
    std::vector<JointStep> order = JointOrder(plan, static_cast<ProgramKind>(program));
    std::erase_if(order, [&](const JointStep& step) {
      return !std::ranges::binary_search(ranks_, int64_t{step.rank});
    });
    programs_[program].order = std::move(order);
  }
  gpu.MakeCurrent();
  lead_ = MakeCudaStream(api_);
  fork_ = MakeCudaEvent(api_, CudaEventKind::kOrder);
}

CudaIssuer::Member& CudaIssuer::MemberOf(int64_t rank) {
  const auto found = std::ranges::lower_bound(ranks_, rank);
  CHECK(found != ranks_.end() && *found == rank);
  return members_[static_cast<size_t>(found - ranks_.begin())];
}

void CudaIssuer::Join(IssuedRank rank) {
  const auto lock = gpu_.abort().Lock();
  Member& member = MemberOf(rank.rank);
  for (const auto& stream : rank.streams) {
    member.streams.push_back(&dynamic_cast<CudaStream&>(*stream));
  }
  member.issued = std::move(rank);
  if (++joined_ < members_.size()) return;
  for (const Member& one : members_) {
    streams_.insert(streams_.end(), one.streams.begin(), one.streams.end());
  }
  while (joins_.size() < streams_.size()) {
    joins_.push_back(MakeCudaEvent(api_, CudaEventKind::kOrder));
  }
  for (int i = 0; i < kProgramCount; ++i) ResolveSteps(static_cast<ProgramKind>(i));
}

void CudaIssuer::ResolveSteps(ProgramKind program) {
  const auto index = static_cast<size_t>(program);
  ProgramState& state = programs_[index];
  for (const JointStep& joint : state.order) {
    const IssuedRank& rank = MemberOf(joint.rank).issued;
    const PreparedStep& step = rank.programs[index].steps[static_cast<size_t>(joint.instruction)];
    state.steps.push_back(
        {&step, "rank " + std::to_string(rank.rank) + ": " + rank.describe(step.tag)});
  }
}

void CudaIssuer::Leave(int64_t) {
  const auto lock = gpu_.abort().Lock();
  for (ProgramState& program : programs_) {
    program.graph = {};
    program.traced_graph = {};
    program.steps.clear();
  }
  streams_.clear();
}

void CudaIssuer::Run(int64_t rank, ProgramKind program) {
  AbortSignal& abort = gpu_.abort();
  Member& member = MemberOf(rank);
  {
    auto lock = abort.Lock();
    CHECK(arrived_ == 0 || program_ == program);
    program_ = program;
    ++arrived_;
    if (rank == ranks_.front()) {
      abort.Wait(lock, [&] { return arrived_ == ranks_.size(); });
      lock.unlock();
      RunAll(program);
      lock.lock();
      arrived_ = 0;
      ++rounds_;
      lock.unlock();
    } else {
      const int64_t round = rounds_;
      // The lock is still held, so the others see this arrival or the wait's own.
      abort.NotifyAll();
      abort.Wait(lock, [&] { return rounds_ != round; });
      lock.unlock();
    }
  }
  abort.NotifyAll();
  member.streams.front()->device().ThrowFailure();
}

std::string CudaIssuer::Status() const {
  if (doing_.load(std::memory_order_relaxed) == Doing::kNothing) return "";
  return "the GPU replays a graph, which does not show its instructions; `--graphs off` does\n";
}

void CudaIssuer::RunAll(ProgramKind program) {
  ProgramState& state = programs_[static_cast<size_t>(program)];
  try {
    gpu_.MakeCurrent();
    const bool is_step = static_cast<size_t>(program) == kStep;
    if (graphs_ == Graphs::kOff || state.runs == 0 || (Traced() && !is_step)) {
      RunEagerly(program);
    } else if (Traced()) {
      RunGraph(program, state.traced_graph);
    } else {
      // Its events are free again.
      if (state.traced_graph) {
        state.traced_graph = {};
        for (CudaStream* const stream : streams_) stream->ForgetCapturedPieces();
      }
      RunGraph(program, state.graph);
    }
    ++state.runs;
  } catch (const AbortedError&) {
    // Every rank learns of it when it leaves.
  } catch (const std::exception& error) {
    gpu_.Blame(error, *streams_.front());
  }
  doing_.store(Doing::kNothing, std::memory_order_relaxed);
}

void CudaIssuer::RunEagerly(ProgramKind program) {
  IssueAll(program);
  gpu_.Await(lead_.get());
  if (!Traced()) return;
  for (CudaStream* const stream : streams_) stream->CollectTrace(CudaStream::Traced::kEagerPieces);
}

void CudaIssuer::RunGraph(ProgramKind program, OwnedCudaGraphExec& graph) {
  if (!graph) graph = Capture(program);
  doing_.store(Doing::kReplaying, std::memory_order_relaxed);
  api_.Check(api_.GraphLaunch(graph.get(), lead_.get()), "cudaGraphLaunch");
  gpu_.Await(lead_.get());
  for (CudaStream* const stream : streams_) {
    stream->CountReplay();
    if (Traced()) stream->CollectTrace(CudaStream::Traced::kCapturedPieces);
  }
}

OwnedCudaGraphExec CudaIssuer::Capture(ProgramKind program) {
  Capturing capturing(api_, lead_.get(), streams_);
  IssueAll(program);
  // A rank whose work could not be issued has said so, and the capture is of no use.
  gpu_.abort().ThrowIfRaised();
  const OwnedCudaGraph graph = capturing.End();
  CudaGraphExecHandle exec = nullptr;
  api_.Check(api_.GraphInstantiate(&exec, graph.get()), "cudaGraphInstantiate");
  return {api_, exec};
}

void CudaIssuer::IssueAll(ProgramKind program) {
  Fork();
  for (const Step& step : programs_[static_cast<size_t>(program)].steps) {
    api_.RangePush(step.name.c_str());
    IssueStep(*step.prepared);
    api_.RangePop();
  }
  gpu_.abort().ThrowIfRaised();
  JoinStreams();
}

void CudaIssuer::Fork() {
  api_.Check(api_.EventRecord(fork_.get(), lead_.get(), CudaRecord::kPlain), "cudaEventRecord");
  for (CudaStream* const stream : streams_) {
    api_.Check(api_.StreamWaitEvent(stream->handle(), fork_.get()), "cudaStreamWaitEvent");
  }
}

void CudaIssuer::JoinStreams() {
  for (size_t i = 0; i < streams_.size(); ++i) {
    api_.Check(api_.EventRecord(joins_[i].get(), streams_[i]->handle(), CudaRecord::kPlain),
               "cudaEventRecord");
    api_.Check(api_.StreamWaitEvent(lead_.get(), joins_[i].get()), "cudaStreamWaitEvent");
  }
}

}  // namespace pprun
