#include "compiler/compare_schedules.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <utility>

#include "compiler/fit_memory.h"
#include "compiler/measure_plan.h"
#include "compiler/plan/base/amount.h"
#include "compiler/plan/base/arguments.h"
#include "compiler/plan/file.h"
#include "compiler/report/numbers.h"

namespace pprun {
namespace {

using Purpose = ScheduleComparison::Purpose;

// At top-level commas: those in brackets separate a schedule's arguments. Throws
// std::invalid_argument where there is nothing between two.
std::vector<std::string> SplitNames(const std::string& text) {
  std::vector<std::string> names(1);
  int depth = 0;
  for (char letter : text) {
    if (letter == '(') ++depth;
    if (letter == ')') --depth;
    if (letter == ',' && depth == 0) {
      names.emplace_back();
    } else if (letter != ' ' || !names.back().empty()) {
      names.back() += letter;
    }
  }
  // One that is listed twice is compared once.
  std::vector<std::string> distinct;
  for (std::string& name : names) {
    name.erase(name.find_last_not_of(' ') + 1);
    if (name.empty()) {
      throw std::invalid_argument("`--schedules " + (text.empty() ? "''" : text) +
                                  "`: a name is missing; `ppc show` lists the built-in ones");
    }
    if (std::ranges::find(distinct, name) == distinct.end()) distinct.push_back(std::move(name));
  }
  return distinct;
}

// A schedule that is not there is a mistake of the command line, not one that does not fit.
void CheckIsThere(const Compilation& result, const std::string& schedule) {
  if (!result.program || !result.program->schedule) return;
  const std::string& name = result.program->schedule->call.callee.text;
  std::vector<std::string> names;
  for (const auto& [known, text] : BuiltInSchedules()) names.push_back(known);
  for (const ast::ScheduleDefinition& own : result.program->schedules) {
    names.push_back(own.name.text);
  }
  if (std::ranges::find(names, name) != names.end()) return;
  const auto meant = NearestWord(name, names);
  throw std::invalid_argument(
      "`--schedules`: there is no schedule `" + schedule + "`" +
      (meant ? "; did you mean `" + *meant + "`?" : "; `ppc show` lists the built-in ones"));
}

bool HasSource(const std::string& path) {
  return !path.ends_with(".plan") && !path.ends_with(".csv");
}

// The first message, without its place.
std::string Reason(const Compilation& result) {
  for (const Diagnostic& diagnostic : result.diagnostics.all()) {
    if (diagnostic.severity == Diagnostic::Severity::kError) return diagnostic.message;
  }
  return result.findings.front().message;
}

// The file says which layers each of its stages has, and the schedule has more or fewer.
bool HasOtherStages(const Compilation& result) {
  if (!result.checked || !result.order) return false;
  const auto given = static_cast<int32_t>(result.checked->stages.stages.size());
  return given > 0 && given != result.order->stages;
}

// Wrong as it is written, whatever schedule it would be given.
bool IsFileWrong(const Compilation& result) {
  if (result.checked || !result.diagnostics.HasErrors()) return false;
  return result.diagnostics.all().front().location.file != kCommandLine.file;
}

// "v_half", or "interleaved_one_f_one_b(chunks = 4)".
std::string ChoiceText(const CheckedSchedule& schedule) {
  std::string text;
  for (const auto& [name, value] : schedule.parameters) {
    text += (text.empty() ? "(" : ", ") + name + " = ";
    text += std::holds_alternative<int64_t>(value)  ? std::to_string(std::get<int64_t>(value))
            : std::holds_alternative<double>(value) ? Compact(std::get<double>(value))
            : std::get<bool>(value)                 ? "true"
                                                    : "false";
  }
  return schedule.name + text + (text.empty() ? "" : ")");
}

class Comparer {
 public:
  explicit Comparer(const CompareOptions& options) : options_(options) {
    result_.steps = StepsOf(options.predict);
    BarrierOf(options.predict);
    result_.barrier = options.predict.barrier;
  }

