// Evaluates schedules written as text, for the tests of compiler/schedule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/schedule/task_order.h"
#include "dsl/checked.h"
#include "dsl/diagnostics.h"
#include "dsl/frontend.h"
#include "dsl/source_files.h"

namespace pprun {

struct ScheduleSetting {
  int64_t pp = 2;
  int64_t microbatches = 4;
  int64_t dp = 1;
  std::vector<std::pair<std::string, std::variant<int64_t, double, bool>>> parameters = {};
  Limits limits = {};
  TaskCosts costs = {};
};

struct EvaluatedText {
  std::optional<TaskOrder> order;
  // "3:5: what is wrong\n  2:17: its note\n" for each.
  std::string errors;
  int error_count = 0;
};

// The program that has the last schedule of `text`, chosen with the setting's parameters. Built
// without the checker, so that these tests fail for reasons of their own. Aborts if the text does
// not parse.
struct ParsedSchedule {
  SourceFiles files;
  CheckedProgram checked;
};
ParsedSchedule ParseSchedule(const std::string& text, const ScheduleSetting& setting);

EvaluatedText EvaluateText(const std::string& text, const ScheduleSetting& setting = {});

// ToText of the order; the errors where there is none.
std::string OrderOf(const std::string& text, const ScheduleSetting& setting = {});

// A schedule whose order is BODY, on line 3.
std::string WithOrder(std::string_view body);

// Schedules of the literature, in the language.
extern const char* const kGpipe;
extern const char* const kOneForwardOneBackward;
extern const char* const kEagerOneForwardOneBackward;
extern const char* const kZeroBubbleH1;
extern const char* const kZeroBubbleH2;

}  // namespace pprun
