// Parses a plan and what it brings along: imported files, and the built-in schedule that it names.
//
// Only the main file says what is trained on what; from an import come its lets, models and
// schedules. A file is read once, however often it is imported. Tests: parser_test.cc.
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

#include "compiler/plan/base/system_error.h"
#include "dsl/frontend.h"
#include "dsl/syntax.h"

namespace pprun {
namespace {

constexpr std::string_view kDefaultSchedule = "one_f_one_b";

// "plans/" of "plans/gpt.sched"; empty where there is no slash.
std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

std::string Resolve(const std::string& directory, const std::string& path) {
  if (path.empty() || path.front() == '/') return path;
  return std::filesystem::path(directory + path).lexically_normal().string();
}

// At most one byte more than `limit`, which is enough to know that it is passed. Empty on failure,
// with the reason in errno.
std::optional<std::string> ReadText(const std::string& path, size_t limit) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    errno = EISDIR;
    return std::nullopt;
  }
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return std::nullopt;
  std::string text(limit + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return std::nullopt;
  text.resize(static_cast<size_t>(stream.gcount()));
  return text;
}

template <typename T>
void Append(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

class Importer {
 public:
  Importer(SourceFiles& files, const Limits& limits, ast::Program& program,
           Diagnostics& diagnostics)
      : files_(files), limits_(limits), program_(program), diagnostics_(diagnostics) {}

  // The items of one file; its imports are already in the program.
  ast::Program Parse(uint32_t file) {
    ast::Program items;
    seen_.push_back(Resolve("", files_.Path(file)));
    // The nodes of all files share one numbering.
    items.expressions = std::move(program_.expressions);
    items.statements = std::move(program_.statements);
    const std::string text(files_.Text(file));
    ParseFile(text, file, limits_, items, diagnostics_);
    program_.expressions = std::exchange(items.expressions, {});
    program_.statements = std::exchange(items.statements, {});
    for (const ast::Import& import : items.imports) Import(import, DirectoryOf(files_.Path(file)));
    return items;
  }

 private:
  void Import(const ast::Import& import, const std::string& directory) {
    const std::string path = Resolve(directory, import.path);
    if (std::find(seen_.begin(), seen_.end(), path) != seen_.end()) return;
    if (static_cast<int>(seen_.size()) > limits_.imports) {
      if (std::exchange(too_many_, true)) return;
      diagnostics_.Error(import.location,
                         "this plan imports too many files: the limit `imports` is " +
                             std::to_string(limits_.imports));
      return;
    }
    const std::optional<std::string> text = ReadText(path, limits_.source_bytes);
    if (!text.has_value()) {
      const std::string reason = errno == 0 ? "it cannot be read" : ErrorText(errno);
      diagnostics_.Error(import.location, "cannot read `" + path + "`: " + reason);
      return;
    }
    ast::Program items = Parse(files_.Add(path, *text));
    Append(program_.lets, std::move(items.lets));
    Append(program_.models, std::move(items.models));
    Append(program_.schedules, std::move(items.schedules));
  }

  SourceFiles& files_;
  const Limits& limits_;
  ast::Program& program_;
  Diagnostics& diagnostics_;
  std::vector<std::string> seen_;
  bool too_many_ = false;
};

// The schedule that the command line chooses: its name, or a call.
void ParseChoice(std::string_view text, const Limits& limits, ast::Program& program,
                 Diagnostics& diagnostics) {
  const auto refuse = [&] {
    diagnostics.Error(kCommandLine, "`" + std::string(text) + "` is no name of a schedule")
        .Note(kCommandLine, "`ppc show` lists the built-in ones");
  };
  // `1f1b` would be a number, and something behind it.
  if (text.front() >= '0' && text.front() <= '9') return refuse();
  const auto value = ParseValue(text, limits, program, diagnostics);
  if (!value.has_value()) return;
  const auto& node = program[*value].node;
  if (const auto* word = std::get_if<ast::Reference>(&node)) {
    program.schedule = {{{word->name, kCommandLine}, {}}, kCommandLine};
  } else if (const auto* call = std::get_if<ast::Call>(&node)) {
    program.schedule = {*call, kCommandLine};
  } else {
    refuse();
  }
}

// The schedule that is meant but not defined in the files, if there is one.
std::string MissingSchedule(const ast::Program& program) {
  if (!program.schedule.has_value()) {
    return program.schedules.empty() ? std::string(kDefaultSchedule) : "";
  }
  const std::string& name = program.schedule->call.callee.text;
  for (const ast::ScheduleDefinition& schedule : program.schedules) {
    if (schedule.name.text == name) return "";
  }
  return name;
}

// The limits are for what users write.
void AddBuiltIn(const std::string& name, SourceFiles& files, ast::Program& program,
                Diagnostics& diagnostics) {
  for (const auto& [known, text] : BuiltInSchedules()) {
    if (known != name) continue;
    ast::Program items = Importer(files, Limits{}, program, diagnostics)
                             .Parse(files.Add("schedules/" + name + ".sched", text));
    Append(program.schedules, std::move(items.schedules));
  }
}

}  // namespace

ast::Program Parse(SourceFiles& files, uint32_t file, const Limits& limits,
                   Diagnostics& diagnostics, std::string_view schedule) {
  ast::Program program;
  ast::Program items = Importer(files, limits, program, diagnostics).Parse(file);
  Append(program.lets, std::move(items.lets));
  Append(program.models, std::move(items.models));
  Append(program.schedules, std::move(items.schedules));
  program.directory = DirectoryOf(files.Path(file));
  program.imports = std::move(items.imports);
  program.mesh = std::move(items.mesh);
  program.mesh_location = items.mesh_location;
  program.model = std::move(items.model);
  program.stages = std::move(items.stages);
  program.train = std::move(items.train);
  program.train_location = items.train_location;
  program.schedule = std::move(items.schedule);
  program.gradients = std::move(items.gradients);
  program.transfers = std::move(items.transfers);
  program.recompute = std::move(items.recompute);

  if (!schedule.empty()) {
    ParseChoice(schedule, limits, program, diagnostics);
  }
  if (diagnostics.HasErrors()) return program;
  const std::string missing = MissingSchedule(program);
  if (!missing.empty()) AddBuiltIn(missing, files, program, diagnostics);
  return program;
}

}  // namespace pprun
