#include "compiler/data_files.h"

#include <filesystem>
#include <system_error>

#include "compiler/plan/base/amount.h"

namespace pprun {
namespace {

// Zero for what is in no file.
int64_t BytesOfToken(DataSpec::Kind kind) {
  switch (kind) {
    case DataSpec::Kind::kNone:
    case DataSpec::Kind::kSynthetic:
      return 0;
    case DataSpec::Kind::kBytes:
      return 1;
    case DataSpec::Kind::kTokensU16:
      return 2;
    case DataSpec::Kind::kTokensU32:
      return 4;
  }
  return 0;
}

// What is wrong with it; empty if nothing is, or nothing can be said.
std::string Trouble(const DataSpec& data, int64_t sequence) {
  const int64_t token = BytesOfToken(data.kind);
  if (token == 0) return "";
  const std::string name = "`" + data.path + "`";
  std::error_code error;
  const auto status = std::filesystem::status(data.path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return name + " is not there; `pprun --data` and `--validation` take a file elsewhere";
  }
  if (status.type() == std::filesystem::file_type::directory) return name + " is a directory";
  if (status.type() != std::filesystem::file_type::regular) return "";
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(data.path, error));
  // A header makes room for less, so that this is the most.
  const int64_t tokens = bytes / token;
  if (error || tokens > sequence) return "";
  return name + " has " + Amount(tokens, "token") + " at most; a sequence of " +
         std::to_string(sequence) + " needs " + std::to_string(sequence + 1);
}

// "plan.sched:10:10: ", or the plan's name where the data came from the command line.
std::string PlaceOf(const Plan& plan, SourceId id) {
  if (!id.valid() || id.index() >= plan.sources.size()) return plan.name + ": ";
  const Source& source = plan.sources[id.index()];
  if (source.file < 0 || static_cast<size_t>(source.file) >= plan.files.size()) {
    return plan.name + ": ";
  }
  return plan.files[static_cast<size_t>(source.file)].path + ":" + std::to_string(source.line) +
         ":" + std::to_string(source.column) + ": ";
}

}  // namespace

std::string DataWarnings(const Plan& plan) {
  std::string text;
  for (const DataSpec& data : {plan.train.data, plan.train.validation}) {
    const std::string trouble = Trouble(data, plan.train.sequence);
    if (!trouble.empty()) text += PlaceOf(plan, data.source) + "warning: " + trouble + "\n";
  }
  return text;
}

}  // namespace pprun
