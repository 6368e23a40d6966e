#include "tests/schedule/library.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/hash.h"

namespace pprun {

Library::Library() {
  for (const auto& [name, text] : BuiltInSchedules()) {
    Entry entry;
    Diagnostics diagnostics;
    const uint32_t file = entry.files.Add("schedules/" + name + ".sched", text);
    entry.program = Parse(entry.files, file, Limits{}, diagnostics);
    if (diagnostics.HasErrors()) {
      CheckFailed(name.c_str(), 0, entry.files.Render(diagnostics).c_str());
    }
    entries_.emplace(name, std::move(entry));
  }
}

std::vector<std::string> Library::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

bool Library::HasChunks(const std::string& name) const {
  const auto& parameters = entries_.at(name).program.schedules[0].parameters;
  return std::any_of(parameters.begin(), parameters.end(), [](const ast::Argument& parameter) {
    return parameter.name->text == "chunks";
  });
}

LibraryOrder Library::Evaluate(const std::string& name, const LibrarySetting& setting) const {
  const Entry& entry = entries_.at(name);
  std::vector<Override> overrides = {{"mesh.pp", std::to_string(setting.pp)},
                                     {"train.microbatches", std::to_string(setting.microbatches)}};
  if (setting.chunks) overrides.push_back({"schedule.chunks", std::to_string(*setting.chunks)});
  overrides.insert(overrides.end(), setting.more.begin(), setting.more.end());
  LibraryOrder result;
  Diagnostics diagnostics;
  const std::optional<CheckedProgram> checked =
      Check(entry.program, overrides, Limits{}, diagnostics);
  if (checked) {
    std::optional<TaskOrder> order =
        EvaluateSchedule(*checked, checked->microbatches, setting.costs, Limits{}, diagnostics);
    if (order) {
      result.outcome =
          PredictTimes(*order, setting.costs, diagnostics) ? Outcome::kRuns : Outcome::kDeadlock;
      result.order = *std::move(order);
    }
  }
  result.errors = entry.files.Render(diagnostics);
  return result;
}

std::string OrderDigests(const Library& library) {
  std::string text;
  for (const std::string& name : library.Names()) {
    const bool has_chunks = library.HasChunks(name);
    for (int64_t chunks = 1; chunks <= (has_chunks ? 4 : 1); ++chunks) {
      for (int64_t pp = 1; pp <= 8; ++pp) {
        text += name + " pp=" + std::to_string(pp);
        LibrarySetting setting{.pp = pp};
        if (has_chunks) {
          text += " chunks=" + std::to_string(chunks);
          setting.chunks = chunks;
        }
        text += ":";
        for (setting.microbatches = 1; setting.microbatches <= 24; ++setting.microbatches) {
          const LibraryOrder evaluated = library.Evaluate(name, setting);
          char digest[24] = "refused";
          if (evaluated.outcome == Outcome::kDeadlock) std::snprintf(digest, 24, "deadlock");
          if (evaluated.outcome == Outcome::kRuns) {
            std::snprintf(digest, 24, "%016llx",
                          static_cast<unsigned long long>(HashText(ToText(evaluated.order))));
          }
          text += " " + std::string(digest);
        }
        text += "\n";
      }
    }
  }
  return text;
}

}  // namespace pprun
