// `ppc compare`: plans under several schedules, as a table and on one time axis. Tests:
// golden/commands/compare*.sched.
#include <iostream>

#include "compiler/command_input.h"
#include "compiler/commands.h"
#include "compiler/compare_schedules.h"

namespace pprun {

int CompareCommand(const std::vector<const char*>& words) {
  CommandInput input;
  CompareOptions options;
  Arguments arguments("ppc compare", "predicts the plan under several schedules, best first");
  DeclareFile(arguments, input);
  DeclareCosts(arguments, input);
  arguments.Flag("schedules", "A,B,...", "which (default: all built-in ones)", &options.schedules);
  arguments.Flag("memory", "GIB", "leave out what needs more a rank", &options.memory_gib);
  ReadArguments(arguments, words);
  options.compile = ToCompileOptions(input);
  options.predict = input.predict;
  std::cout << CompareSchedules(input.file, options);
  return 0;
}

}  // namespace pprun
