#include "runtime/command_line.h"

#include <ostream>
#include <utility>

#include "runtime/cpu/cpu_backend.h"

namespace pprun {
namespace {

// Far more than a machine has.
constexpr int64_t kMostGpus = 1 << 20;

void CheckDevice(const Flags& flags) {
  const bool on_cuda = flags.device == "cuda";
  if (!on_cuda && flags.device != "cpu") {
    throw UsageError("`--device` is `cpu` or `cuda`, not `" + flags.device + "`");
  }
  if (on_cuda && flags.threads) throw UsageError("`--threads` is for `--device cpu`");
  if (!on_cuda && flags.gpus) throw UsageError("`--gpus` is for `--device cuda`");
  if (!on_cuda && flags.graphs) throw UsageError("`--graphs` is for `--device cuda`");
  if (flags.graphs && *flags.graphs != "on" && *flags.graphs != "off") {
    throw UsageError("`--graphs` is `on` or `off`, not `" + *flags.graphs + "`");
  }
  if (flags.gpus && (*flags.gpus < 0 || *flags.gpus > kMostGpus)) {
    throw UsageError("`--gpus` is the number of a GPU, from 0 on");
  }
}

// What trains nothing has nothing to write, nor anything to start from.
void CheckMeasurement(const Flags& flags) {
  if (flags.device == "cuda") throw UsageError("`--measure-machine` measures CPUs");
  if (flags.processes == Switch::kOn) {
    throw UsageError("`--measure-machine` measures ranks that are threads");
  }
  const std::pair<const char*, bool> of_training[] = {
      {"--steps", flags.steps.has_value()},
      {"--data", flags.data.has_value()},
      {"--validation", flags.validation.has_value()},
      {"--init", flags.init.has_value()},
      {"--save", flags.save.has_value()},
      {"--metrics", flags.metrics.has_value()},
      {"--trace", flags.trace.has_value()},
      {"--profile", flags.profile.has_value()}};
  for (const auto& [name, given] : of_training) {
    if (!given) continue;
    throw UsageError("`--measure-machine` trains nothing, so it takes no `" + std::string(name) +
                     "`");
  }
}

void CheckFlags(const Flags& flags) {
  CheckDevice(flags);
  if (flags.threads && (*flags.threads < 1 || *flags.threads > kMostThreads)) {
    throw UsageError("`--threads` is from 1 to " + std::to_string(kMostThreads));
  }
  if (flags.timeout < 1) throw UsageError("`--timeout` is at least 1 second");
  if (flags.measure_machine) return CheckMeasurement(flags);
  if (flags.plan.empty()) throw UsageError("no plan was given");
}

}  // namespace

std::optional<Flags> ReadFlags(int argc, char** argv, std::ostream& out) {
  Flags flags;
  Switch version = Switch::kOff;
  Arguments arguments("pprun", "runs a training plan on this machine");
  // Optional, so that --version stands alone.
  std::optional<std::string> plan;
  arguments.Positional("PLAN", "a `.plan`, or a `.sched` to compile first", &plan);
  arguments.Flag("set", "NAME=VALUE", "override a mesh axis or a setting; may be repeated",
                 &flags.settings);
  arguments.Flag("steps", "N", "train for N steps instead of the plan's", &flags.steps);
  arguments.Flag("device", "cpu|cuda", "run on the CPU (default) or on a GPU", &flags.device);
  arguments.Flag("threads", "N", "threads of each rank (default: the cores divided by the ranks)",
                 &flags.threads);
  arguments.Flag("gpus", "N", "the GPU that all ranks share, without `--processes` (default 0)",
                 &flags.gpus);
  arguments.Flag("graphs", "on|off",
                 "replay each step as one CUDA graph (default), or issue it every time",
                 &flags.graphs);
  arguments.Flag("timeout", "SECONDS", "end the run when nothing moves for so long (default 300)",
                 &flags.timeout);
  arguments.Flag("processes", "",
                 "start a process a rank, not a thread; with `--device cuda` a GPU each",
                 &flags.processes);
  arguments.Flag("rendezvous", "HOST:PORT",
                 "where ranks that mpirun, srun or torchrun started meet: rank 0's machine",
                 &flags.rendezvous);
  arguments.Flag("data", "FILE", "train on this file, of the kind that the plan names, instead",
                 &flags.data);
  arguments.Flag("validation", "FILE", "and validate on this one", &flags.validation);
  arguments.Flag("init", "FILE", "start from these weights (safetensors)", &flags.init);
  arguments.Flag("save", "FILE",
                 "save the weights at the end, or after Ctrl-C or SIGTERM (safetensors)",
                 &flags.save);
  arguments.Flag("metrics", "FILE", "write a JSON line a step", &flags.metrics);
  arguments.Flag("trace", "FILE",
                 "write a few steps as Chrome trace events (Perfetto, `ppc timeline --measured`)",
                 &flags.trace);
  arguments.Flag("profile", "FILE",
                 "write what instructions took, as costs for `ppc ... --profile`", &flags.profile);
  arguments.Flag(
      "measure-machine", "FILE",
      "train nothing: write what this machine does, shared by the plan's ranks, for `ppc "
      "... --machine`",
      &flags.measure_machine);
  arguments.Flag("quiet", "", "print warnings and errors alone", &flags.quiet);
  arguments.Flag("version", "", "print the version", &version);
  const ArgumentsResult parsed = arguments.Parse(argc, argv);
  if (parsed.kind == ArgumentsResult::Kind::kHelp) {
    out << parsed.text;
    return std::nullopt;
  }
  if (parsed.kind == ArgumentsResult::Kind::kWrong) throw UsageError(parsed.text);
  if (version == Switch::kOn) {
    out << "pprun " << PPRUN_VERSION << "\n";
    return std::nullopt;
  }
  flags.plan = plan.value_or("");
  CheckFlags(flags);
  return flags;
}

RunOptions::On DeviceOf(const Flags& flags) {
  return flags.device == "cuda" ? RunOptions::On::kCuda : RunOptions::On::kCpu;
}

}  // namespace pprun
