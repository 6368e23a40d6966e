#include "tests/gpu/step_bench.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

#include "runtime/cuda/cuda_backend.h"
#include "runtime/cuda/cuda_stream.h"
#include "runtime/launch.h"
#include "runtime/learning_rate.h"
#include "tests/gpu/call_costs.h"

namespace pprun::gpu {
namespace {

constexpr int kWarmSteps = 4;
constexpr int kTimedSteps = 12;
constexpr int kGroups = 5;
constexpr double kGroupSeconds = 4e-3;
constexpr int64_t kMostLaunches = 500;

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// An issuer that shows what a rank is issued from, and times its steps.
class ShownIssuer : public Issuer {
 public:
  explicit ShownIssuer(Issuer& issuer) : issuer_(issuer) {}

  void Join(IssuedRank rank) override {
    shown = rank;
    issuer_.Join(std::move(rank));
  }
  void Leave(int64_t rank) override { issuer_.Leave(rank); }
  void Run(int64_t rank, ProgramKind program) override {
    const auto begin = std::chrono::steady_clock::now();
    issuer_.Run(rank, program);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  std::string Status() const override { return issuer_.Status(); }

  IssuedRank shown;
  double seconds = 0;  // of the last run

 private:
  Issuer& issuer_;
};

class ShownBackend : public Backend {
 public:
  ShownBackend(const Plan& plan, CudaApi& cuda)
      : backend_(plan, cuda, 0, Graphs::kOn), issuer_(backend_.issuer()) {}

  std::unique_ptr<Device> DeviceOf(int64_t rank) override { return backend_.DeviceOf(rank); }
  std::unique_ptr<Communicator> CommunicatorOf(int64_t rank) override {
    return backend_.CommunicatorOf(rank);
  }
  ShownIssuer& issuer() override { return issuer_; }
  void Abort(const std::string& why) override { backend_.Abort(why); }
  std::optional<std::string> aborted() const override { return backend_.aborted(); }

 private:
  CudaBackend backend_;
  ShownIssuer issuer_;
};

using Calls = std::vector<const DeviceCall*>;

// Times calls on one stream.
class CallTimer {
 public:
  CallTimer(CudaApi& cuda, CudaStream& stream)
      : cuda_(cuda),
        stream_(stream),
        begin_(MakeCudaEvent(cuda, CudaEventKind::kTiming)),
        end_(MakeCudaEvent(cuda, CudaEventKind::kTiming)) {}

  // Seconds of one round through the calls, by graphs that hold as many rounds as take a while.
  double Round(const Calls& calls) {
    const double first = Of(Capture([&] { IssueAll(calls); }), 1);
    const auto most = std::max<int64_t>(1, kMostLaunches / static_cast<int64_t>(calls.size()));
    const auto rounds = std::clamp<int64_t>(static_cast<int64_t>(kGroupSeconds / first), 1, most);
    return Of(Capture([&] {
                for (int64_t i = 0; i < rounds; ++i) IssueAll(calls);
              }),
              kGroups) /
           static_cast<double>(rounds);
  }

  // As Round, of what `work` appends to the stream `times` times.
  template <class Work>
  double Repeated(int64_t times, const Work& work) {
    return Of(Capture([&] {
                for (int64_t i = 0; i < times; ++i) work();
              }),
              kGroups) /
           static_cast<double>(times);
  }

 private:
  void IssueAll(const Calls& calls) {
    for (const DeviceCall* const call : calls) stream_.Issue(std::span(call, 1));
  }

  template <class Work>
  OwnedCudaGraphExec Capture(const Work& work) {
    cuda_.Check(cuda_.StreamBeginCapture(stream_.handle()), "cudaStreamBeginCapture");
    work();
    CudaGraphHandle graph = nullptr;
    cuda_.Check(cuda_.StreamEndCapture(stream_.handle(), &graph), "cudaStreamEndCapture");
    const OwnedCudaGraph owned = {cuda_, graph};
    stream_.device().ThrowFailure();
    CudaGraphExecHandle executable = nullptr;
    cuda_.Check(cuda_.GraphInstantiate(&executable, graph), "cudaGraphInstantiate");
    return {cuda_, executable};
  }

  // The median of some replays, after one that is not counted.
  double Of(const OwnedCudaGraphExec& graph, int groups) {
    std::vector<double> seconds;
    for (int group = 0; group <= groups; ++group) {
      const auto record = [&](const OwnedCudaEvent& event) {
        cuda_.Check(cuda_.EventRecord(event.get(), stream_.handle(), CudaRecord::kPlain),
                    "cudaEventRecord");
      };
      record(begin_);
      cuda_.Check(cuda_.GraphLaunch(graph.get(), stream_.handle()), "cudaGraphLaunch");
      record(end_);
      stream_.Synchronise();
      float milliseconds = 0;
      cuda_.Check(cuda_.EventElapsedTime(&milliseconds, begin_.get(), end_.get()),
                  "cudaEventElapsedTime");
      if (group > 0) seconds.push_back(static_cast<double>(milliseconds) * 1e-3);
    }
    return std::max(1e-9, Median(seconds));
  }

