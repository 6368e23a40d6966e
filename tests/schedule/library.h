// The built-in schedules, evaluated, for the tests of what they promise.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/schedule/predict_times.h"
#include "compiler/schedule/task_order.h"
#include "dsl/frontend.h"

namespace pprun {

struct LibrarySetting {
  int64_t pp = 2;
  int64_t microbatches = 4;
  std::optional<int64_t> chunks = {};  // of a schedule that has the parameter
  TaskCosts costs = {};
  std::vector<Override> more = {};
};

// Whether a schedule accepts its setting, and whether its ranks then make progress.
enum class Outcome { kRuns, kRefused, kDeadlock };

struct LibraryOrder {
  Outcome outcome = Outcome::kRefused;
  TaskOrder order;
  std::string errors;
};

// Each file is parsed once.
class Library {
 public:
  Library();

  std::vector<std::string> Names() const;
  // Aborts where there is no such schedule.
  bool HasChunks(const std::string& name) const;
  LibraryOrder Evaluate(const std::string& name, const LibrarySetting& setting) const;

 private:
  struct Entry {
    SourceFiles files;
    ast::Program program;
  };
  std::map<std::string, Entry> entries_;
};

// For every schedule, number of chunks and number of ranks up to 8 a line: the digests of its
// orders of 1 to 24 microbatches, or `refused`, or `deadlock`. What order_digests.txt holds.
std::string OrderDigests(const Library& library);

}  // namespace pprun
