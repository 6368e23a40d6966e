#include "compiler/report/read_trace.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <span>
#include <stdexcept>
#include <tuple>
#include <variant>
#include <vector>

#include "compiler/plan/base/hash.h"
#include "compiler/plan/base/json.h"
#include "compiler/report/numbers.h"

namespace pprun {
namespace {

constexpr int64_t kVersion = 3;
// Where a text that we wrote keeps the events: a line of its own, near the end. No JSON string
// contains a line break.
constexpr std::string_view kMember = "\n\"pprun\":";

// Of what a trace's instruction numbers of a position mean: the streams and kinds of its
// instructions, and the tasks of the runs. Names, sources and sizes may differ.
std::string DigestOf(const Position& position) {
  std::vector<int32_t> numbers;
  for (const Program& program : position.programs) {
    numbers.push_back(static_cast<int32_t>(program.instructions.size()));
    for (const Instruction& instruction : program.instructions) {
      numbers.push_back(static_cast<int32_t>(instruction.operands.index()));
      numbers.push_back(instruction.stream.value);
      const Run* run = std::get_if<Run>(&instruction.operands);
      if (run == nullptr) continue;
      for (const int32_t number : {run->layer.value, run->stage.value, run->chunk.value,
                                   run->microbatch.value, static_cast<int32_t>(run->kind)}) {
        numbers.push_back(number);
      }
    }
  }
  // Through a string, since a JSON number holds 53 bits only.
  return std::to_string(HashBytes(std::as_bytes(std::span(numbers))));
}

// What people tell plans apart by.
std::string DescriptionOf(const Plan& plan) {
  std::string text = "`" + plan.schedule + "` on";
  for (const Axis& axis : plan.mesh) {
    text +=
        (&axis == &plan.mesh.front() ? " " : ", ") + axis.name + " = " + std::to_string(axis.size);
  }
  return text + " with " + Counted(plan.stages, "stage") + " and " +
         std::to_string(plan.train.microbatches) +
         (plan.train.microbatches == 1 ? " microbatch" : " microbatches");
}

int64_t InstructionsOf(const Position& position) {
  int64_t count = 0;
  for (const Program& program : position.programs) {
    count += static_cast<int64_t>(program.instructions.size());
  }
  return count;
}

std::string PlanJson(const Plan& plan) {
  std::string json = "{\"name\":";
  AppendJsonString(json, plan.name);
  json += ",\"description\":";
  AppendJsonString(json, DescriptionOf(plan));
  json += ",\"positions\":[";
  for (const Position& position : plan.positions) {
    if (&position != &plan.positions.front()) json += ',';
    json += "{\"instructions\":" + std::to_string(InstructionsOf(position)) + ",\"digest\":";
    AppendJsonString(json, DigestOf(position));
    json += '}';
  }
  return json + "]}";
}

[[noreturn]] void Malformed(const std::string& what) {
  throw std::runtime_error("this is no trace that pprun wrote: " + what);
}

const JsonValue& Member(const JsonValue& object, std::string_view name, JsonValue::Kind kind) {
  const JsonValue* value = object.Find(name);
  if (value == nullptr || value->kind != kind) {
    Malformed("`" + std::string(name) + "` is missing or of another type");
  }
  return *value;
}

int64_t IntegerMember(const JsonValue& object, std::string_view name) {
  const std::optional<int64_t> number = Member(object, name, JsonValue::Kind::kNumber).Integer();
  if (!number) Malformed("`" + std::string(name) + "` is no integer");
  return *number;
}

ProgramKind ProgramNamed(const std::string& name) {
  for (int kind = 0; kind < kProgramCount; ++kind) {
    if (Name(static_cast<ProgramKind>(kind)) == name) return static_cast<ProgramKind>(kind);
  }
  Malformed("there is no program `" + name + "`");
}

// The events of one run of a program on a rank: three lists of equal length.
void ReadRun(const Plan& plan, const JsonValue& object, std::vector<TraceEvent>& events) {
  TraceEvent event;
  event.rank = IntegerMember(object, "rank");
  event.program = ProgramNamed(Member(object, "program", JsonValue::Kind::kString).string);
  const int64_t run = IntegerMember(object, "run");
  event.repeat = run - 1;
  if (event.rank < 0 || event.rank >= plan.Ranks()) {
    Malformed("there is no rank " + std::to_string(event.rank));
  }
  if (run < NumberOfRun(0)) Malformed("runs count from 1");
  const Position& position = plan.positions[CoordinatesOf(plan, event.rank).position.index()];
  const Program& program = position.programs[static_cast<size_t>(event.program)];

  std::array<const std::vector<JsonValue>*, 3> lists{};
  static constexpr std::array<std::string_view, 3> kNames = {"instructions", "begins", "ends"};
  for (size_t i = 0; i < lists.size(); ++i) {
    lists[i] = &Member(object, kNames[i], JsonValue::Kind::kArray).items;
    if (lists[i]->size() != lists[0]->size()) Malformed("its lists differ in length");
  }
  for (size_t i = 0; i < lists[0]->size(); ++i) {
    const std::optional<int64_t> instruction = (*lists[0])[i].Integer();
    if (!instruction || *instruction < 0 ||
        static_cast<size_t>(*instruction) >= program.instructions.size()) {
      Malformed("an instruction is not in the plan");
    }
    for (const size_t list : {1, 2}) {
      if ((*lists[list])[i].kind != JsonValue::Kind::kNumber) Malformed("a time is no number");
    }
    event.instruction = static_cast<int32_t>(*instruction);
    event.begin = (*lists[1])[i].number;
    event.end = (*lists[2])[i].number;
    if (!std::isfinite(event.begin) || !std::isfinite(event.end) || event.end < event.begin) {
      Malformed("an instruction ends before it begins");
    }
    events.push_back(event);
  }
}

// Throws unless `described`, which PlanJson wrote, is of a plan whose instructions are numbered as
// those of `plan`.
void CheckPlan(const Plan& plan, const JsonValue& described) {
  const std::string own = DescriptionOf(plan);
  const std::string& other = Member(described, "description", JsonValue::Kind::kString).string;
  const std::string& name = Member(described, "name", JsonValue::Kind::kString).string;
  const std::string where = "the trace is of another plan: ";
  if (other != own) {
    throw std::runtime_error(where + "it ran `" + name + "` as " + other + "; here `" + plan.name +
                             "` is " + own);
  }
  const std::vector<JsonValue>& positions =
      Member(described, "positions", JsonValue::Kind::kArray).items;
  if (positions.size() != plan.positions.size()) Malformed("its positions are not those it names");
  for (size_t i = 0; i < positions.size(); ++i) {
    const int64_t instructions = IntegerMember(positions[i], "instructions");
    const int64_t here = InstructionsOf(plan.positions[i]);
    const std::string& digest = Member(positions[i], "digest", JsonValue::Kind::kString).string;
    if (digest == DigestOf(plan.positions[i])) continue;
    const std::string difference = instructions == here ? "had other instructions than"
                                                        : "had " + WithThousands(instructions) +
                                                              " instructions, not the " +
                                                              WithThousands(here) + " that it has";
    throw std::runtime_error(where + "position " + std::to_string(i) + " of `" + name + "` " +
                             difference + " here in `" + plan.name + "`, though both are " + own +
                             "; the model or the gradients differ");
  }
}

// The object that keeps the events. Parses only that where the text is as we wrote it, since the
// rest is far larger.
JsonValue ParseMember(std::string_view text) {
  const size_t at = text.rfind(kMember);
  if (at != std::string_view::npos) {
    std::string_view object = text.substr(at + kMember.size());
    const size_t last = object.find_last_of('}');
    if (last != std::string_view::npos) object = object.substr(0, last);
    return ParseJson(object);
  }
  const JsonValue document = ParseJson(text);
  const JsonValue* member = document.Find("pprun");
  if (member == nullptr) Malformed("it has no `pprun`, where the events are kept");
  return *member;
}

}  // namespace

void AppendTraceMember(std::string& out, const Plan& plan, const Trace& trace) {
  using RunKey = std::tuple<int64_t, ProgramKind, int64_t>;
  std::map<RunKey, std::vector<const TraceEvent*>> runs;
  for (const TraceEvent& event : trace.events) {
    runs[{event.rank, event.program, event.repeat}].push_back(&event);
  }
  out += R"("pprun":{"version":)" + std::to_string(kVersion) + R"(,"kind":)";
  AppendJsonString(out, trace.kind == Trace::Kind::kPredicted ? "predicted" : "measured");
  if (UnitOf(trace) == Trace::Unit::kSecond) out += R"(,"unit":"second")";
  out += R"(,"plan":)" + PlanJson(plan) + R"(,"runs":[)";
  std::string_view separator;
  for (const auto& [key, events] : runs) {
    const auto& [rank, program, repeat] = key;
    out += std::string(separator) + R"({"rank":)" + std::to_string(rank) + R"(,"program":)";
    AppendJsonString(out, Name(program));
    out += R"(,"run":)" + std::to_string(NumberOfRun(repeat));
    const auto list = [&](std::string_view name, const auto& append) {
      out += ",\"" + std::string(name) + "\":[";
      for (size_t i = 0; i < events.size(); ++i) {
        if (i > 0) out += ',';
        append(*events[i]);
      }
      out += ']';
    };
    list("instructions",
         [&](const TraceEvent& event) { out += std::to_string(event.instruction); });
    list("begins", [&](const TraceEvent& event) { AppendJsonNumber(out, event.begin); });
    list("ends", [&](const TraceEvent& event) { AppendJsonNumber(out, event.end); });
    out += '}';
    separator = ",";
  }
  out += "]}";
}

Trace ReadChromeTrace(std::string_view text, const Plan& plan) {
  JsonValue member;
  try {
    member = ParseMember(text);
  } catch (const JsonError& error) {
    Malformed(error.what());
  }
  if (IntegerMember(member, "version") != kVersion) {
    throw std::runtime_error("the trace is of another version of pprun");
  }
  CheckPlan(plan, Member(member, "plan", JsonValue::Kind::kObject));
  Trace trace;
  const std::string& kind = Member(member, "kind", JsonValue::Kind::kString).string;
  if (kind != "predicted" && kind != "measured") Malformed("its kind is `" + kind + "`");
  trace.kind = kind == "predicted" ? Trace::Kind::kPredicted : Trace::Kind::kMeasured;
  if (const JsonValue* unit = member.Find("unit"); unit != nullptr && unit->string == "second") {
    trace.unit = Trace::Unit::kSecond;
  }
  for (const JsonValue& run : Member(member, "runs", JsonValue::Kind::kArray).items) {
    ReadRun(plan, run, trace.events);
  }
  std::ranges::stable_sort(trace.events, {}, [](const TraceEvent& event) {
    return std::tuple(event.rank, event.begin);
  });
  return trace;
}

}  // namespace pprun
