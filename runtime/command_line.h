// The command line of pprun. Tests: golden/run/ and golden/commands/usage.sched.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/plan/base/arguments.h"
#include "runtime/run.h"

namespace pprun {

// A wrong command line, as opposed to a run that fails.
struct UsageError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

struct Flags {
  std::string plan;  // empty where a machine is measured for one rank
  std::vector<std::string> settings;
  std::optional<int64_t> steps;
  std::string device = "cpu";
  std::optional<int64_t> threads;
  std::optional<int64_t> gpus;
  std::optional<std::string> graphs;
  int64_t timeout = 300;
  Switch processes = Switch::kOff;
  std::optional<std::string> rendezvous;
  std::optional<std::string> data;
  std::optional<std::string> validation;
  std::optional<std::string> init;
  std::optional<std::string> save;
  std::optional<std::string> metrics;
  std::optional<std::string> trace;
  std::optional<std::string> profile;
  std::optional<std::string> measure_machine;
  Switch quiet = Switch::kOff;
};

// Empty where help or the version was asked for, which is printed. What one flag or two say wrongly
// is a UsageError.
std::optional<Flags> ReadFlags(int argc, char** argv, std::ostream& out);

// Where the plan runs.
RunOptions::On DeviceOf(const Flags& flags);

}  // namespace pprun
