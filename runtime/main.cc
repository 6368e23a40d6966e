// pprun: runs a training plan, a compiled `.plan` or, where the compiler is built in, a `.sched`.
//
// Exit status: 0; 1 after an error, with one message; 2 for a wrong command line; 130 after SIGINT
// (Ctrl-C), 143 after SIGTERM: the weights after the last step are saved then, if `--save` is
// given.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/plan/base/amount.h"
#include "compiler/plan/base/file_uses.h"
#include "compiler/plan/base/hash.h"
#include "compiler/plan/base/output_file.h"
#include "compiler/plan/base/standard_output.h"
#include "compiler/plan/file.h"
#include "compiler/plan/plan.h"
#include "compiler/verify/verify.h"
#include "runtime/command_line.h"
#include "runtime/interrupt.h"
#include "runtime/launch.h"
#include "runtime/measure_machine.h"
#include "runtime/processes/job.h"
#include "runtime/processes/rank_identity.h"
#include "runtime/processes/rendezvous.h"
#include "runtime/processes/spawn.h"
#include "runtime/run.h"
#ifdef PPRUN_COMPILER
#include "compiler/compile.h"
#endif

namespace pprun {
namespace {

// What is wrong has been printed.
struct Reported {};

#ifdef PPRUN_COMPILER
// The compiler has verified what it returns.
Plan LoadSource(const Flags& flags) {
  CompileOptions options;
  ApplySettings(flags.settings, options);
  Compilation compilation = Compile(flags.plan, options);
  std::cerr << compilation.Messages();
  if (!compilation.Ok()) throw Reported();
  if (compilation.purpose != Compilation::Purpose::kTraining) {
    throw std::runtime_error("`" + flags.plan +
                             "` has no model to train, so there is nothing to run");
  }
  return std::move(*compilation.plan);
}
#else
Plan LoadSource(const Flags& flags) {
  throw std::runtime_error("`" + flags.plan +
                           "` needs the compiler, which this pprun is built without; compile it "
                           "with `ppc` elsewhere and run the `.plan`");
}
#endif

Plan LoadCompiled(const Flags& flags) {
  if (!flags.settings.empty()) {
    throw UsageError("`--set` needs the source: a `.plan` is already compiled");
  }
  Plan plan = ReadPlanFile(flags.plan);
  const std::vector<Finding> findings = Verify(plan);
  for (const Finding& finding : findings) std::cerr << Render(plan, finding);
  if (!findings.empty()) throw Reported();
  if (plan.IsStudy()) {
    throw std::runtime_error(
        "`" + flags.plan + "` is a study, of a schedule without a model: there is nothing to run");
  }
  return plan;
}

// The plan's data of the same kind, from another file.
void TakeFrom(const std::optional<std::string>& path, const char* flag, DataSpec& data) {
  if (!path) return;
  if (data.path.empty()) {
    throw UsageError("`" + std::string(flag) + "` replaces a file, and the plan names none there");
  }
  data.path = *path;
  // What is wrong with it is not the source's fault.
  data.source = SourceId();
}

Plan Load(const Flags& flags) {
  Plan plan = flags.plan.ends_with(".plan") ? LoadCompiled(flags) : LoadSource(flags);
  if (flags.steps) {
    if (*flags.steps < 1) throw UsageError("`--steps` is at least 1");
    plan.train.steps = *flags.steps;
  }
  TakeFrom(flags.data, "--data", plan.train.data);
  TakeFrom(flags.validation, "--validation", plan.train.validation);
  return plan;
}

// Nothing that the run writes is something else that it names.
void CheckFiles(const Flags& flags, const Plan& plan) {
  std::vector<FileUse> uses;
  const auto add = [&](FileUse::Kind kind, const char* name,
                       const std::optional<std::string>& path) {
    if (path) uses.push_back({kind, name, *path});
  };
  add(FileUse::Kind::kRead, "the plan", flags.plan);
  for (const DataSpec& data : {plan.train.data, plan.train.validation}) {
    if (!data.path.empty()) add(FileUse::Kind::kRead, "the data", data.path);
  }
  // Weights may go on where they are: they are replaced only when the new ones are whole.
  if (flags.init != flags.save) add(FileUse::Kind::kRead, "`--init`", flags.init);
  add(FileUse::Kind::kWritten, "`--save`", flags.save);
  add(FileUse::Kind::kWritten, "`--metrics`", flags.metrics);
  add(FileUse::Kind::kWritten, "`--trace`", flags.trace);
  add(FileUse::Kind::kWritten, "`--profile`", flags.profile);
  CheckFileUses(uses);
}

// Lets the threads of a matrix product sleep, not spin, while they wait for each other: where other
// work shares the cores, spinning makes a step ten times slower. The OpenMP runtime reads that from
// its environment before main, so the process starts over once; where it cannot, it goes on as it
// is.
void LetProductsSleep(char** argv) {
#ifdef PPRUN_ONEDNN
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  execv("/proc/self/exe", argv);
#else
  static_cast<void>(argv);
#endif
}

// Where this process is one rank of several: what the launcher said, and the job.
struct Seat {
  RankIdentity identity;
  std::unique_ptr<Job> job;
};

// The number in a variable that pprun has set for its own ranks.
int OwnVariable(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? -1 : std::atoi(found->second.c_str());
}

// Of what all ranks must have in common: the plan, and the flags that decide how its instructions
// meet. NCCL, for one, wants all ranks to capture a meeting into a graph, or none.
uint64_t CommonDigest(const Plan& plan, const Flags& flags) {
  std::string common = flags.device + " graphs " + flags.graphs.value_or("on");
  if (flags.trace) common += " trace";
  if (flags.profile) common += " profile";
  if (flags.init) common += " init";
  return HashText(common, Digest(plan));
}

// Returns when all ranks of the job are here with the same plan.
std::unique_ptr<Job> JoinJob(const Flags& flags, const Plan& plan, const RankIdentity& identity,
                             const Environment& environment) {
  if (plan.Ranks() != identity.ranks) {
    throw std::runtime_error("the plan has " + Amount(plan.Ranks(), "rank") + ", but " +
                             std::string(Name(identity.launcher)) + " started " +
                             std::to_string(identity.ranks) + " processes");
  }
  return std::make_unique<Job>(
      Job::Options{.job = identity.job,
                   .rank = identity.rank,
                   .ranks = identity.ranks,
                   .rendezvous = RendezvousOf(identity, environment, flags.rendezvous),
                   .listener = Descriptor(OwnVariable(environment, "PPRUN_LISTENER")),
                   .plan_digest = CommonDigest(plan, flags),
                   .patience = std::chrono::seconds(flags.timeout)});
}

// A rank of pprun's own has the plan from the process that started it.
Plan LoadFor(const Flags& flags, const std::optional<RankIdentity>& identity,
             const Environment& environment) {
  if (!identity || identity->launcher != Launcher::kPprun) return Load(flags);
  Flags compiled = flags;
  compiled.settings.clear();
  compiled.plan = "/proc/self/fd/" + std::to_string(OwnVariable(environment, "PPRUN_PLAN"));
  return LoadCompiled(compiled);
}

// Starts a process a rank and waits for them.
int Spawn(const Plan& plan, char** argv) {
  const std::vector<std::byte> bytes = Serialise(plan);
  const Descriptor file(MakeMemoryFile("plan", bytes.data(), static_cast<int64_t>(bytes.size())));
  return RunProcesses({.ranks = plan.Ranks(), .arguments = argv, .plan = file.number()});
}

// Ends the job with what went wrong here, and says so where it is to be said: on rank 0, and where
// it happened unless both share a console.
int EndWith(Seat& seat, JobFailure::Kind kind, const std::string& why) {
  seat.job->Fail({.kind = kind, .why = why});
  const JobFailure failure = *seat.job->failure();
  const bool here =
      failure.rank == seat.identity.rank && seat.identity.launcher != Launcher::kPprun;
  if (seat.identity.rank == 0 || here) {
    if (failure.kind != JobFailure::Kind::kPlaced) std::cerr << "pprun: error: ";
    std::cerr << failure.why << (failure.why.ends_with('\n') ? "" : "\n") << std::flush;
  }
  return 1;
}

int RunSeated(const Plan& plan, const RunOptions& options, Seat& seat) {
  try {
    const RunEnd end = RunPlan(plan, options, std::cout, std::cerr);
    seat.job->Leave();
    return end == RunEnd::kInterrupted ? 128 : 0;
  } catch (const PlacedError& error) {
    return EndWith(seat, JobFailure::Kind::kPlaced, error.what());
  } catch (const std::exception& error) {
    return EndWith(seat, JobFailure::Kind::kError, error.what());
  }
}

// For the ranks of the plan, or one that has all cores.
int Measure(const Flags& flags) {
  CheckFileUses({{FileUse::Kind::kRead, "the plan", flags.plan},
                 {FileUse::Kind::kWritten, "`--measure-machine`", *flags.measure_machine}});
  CheckWritable(*flags.measure_machine);
  const int64_t ranks = flags.plan.empty() ? 1 : Load(flags).Ranks();
  const int threads =
      flags.threads ? static_cast<int>(*flags.threads) : ThreadsPerRank(ranks, AvailableCores());
  const Machine machine = MeasureMachine({.ranks = ranks, .threads = threads});
  const std::string text = "# Measured for " + Amount(ranks, "rank") + " of " +
                           Amount(threads, "thread") + " on " + Amount(AvailableCores(), "core") +
                           ": pprun --measure-machine\n" + ToText(machine);
  OutputFile file(*flags.measure_machine);
  file.Write(text);
  file.Commit();
  if (flags.quiet == Switch::kOff) std::cout << text;
  return 0;
}

int Run(const Flags& flags, char** argv) {
  const RunOptions::On on = DeviceOf(flags);
  if (flags.measure_machine) return Measure(flags);
  const Environment environment = ReadEnvironment();
  Seat seat;
  const std::optional<RankIdentity> identity = IdentifyRank(environment);
  const Plan plan = LoadFor(flags, identity, environment);
  CheckFiles(flags, plan);
  if (identity && identity->launcher != Launcher::kPprun && flags.processes == Switch::kOn) {
    throw UsageError("`--processes` starts the ranks, but " +
                     std::string(Name(identity->launcher)) + " has started this one");
  }
  if (flags.gpus && (identity || flags.processes == Switch::kOn)) {
    throw UsageError("`--gpus` is for ranks that share a GPU; as processes each has its own");
  }
  if (!identity && flags.processes == Switch::kOn && plan.Ranks() > 1) return Spawn(plan, argv);
  // Before the threads of the ranks, which leave the signals to it.
  const bool first = !identity || identity->rank == 0;
  const bool says = first && flags.quiet == Switch::kOff;
  const InterruptWatch interrupts(says ? SayInterrupted : std::function<void()>());
  RunOptions options = {
      .on = on,
      .threads = static_cast<int>(flags.threads.value_or(0)),
      .gpu = static_cast<int>(flags.gpus.value_or(0)),
      .graphs = flags.graphs == "off" ? Graphs::kOff : Graphs::kOn,
      .patience = std::chrono::seconds(flags.timeout),
      .init = flags.init,
      .save = flags.save,
      .metrics = flags.metrics,
      .trace = flags.trace,
      .profile = flags.profile,
      .voice = flags.quiet == Switch::kOn ? RunOptions::Voice::kQuiet : RunOptions::Voice::kNormal,
      .console = ConsoleOf(1),
      .interrupts = &interrupts.count(),
      .job = nullptr};
  if (!identity) {
    const RunEnd end = RunPlan(plan, options, std::cout, std::cerr);
    return end == RunEnd::kInterrupted ? StatusOfSignal(interrupts.signal()) : 0;
  }
  seat = {*identity, JoinJob(flags, plan, *identity, environment)};
  options.job = seat.job.get();
  options.local_ranks = identity->local_ranks.value_or(identity->ranks);
  options.gpu = static_cast<int>(identity->local_rank);
  const int status = RunSeated(plan, options, seat);
  return status == 128 ? StatusOfSignal(interrupts.signal()) : status;
}

int RunCommandLine(int argc, char** argv) {
  const std::optional<Flags> flags = ReadFlags(argc, argv, std::cout);
  if (!flags) return 0;
  LetProductsSleep(argv);
  return Run(*flags, argv);
}

int Main(int argc, char** argv) {
  // Weights outlive whoever watched: what nobody reads any more is dropped, and training goes on.
  signal(SIGPIPE, SIG_IGN);
  // Where the process started over, it is named after /proc/self/exe.
  prctl(PR_SET_NAME, program_invocation_short_name);
  StandardOutput output(std::cout);
  // The ranks' threads write to one, the watchdog's to the other.
  std::cerr.tie(nullptr);
  try {
    const int status = RunCommandLine(argc, argv);
    output.Finish();
    return status;
  } catch (const Reported&) {
    return 1;
  } catch (const std::invalid_argument& error) {
    std::cerr << "pprun: error: " << error.what() << "\n  `pprun --help` lists the flags\n";
    return 2;
  } catch (const PlacedError& error) {
    std::cerr << error.what();
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "pprun: error: " << error.what() << "\n";
    return 1;
  }
}

}  // namespace
}  // namespace pprun

int main(int argc, char** argv) { return pprun::Main(argc, argv); }
