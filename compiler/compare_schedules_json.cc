// The comparison as JSON. Tests: compare_schedules_test.cc.
#include <string>
#include <string_view>

#include "compiler/compare_schedules.h"
#include "compiler/plan/base/json_writer.h"

namespace pprun {

std::string ToJson(const ScheduleComparison& comparison) {
  const bool study = comparison.purpose == ScheduleComparison::Purpose::kStudy;
  const bool seconds = comparison.unit == Trace::Unit::kSecond;
  JsonWriter out;
  out.Open('{');
  out.Member("purpose", std::string_view(study ? "study" : "training"));
  out.Member("unit", std::string_view(seconds ? "seconds" : "table"));
  if (comparison.steps > 1) {
    out.Member("steps", int64_t{comparison.steps});
    out.Member("barrier", comparison.barrier);
  }
  out.List("schedules");
  for (const ComparedSchedule& row : comparison.schedules) {
    out.Open('{');
    out.Member("name", row.name);
    out.Member("step", row.step);
    out.Member("makespan", row.makespan);
    out.Member("bubble", WithoutNoise(row.bubble));
    out.Member("work_of", Name(row.work_of));
    if (!study) out.Member("memory", row.memory);
    out.Member("activations", row.activations);
    out.Member("messages", row.messages);
    out.Member("positions", row.positions);
    out.Member("microbatches", row.microbatches);
    out.Close('}');
  }
  out.Close(']');
  out.Object("best");
  out.Member("name", comparison.schedules.front().name);
  out.Member("why", WhyBest(comparison));
  out.Close('}');
  out.List("refused");
  for (const auto& [name, reason] : comparison.refused) {
    out.Open('{');
    out.Member("name", name);
    out.Member("reason", reason);
    out.Close('}');
  }
  out.Close(']');
  out.Strings("notes", comparison.notes);
  out.Close('}');
  return out.Take() + "\n";
}

}  // namespace pprun
