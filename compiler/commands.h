// The commands of ppc, each a function of its own command line. Tests: golden/commands/.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace pprun {

// `--help` was asked for: what to print.
struct HelpWanted {
  std::string text;
};

// `words` begin with the command's name. Each returns the exit status and throws what is wrong with
// its command line (std::invalid_argument) or with the world (std::runtime_error).
struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(const std::vector<const char*>& words);
};
const std::vector<Command>& Commands();

// Those with a file of their own.
int TimelineCommand(const std::vector<const char*>& words);
int CompareCommand(const std::vector<const char*>& words);

// `ppc FILE -o PLAN` and `ppc --emit=VALUE FILE`.
int RunWithoutCommand(const std::vector<const char*>& words);

}  // namespace pprun