  CudaApi& cuda_;
  CudaStream& stream_;
  const OwnedCudaEvent begin_, end_;
};

// The calls of the step's program on the stream that has most of them, by name and by function.
class StepCalls {
 public:
  StepCalls(const Plan& plan, const IssuedRank& rank) {
    const PreparedProgram& program = rank.programs[static_cast<size_t>(ProgramKind::kStep)];
    std::map<DeviceStream*, int64_t> counts;
    for (const PreparedStep& step : program.steps) {
      if (const auto* issued = std::get_if<IssueCalls>(&step.action))
        counts[step.stream] += static_cast<int64_t>(issued->calls.size());
    }
    stream_ =
        std::ranges::max_element(counts, {}, [](const auto& one) { return one.second; })->first;
    const Position& position = plan.positions.front();
    const auto& instructions =
        position.programs[static_cast<size_t>(ProgramKind::kStep)].instructions;
    for (const PreparedStep& step : program.steps) {
      const auto* issued = std::get_if<IssueCalls>(&step.action);
      if (issued == nullptr || step.stream != stream_) continue;
      Calls calls;
      for (const DeviceCall& call : issued->calls) {
        calls.push_back(&call);
        by_name_[CostsOf(call).name].push_back(&call);
      }
      const auto& instruction = instructions[static_cast<size_t>(InstructionOf(step.tag))];
      if (const auto* run = std::get_if<pprun::Run>(&instruction.operands))
        by_function_[plan.functions[run->function.index()].name].push_back(std::move(calls));
    }
  }

  CudaStream& stream() const { return dynamic_cast<CudaStream&>(*stream_); }
  const std::map<std::string, Calls>& by_name() const { return by_name_; }
  const std::map<std::string, std::vector<Calls>>& by_function() const { return by_function_; }

 private:
  DeviceStream* stream_ = nullptr;
  std::map<std::string, Calls> by_name_;
  std::map<std::string, std::vector<Calls>> by_function_;
};

void MeasureMachine(CudaApi& cuda, CudaStream& stream, int64_t copy_bytes, StepTimes& times) {
  CallTimer timer(cuda, stream);
  const OwnedCudaMemory from = MakeCudaMemory(cuda, copy_bytes);
  const OwnedCudaMemory to = MakeCudaMemory(cuda, copy_bytes);
  const double seconds = timer.Repeated(5, [&] {
    cuda.Check(cuda.MemcpyAsync(to.get(), from.get(), static_cast<size_t>(copy_bytes),
                                CudaCopy::kDeviceToDevice, stream.handle()),
               "cudaMemcpyAsync");
  });
  times.copy_rate = 2 * static_cast<double>(copy_bytes) / seconds;
  const DeviceCall smallest = ZeroCall{{to.get(), DType::kF32, {1}}};
  times.node_seconds = timer.Round({&smallest});
}

void MeasureCalls(CudaApi& cuda, const StepCalls& calls, StepTimes& times) {
  CallTimer timer(cuda, calls.stream());
  std::map<std::string, double> seconds, floors;
  for (const auto& [name, group] : calls.by_name()) {
    const CallCosts costs = CostsOf(*group.front());
    floors[name] = std::max(costs.bytes / times.copy_rate, costs.flops / kPeakFlops);
    const auto count = static_cast<int64_t>(group.size());
    seconds[name] = timer.Round(group) / static_cast<double>(count);
    times.calls.push_back({name, count, seconds[name], costs.bytes, costs.flops, floors[name]});
    times.alone += seconds[name] * static_cast<double>(count);
  }
  for (const auto& [name, runs] : calls.by_function()) {
    FunctionRow row = {.name = name, .count = static_cast<int64_t>(runs.size())};
    Calls all;
    for (const Calls& run : runs) all.insert(all.end(), run.begin(), run.end());
    for (const DeviceCall* const call : runs.front()) {
      const std::string of_call = CostsOf(*call).name;
      row.alone += seconds[of_call];
      row.floor += floors[of_call];
    }
    row.seconds = timer.Round(all) / static_cast<double>(row.count);
    times.functions.push_back(row);
  }
  std::ranges::sort(times.calls, std::greater(), [](const CallRow& row) {
    return row.seconds * static_cast<double>(row.count);
  });
}

}  // namespace

StepTimes MeasureStep(const Plan& given, const DataSet& data, CudaApi& cuda, int64_t copy_bytes) {
  if (given.Ranks() != 1) throw std::runtime_error("a plan of several ranks");
  Plan plan = given;
  plan.train.steps = kWarmSteps + kTimedSteps;
  plan.train.validation = {};
  const TrainSpec& train = plan.train;
  auto owned = std::make_unique<ShownBackend>(plan, cuda);
  ShownIssuer& issuer = owned->issuer();
  LocalRanks ranks(plan, std::move(owned), {}, &data, nullptr);
  StepTimes times;
  ranks.Run([&](Rank rank) {
    rank.executor.Initialise();
    std::vector<double> seconds;
    for (int64_t step = 0; step < train.steps; ++step) {
      const double rate = LearningRate(train.optimizer, step, train.steps);
      const StepResult result = rank.executor.RunStep(step, static_cast<float>(rate));
      times.losses.push_back(result.loss.value_or(0));
      if (step >= kWarmSteps) seconds.push_back(issuer.seconds);
    }
    times.step = Median(seconds);
    const StepCalls calls(plan, issuer.shown);
    MeasureMachine(cuda, calls.stream(), copy_bytes, times);
    MeasureCalls(cuda, calls, times);
  });
  return times;
}

}  // namespace pprun::gpu