  // `schedule`: in place of the file's own, if not empty. `suffix`: behind its name.
  void Add(const std::string& path, const std::string& schedule, const std::string& suffix) {
    if (!result_.messages.empty()) return;
    if (path.ends_with(".plan")) {
      AddCompiled(path, suffix);
      return;
    }
    CompileOptions compile = Lenient();
    if (!HasSource(path)) compile.overrides.clear();
    if (!schedule.empty()) compile.schedule = schedule;
    Compilation result = Compile(path, compile);
    if (HasSource(path)) CountSettings(result);
    if (IsFileWrong(result)) {
      result_.messages = result.Messages();
      return;
    }
    if (!schedule.empty()) CheckIsThere(result, schedule);
    const std::string own = result.checked ? result.checked->schedule.name : "the schedule";
    std::string name = (schedule.empty() ? own : schedule) + suffix;
    if (!result.Ok()) {
      result_.refused.push_back({std::move(name), Reason(result)});
      if (first_messages_.empty()) first_messages_ = result.Messages();
      if (HasOtherStages(result)) other_stages_ = true;
      return;
    }
    if (result.plan->IsStudy()) result_.purpose = Purpose::kStudy;
    const bool limited = options_.memory_limit > 0 ? result_.purpose == Purpose::kTraining
                                                   : options_.activation_limit > 0;
    if (!limited || !FollowsMemory(result, compile)) {
      AddMeasured(MeasurePlan(std::move(name), *std::move(result.plan), options_));
      return;
    }
    FittedPlan fitted = FitMemory({path, compile, options_}, name, std::move(result));
    if (fitted.measured.refused.empty() && !fitted.memory.empty()) {
      result_.notes.push_back("`" + name + "` fits the limit with `memory = " + fitted.memory +
                              "`");
    }
    AddMeasured(std::move(fitted.measured));
  }

  // The file's own schedule, and every built-in one that is another.
  void AddOwnAndBuiltIn(const std::string& path) {
    const Compilation own = Compile(path, Lenient());
    if (IsFileWrong(own)) {
      result_.messages = own.Messages();
      return;
    }
    const std::string choice = own.checked ? ChoiceText(own.checked->schedule) : "";
    bool built_in = false;
    for (const auto& [name, text] : BuiltInSchedules()) {
      if (own.checked && own.checked->schedule.name == name) {
        CompileOptions plain = Lenient();
        plain.schedule = name;
        const Compilation other = Compile(path, plain);
        built_in = other.checked && ChoiceText(other.checked->schedule) == choice;
      }
      Add(path, name, "");
    }
    // With parameters of its own, or of a name that no built-in one has.
    if (!built_in) Add(path, "", choice.substr(std::min(choice.size(), choice.find('('))));
  }

  ScheduleComparison Finish(const std::vector<std::string>& paths) && {
    if (!result_.messages.empty()) return std::move(result_);
    if (SetsNothing(paths)) return std::move(result_);
    if (result_.schedules.empty()) {
      if (AllRefusedAlike()) {
        result_.messages = std::move(first_messages_);
        return std::move(result_);
      }
      std::string reasons;
      for (const auto& [name, reason] : result_.refused) reasons += "\n  " + name + ": " + reason;
      throw std::runtime_error("no schedule fits:" + reasons);
    }
    const bool study = result_.purpose == Purpose::kStudy;
    if (study && options_.memory_limit > 0) {
      throw std::invalid_argument(
          "`--memory`: a schedule without a model has no bytes; a number limits its activations");
    }
    std::ranges::stable_sort(result_.schedules, {}, [&](const ComparedSchedule& row) {
      return std::pair(row.step, study ? row.activations : static_cast<double>(row.memory));
    });
    NoteCosts();
    NoteSizes();
    NoteSettings();
    if (other_stages_) {
      result_.notes.push_back(
          "the file lists the layers of each stage, for one number of stages; `--set "
          "'stages=balance(flops)'` splits the model into any");
    }
    return std::move(result_);
  }

 private:
  // A parameter may be one that only some of the schedules have.
  CompileOptions Lenient() const {
    CompileOptions compile = options_.compile;
    // By what it is compiled, it is then measured.
    compile.costs.whose = TaskCosts::Whose::kRank;
    for (Override& given : compile.overrides) given.absent = Override::Absent::kLeftOut;
    if (!options_.compile.costs_of_plan) return compile;
    // A schedule whose costs are not known is searched by none, and refused when it is measured.
    compile.costs_of_plan = [this](const Plan& plan) {
      CheckCostsFit(plan, options_.predict);
      try {
        return options_.compile.costs_of_plan(plan);
      } catch (const std::exception&) {
        return TaskCosts{};
      }
    };
    return compile;
  }

  void CountSettings(const Compilation& result) {
    if (!result.checked) return;
    ++settled_;
    for (const std::string& name : result.checked->left_out) ++left_out_[name];
  }

