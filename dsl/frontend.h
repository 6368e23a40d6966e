// TEXT -> CHECKED PROGRAM in two steps, each a function: Parse and Check.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dsl/ast.h"
#include "dsl/checked.h"
#include "dsl/diagnostics.h"
#include "dsl/source_files.h"

namespace pprun {

// What `--set name=value` gave, in order.
struct Override {
  std::string name;
  std::string value;
  // Where nothing has that name: an error, or said in CheckedProgram::left_out.
  enum class Absent : uint8_t { kRefused, kLeftOut } absent = Absent::kRefused;
};

// Bounds on hostile or mistaken input; passing one is an error that names the limit.
struct Limits {
  size_t source_bytes = 4 << 20;         // of one file
  int nesting = 256;                     // of brackets and operators
  int64_t unrolled_tasks = 4 << 20;      // of a schedule over all ranks
  int64_t evaluation_steps = 256 << 20;  // some sixty a task, more than any built-in schedule takes
  int64_t ranks = 1 << 20;
  int64_t layers = 1 << 16;  // of a model, repetitions counted
  int imports = 64;
};

// Parses a file (already in `files` at index `file`) and what it imports. Reads imported files; a
// built-in schedule named by the program is looked up in the embedded library and added to `files`
// as `schedules/NAME.sched`. `schedule`, such as "gpipe" or "breadth_first(chunks = 4)", takes the
// place of the file's own choice if it is not empty. The tree is meaningful as far as it could be
// recovered; Check it only if there are no errors.
ast::Program Parse(SourceFiles& files, uint32_t file, const Limits& limits,
                   Diagnostics& diagnostics, std::string_view schedule = {});

// Empty if there were errors.
std::optional<CheckedProgram> Check(ast::Program program, const std::vector<Override>& overrides,
                                    const Limits& limits, Diagnostics& diagnostics);

// The schedules embedded in the program: name and text.
const std::vector<std::pair<std::string, std::string>>& BuiltInSchedules();

// Text forms, for --emit=ast and --emit=checked.
std::string ToText(const ast::Program& program);
std::string ToText(const CheckedProgram& program);

}  // namespace pprun
