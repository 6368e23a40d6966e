#include "tests/schedule/schedule_text.h"

#include "compiler/plan/base/check.h"

namespace pprun {

namespace {

// "3:5: "
std::string Place(const SourceFiles& files, ast::Location location) {
  LineColumn place = files.Position(location);
  return std::to_string(place.line) + ":" + std::to_string(place.column) + ": ";
}

}  // namespace

ParsedSchedule ParseSchedule(const std::string& text, const ScheduleSetting& setting) {
  ParsedSchedule result;
  Diagnostics diagnostics;
  uint32_t file = result.files.Add("mine.sched", text);
  CheckedProgram& checked = result.checked;
  checked.program = Parse(result.files, file, Limits{}, diagnostics);
  if (diagnostics.HasErrors()) {
    CheckFailed("mine.sched", 0, result.files.Render(diagnostics).c_str());
  }
  checked.mesh = {{.name = "pp", .size = setting.pp, .location = {}},
                  {.name = "dp", .size = setting.dp, .location = {}}};
  const std::vector<ast::ScheduleDefinition>& schedules = checked.program.schedules;
  CHECK(!schedules.empty());
  checked.schedule = {.name = schedules.back().name.text,
                      .definition = static_cast<int32_t>(schedules.size()) - 1,
                      .parameters = setting.parameters,
                      .location = schedules.back().name.location};
  return result;
}

EvaluatedText EvaluateText(const std::string& text, const ScheduleSetting& setting) {
  ParsedSchedule parsed = ParseSchedule(text, setting);
  Diagnostics diagnostics;
  EvaluatedText result;
  result.order =
      EvaluateSchedule(parsed.checked, setting.microbatches, setting.costs, setting.limits,
                       diagnostics);
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    result.errors += Place(parsed.files, diagnostic.location) + diagnostic.message + "\n";
    for (const DiagnosticNote& note : diagnostic.notes) {
      result.errors += "  " + Place(parsed.files, note.location) + note.message + "\n";
    }
  }
  result.error_count = static_cast<int>(diagnostics.all().size());
  CHECK(result.order.has_value() == !diagnostics.HasErrors());
  return result;
}

std::string OrderOf(const std::string& text, const ScheduleSetting& setting) {
  EvaluatedText evaluated = EvaluateText(text, setting);
  return evaluated.order ? ToText(*evaluated.order) : evaluated.errors;
}

std::string WithOrder(std::string_view body) {
  return "schedule s {\n  order on rank r {\n" + std::string(body) + "\n  }\n}\n";
}

const char* const kGpipe = R"(
schedule gpipe {
  order on rank r {
    for i in 0 .. microbatches { forward(i); }
    for i in 0 .. microbatches { backward(i); }
  }
}
)";

const char* const kOneForwardOneBackward = R"(
schedule one_f_one_b {
  order on rank r {
    let warmup = min(microbatches, pp - 1 - r);
    for i in 0 .. warmup { forward(i); }
    for i in warmup .. microbatches { forward(i); backward(i - warmup); }
    for i in microbatches - warmup .. microbatches { backward(i); }
  }
}
)";

const char* const kEagerOneForwardOneBackward = R"(
schedule eager {
  order on rank r {
    let warmup = min(microbatches, 2 * (pp - 1 - r) + 1);
    for i in 0 .. warmup { forward(i); }
    for i in 0 .. microbatches {
      backward(i);
      if i + warmup < microbatches { forward(i + warmup); }
    }
  }
}
)";

const char* const kZeroBubbleH1 = R"(
schedule zero_bubble_h1 {
  order on rank r {
    let warmup = min(microbatches, pp - 1 - r);
    for i in 0 .. warmup { forward(i); }
    for k in 0 .. microbatches {
      if warmup + k < microbatches { forward(warmup + k); }
      input_grad(k);
      if k >= r { weight_grad(k - r); }
    }
    for k in max(0, microbatches - r) .. microbatches { weight_grad(k); }
  }
}
)";

const char* const kZeroBubbleH2 = R"(
schedule zero_bubble_h2 {
  order on rank r {
    let warmup = min(microbatches, 2 * (pp - r) - 1);
    for i in 0 .. warmup { forward(i); }
    for b in 0 .. microbatches {
      input_grad(b);
      if b >= 2 * r { weight_grad(b - 2 * r); }
      if warmup + b < microbatches { forward(warmup + b); }
    }
    for k in max(0, microbatches - 2 * r) .. microbatches { weight_grad(k); }
  }
}
)";

}  // namespace pprun