  // What changes nothing in any of the rows.
  void NoteCosts() {
    for (const std::string& name : result_.schedules.front().costs_of_nothing) {
      const bool everywhere = std::ranges::all_of(result_.schedules, [&](const auto& row) {
        return std::ranges::count(row.costs_of_nothing, name) > 0;
      });
      if (everywhere) result_.notes.push_back(ChangesNothing(name, "any of these plans"));
    }
  }

  // A setting that reached nothing is a mistake: it is reported as it is of a plan alone.
  bool SetsNothing(const std::vector<std::string>& paths) {
    for (const auto& [name, times] : left_out_) {
      if (times < settled_) continue;
      for (const std::string& path : paths) {
        if (!HasSource(path)) continue;
        result_.messages = Compile(path, options_.compile).Messages();
        if (!result_.messages.empty()) return true;
      }
    }
    return false;
  }

  void NoteSettings() {
    for (const auto& [name, times] : left_out_) {
      result_.notes.push_back("`" + name + "` is set for " + std::to_string(settled_ - times) +
                              " of " + std::to_string(settled_) +
                              " schedules: the others have nothing of that name");
    }
  }

  void NoteSizes() {
    const ComparedSchedule& first = result_.schedules.front();
    const bool alike = std::ranges::all_of(result_.schedules, [&](const ComparedSchedule& row) {
      return row.positions == first.positions && row.microbatches == first.microbatches;
    });
    if (alike) return;
    std::string sizes;
    for (const ComparedSchedule& row : result_.schedules) {
      sizes += (sizes.empty() ? "" : ", ") + row.name + " " + Amount(row.positions, "rank") +
               " and " + Amount(row.microbatches, "microbatch");
    }
    result_.notes.push_back("these are not of one size: " + sizes);
  }

  void AddCompiled(const std::string& path, const std::string& suffix) {
    Plan plan = ReadPlanFile(path);
    const std::vector<Finding> findings = Verify(plan);
    std::string name = plan.schedule + suffix;
    if (plan.IsStudy()) result_.purpose = Purpose::kStudy;
    if (!findings.empty()) {
      result_.refused.push_back({std::move(name), findings.front().message});
    } else {
      AddMeasured(MeasurePlan(std::move(name), std::move(plan), options_));
    }
  }

  void AddMeasured(MeasuredPlan measured) {
    if (measured.refused.empty()) {
      result_.unit = measured.unit;
      result_.schedules.push_back(std::move(measured.row));
    } else {
      result_.refused.push_back({measured.row.name, std::move(measured.refused)});
    }
  }

  // Then it is not the schedules that are at fault.
  bool AllRefusedAlike() const {
    return !first_messages_.empty() &&
           std::ranges::all_of(result_.refused, [this](const ScheduleComparison::Refused& one) {
             return one.reason == result_.refused.front().reason;
           });
  }

  const CompareOptions& options_;
  ScheduleComparison result_;
  std::string first_messages_;               // of the first that does not compile
  bool other_stages_ = false;                // one does not because of how many the file lists
  int64_t settled_ = 0;                      // schedules that settings were tried on
  std::map<std::string, int64_t> left_out_;  // how many of them have nothing of that name
};

}  // namespace

ScheduleComparison CompareSchedules(const std::vector<std::string>& paths,
                                    const CompareOptions& options) {
  Comparer comparer(options);
  const bool several = paths.size() > 1;
  const bool set = !options.compile.overrides.empty() || !options.compile.schedule.empty();
  if (set && std::ranges::none_of(paths, HasSource)) {
    throw std::invalid_argument("`--set` needs a `.sched`: in `" + paths.front() +
                                "` there is nothing to set");
  }
  for (const std::string& path : paths) {
    const std::string file = std::filesystem::path(path).filename().string();
    const std::string suffix = several ? " (" + file + ")" : "";
    if (options.schedules && !HasSource(path)) {
      throw std::invalid_argument("`--schedules` needs a `.sched`: `" + path +
                                  "` has a schedule already");
    }
    if (options.schedules && *options.schedules != "all") {
      for (const std::string& name : SplitNames(*options.schedules)) {
        comparer.Add(path, name, suffix);
      }
    } else if (several || !HasSource(path)) {
      comparer.Add(path, "", suffix);
    } else {
      comparer.AddOwnAndBuiltIn(path);
    }
  }
  return std::move(comparer).Finish(paths);
}

}  // namespace pprun
