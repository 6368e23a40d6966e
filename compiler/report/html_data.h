// The data of the HTML timeline as JSON: what the scripts in page/ draw. Times are whole ticks from
// the first task of their run. Long runs are condensed, so that the page stays one that a browser
// opens. Tests: html_timeline_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/plan/plan.h"
#include "compiler/plan/trace.h"
#include "compiler/report/caption.h"
#include "compiler/report/linked_run.h"
#include "compiler/report/looks.h"
#include "compiler/report/rank_rows.h"

namespace pprun {

class HtmlData {
 public:
  // The runs that follow are of this plan, which must outlive the data.
  void AddSchedule(const std::string& name, const Plan& plan);
  // `unit`: seconds, or whatever the page's axis counts, of a unit of the trace. Without `repeat`
  // all runs of the step. `remark`, where there is one, is said with the run's makespan.
  void AddRun(const Trace& trace, std::optional<int64_t> repeat, double unit,
              const std::string& remark = "");

  // The longest run's time from its first task to its last instruction.
  double extent() const { return extent_; }

  std::string Finish(const TimeUnit& axis) &&;

 private:
  struct Ticks {
    double origin = 0;
    double per_unit = 0;
  };

  void CloseSchedule();
  int32_t TextId(const std::string& text);
  int32_t SourceId(const Plan& plan, const Instruction& instruction);
  int32_t LookId(const BoxLook& look);
  std::string InstructionsJson(const Plan& plan);
  std::string RowJson(const RankRow& row, const std::vector<const LinkedRun*>& runs,
                      const Ticks& ticks, std::string_view detail);

  const Plan* plan_ = nullptr;
  Looks looks_;
  bool refers_to_instructions_ = false;  // whether a run of the schedule does
  std::map<std::string, int32_t> text_ids_;
  std::vector<std::string> texts_;
  std::map<int32_t, int32_t> quotes_;        // of a source's text: its line's
  std::map<std::string, int32_t> look_ids_;  // by their JSON
  std::vector<std::string> look_texts_;
  std::string schedules_;  // the text so far
  std::string runs_;       // of the last schedule
  double extent_ = 0;
  // Of a model that tells no tokens apart, and so is only for study, bytes mean nothing.
  enum class Memory : uint8_t { kActivations, kBytes } memory_ = Memory::kActivations;
};

}  // namespace pprun
