// What the commands of ppc share: the file and the settings that they are given, the costs by which
// they predict, and the proven plan that follows. Tests: golden/commands/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/plan/base/arguments.h"
#include "compiler/predict.h"

namespace pprun {

// What most commands are given.
struct CommandInput {
  std::string file;
  std::vector<std::string> settings;
  PredictOptions predict;
};

void DeclareFile(Arguments& arguments, CommandInput& input);
void DeclareSettings(Arguments& arguments, CommandInput& input);
// Whose costs the command line gives: a stage's, or all of a rank's, where plans of different
// numbers of chunks are compared.
enum class CostsOf : uint8_t { kStage, kRank };
void DeclareCosts(Arguments& arguments, CommandInput& input, CostsOf costs = CostsOf::kStage);

// `--steps` and `--barrier`.
void DeclareSteps(Arguments& arguments, CommandInput& input);

// Reads a command line into the declared targets. Throws HelpWanted (commands.h), or
// std::invalid_argument if it is wrong.
void ReadArguments(const Arguments& arguments, const std::vector<const char*>& words);

CompileOptions ToCompileOptions(const CommandInput& input);

// Compiles and prints what is wrong or should be known. Throws std::invalid_argument if the costs
// do not fit.
Compilation CompileAndReport(const CommandInput& input, const CompileOptions& options);

// The proven plan of a file that is right; nothing, after messages, of one that is not.
std::optional<Plan> PlanOf(const CommandInput& input);
// The same as `pprun` compiles it: the costs of the command line order no transfers.
std::optional<Plan> PlanAsItRuns(const CommandInput& input);

// A file, if there is one, and what the command line calls it.
struct NamedFile {
  std::string name;  // "`--html`"
  std::optional<std::string> path;
};
// Throws std::invalid_argument if a file would be written over another one, or over an input.
void CheckOutputs(const std::vector<NamedFile>& inputs, const std::vector<NamedFile>& outputs);

// Throws std::runtime_error if the file cannot be written; then nothing of it is left behind.
void WriteTextFile(const std::string& path, const std::string& text);

}  // namespace pprun
