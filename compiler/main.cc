// ppc: checks, compiles, predicts, explains and draws `.sched` files.
//
//   ppc check FILE       is it right? (exit 1 and messages if not)
//   ppc timeline FILE    predict it and draw it
//   ppc simulate FILE    predict it in figures
//   ppc explain FILE     account for it
//   ppc compare FILE     the same under other schedules
//   ppc show [NAME]      print a built-in schedule
//   ppc FILE -o PLAN     write the plan
//   ppc --emit=V FILE    print a value between: ast, checked, layers, tasks, csv, after:<pass>,
//   plan
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/commands.h"
#include "compiler/plan/base/arguments.h"
#include "compiler/plan/base/standard_output.h"

namespace pprun {
namespace {

std::string Help() {
  std::string text =
      "ppc: checks, compiles, predicts, explains and draws pipeline-parallel training plans\n\n";
  for (const Command& command : Commands()) {
    std::string name(command.name);
    name.resize(15, ' ');
    text += "  ppc " + name + std::string(command.summary) + "\n";
  }
  return text +
         "  ppc FILE -o PLAN   compile and write the plan\n"
         "  ppc --emit=V FILE  print ast, checked, layers, tasks, csv, after:<pass>, plan or "
         "timeline\n\n"
         "`ppc COMMAND --help` lists its flags, `ppc --version` prints the version. FILE is a "
         ".sched, a .csv of "
         "torch.distributed.pipelining, or a compiled .plan.\n";
}

int Dispatch(const std::vector<const char*>& words) {
  if (words.empty()) throw std::invalid_argument("no command is given");
  const std::string first = words[0];
  if (first == "--help" || first == "-h") throw HelpWanted{Help()};
  if (first == "--version") {
    std::cout << "ppc " << PPRUN_VERSION << "\n";
    return 0;
  }
  for (const Command& command : Commands()) {
    if (first == command.name) return command.run(words);
  }
  // Two words, and the first is no file: a command that is not there.
  const bool names_file = first.find('.') != std::string::npos || first.starts_with("-");
  if (!names_file && words.size() > 1 && words[1][0] != '-') {
    std::vector<std::string> names;
    for (const Command& command : Commands()) names.emplace_back(command.name);
    const auto meant = NearestWord(first, names);
    throw std::invalid_argument("there is no command `" + first + "`" +
                                (meant ? "; did you mean `" + *meant + "`?" : ""));
  }
  return RunWithoutCommand(words);
}

int Run(const std::vector<const char*>& words) {
  try {
    return Dispatch(words);
  } catch (const HelpWanted& help) {
    std::cout << help.text;
    return 0;
  }
}

int Main(int argc, char** argv) {
  StandardOutput output(std::cout);
  try {
    const int status = Run(std::vector<const char*>(argv + 1, argv + argc));
    output.Finish();
    return status;
  } catch (const std::invalid_argument& error) {
    std::cerr << "ppc: error: " << error.what()
              << "\n  `ppc COMMAND --help` lists its flags, `ppc --help` the commands\n";
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "ppc: error: " << error.what() << "\n";
    return 1;
  }
}

}  // namespace
}  // namespace pprun

int main(int argc, char** argv) { return pprun::Main(argc, argv); }
