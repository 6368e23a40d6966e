#include "compiler/report/html_data.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/json.h"
#include "compiler/report/idle.h"
#include "compiler/report/instruction_text.h"
#include "compiler/report/memory_use.h"
#include "compiler/report/palette.h"

namespace pprun {
namespace {

// Ticks of the longest time that a run shows: far finer than a screen.
constexpr double kTicks = 1e7;
// Tasks and instructions of a run beyond which it is condensed, and to how many pieces a row.
constexpr size_t kMostTasks = 40'000;
constexpr size_t kMostInstructions = 400'000;
constexpr double kCondensedPieces = 3000;

std::string Quoted(std::string_view text) {
  std::string json;
  AppendJsonString(json, text);
  return json;
}

std::string Number(double number) {
  std::string json;
  AppendJsonNumber(json, number);
  return json;
}

// Numbers between brackets.
class NumberList {
 public:
  NumberList& Add(int64_t number) {
    if (text_.size() > 1) text_ += ',';
    text_ += std::to_string(number);
    return *this;
  }
  std::string Text() const { return text_ + "]"; }

 private:
  std::string text_ = "[";
};

// Texts between brackets.
class TextList {
 public:
  void Add(const std::string& json) { text_ += (text_.size() > 1 ? "," : "") + json; }
  std::string Text() const { return text_ + "]"; }

 private:
  std::string text_ = "[";
};

// A curve with at most a few thousand points, and its peaks: of the points close to each other the
// highest.
std::vector<UsePoint> Thinned(const std::vector<UsePoint>& points, double closest) {
  if (static_cast<double>(points.size()) <= 2 * kCondensedPieces) return points;
  std::vector<UsePoint> thinned;
  for (const UsePoint& point : points) {
    if (!thinned.empty() && point.time - thinned.back().time < closest) {
      thinned.back().amount = std::max(thinned.back().amount, point.amount);
    } else {
      thinned.push_back(point);
    }
  }
  if (!points.empty()) thinned.push_back(points.back());
  return thinned;
}

bool IsTaskStream(const Position& position, StreamId stream) {
  return position.streams[stream.index()].kind == StreamKind::kCompute;
}

// Runs on a stream beside tasks, and is worth showing.
bool IsShown(const LinkedEvent& linked) {
  const Operands& operands = linked.instruction->operands;
  if (std::holds_alternative<Run>(operands) || std::holds_alternative<Record>(operands) ||
      std::holds_alternative<Wait>(operands)) {
    return false;
  }
  return linked.event.end > linked.event.begin;
}

}  // namespace

int32_t HtmlData::TextId(const std::string& text) {
  const auto [known, fresh] = text_ids_.try_emplace(text, static_cast<int32_t>(texts_.size()));
  if (fresh) texts_.push_back(text);
  return known->second;
}

int32_t HtmlData::SourceId(const Plan& plan, const Instruction& instruction) {
  const int32_t id = TextId(SourceText(plan, instruction));
  if (!quotes_.contains(id)) {
    const std::string line = SourceLine(plan, instruction);
    if (!line.empty()) quotes_[id] = TextId(line);
  }
  return id;
}

int32_t HtmlData::LookId(const BoxLook& look) {
  const std::string json = R"({"fill":")" + Hex(look.fill) + R"(","text":")" +
                           Hex(TextOn(look.fill)) + R"(","hatch":)" +
                           (look.hatch == BoxLook::Hatch::kDiagonal ? "true" : "false") + "}";
  const auto [known, fresh] = look_ids_.try_emplace(json, static_cast<int32_t>(look_texts_.size()));
  if (fresh) look_texts_.push_back(json);
  return known->second;
}

// Of each position, the text and source of every instruction of the step; -1 for what no part of
// the page shows.
std::string HtmlData::InstructionsJson(const Plan& plan) {
  TextList positions;
  for (const Position& position : plan.positions) {
    NumberList numbers;
    for (const Instruction& instruction :
         position.programs[static_cast<size_t>(ProgramKind::kStep)].instructions) {
      if (std::holds_alternative<Record>(instruction.operands) ||
          std::holds_alternative<Wait>(instruction.operands)) {
        numbers.Add(-1).Add(-1);
        continue;
      }
      numbers.Add(TextId(InstructionText(plan, position, instruction)));
      numbers.Add(SourceId(plan, instruction));
    }
    positions.Add(numbers.Text());
  }
  return positions.Text();
}

void HtmlData::CloseSchedule() {
  if (plan_ == nullptr) return;
  schedules_ += runs_ + R"(],"instructions":)";
  // Condensed runs refer to none.
  schedules_ += refers_to_instructions_ ? InstructionsJson(*plan_) : "[]";
  schedules_ += "}";
}

void HtmlData::AddSchedule(const std::string& name, const Plan& plan) {
  CloseSchedule();
  if (plan_ != nullptr) schedules_ += ",";
  runs_.clear();
  refers_to_instructions_ = false;
  plan_ = &plan;
  looks_ = LooksOf(plan);
  if (plan.train.vocabulary > 1) memory_ = Memory::kBytes;
  schedules_ += R"({"name":)" + Quoted(name) + R"(,"subject":)" + Quoted(SubjectOf(plan)) +
                R"(,"share":)" +
                Number(static_cast<double>(plan.positions.size()) / std::max(plan.stages, 1)) +
                R"(,"chunks":)" + std::to_string(looks_.chunk_count) + R"(,"pipes":)" +
                std::to_string(looks_.pipe_count) + R"(,"runs":[)";
}

// `detail` is "all" or "condensed". Boxes are 11 numbers each: begin, end, look, kind, microbatch,
// stage, chunk, lane, lanes, step, parts; parts 3: instruction, begin, end; items of a lane 4:
// instruction, begin, when it had met its partners, end.
std::string HtmlData::RowJson(const RankRow& row, const std::vector<const LinkedRun*>& runs,
                              const Ticks& ticks, std::string_view detail) {
  const auto tick = [&](double time) {
    return std::llround((time - ticks.origin) * ticks.per_unit);
  };
  const bool whole = detail == "all";
  NumberList boxes, parts;
  const double most = kCondensedPieces * ticks.per_unit / kTicks;
  for (const Piece& piece : whole ? row.pieces : Condensed(row, most)) {
    const Box& box = piece.box;
    boxes.Add(tick(box.begin)).Add(tick(box.end)).Add(LookId(LookOf(looks_, row.position, box)));
    boxes.Add(static_cast<int64_t>(box.kind)).Add(piece.tasks > 1 ? -1 : box.microbatch.value);
    boxes.Add(box.stage.value).Add(box.chunk.value).Add(piece.lane).Add(piece.lanes);
    boxes.Add(NumberOfRun(piece.repeat)).Add(whole ? static_cast<int64_t>(box.events.size()) : 0);
    if (!whole) continue;
    for (const TraceEvent* event : box.events) {
      parts.Add(event->instruction).Add(tick(event->begin)).Add(tick(event->end));
    }
  }
  const Position& position = plan_->positions[row.position.index()];
  std::map<StreamId, NumberList> lanes;
  NumberList others;
  for (const LinkedRun* run : runs) {
    if (!whole) break;
    for (const LinkedEvent& linked : run->events) {
      if (linked.event.rank != row.rank || !IsShown(linked)) continue;
      const TraceEvent& event = linked.event;
      double met = event.begin;
      if (linked.meeting >= 0) {
        met = std::clamp(run->meetings[static_cast<size_t>(linked.meeting)].met, event.begin,
                         event.end);
      }
      const StreamId stream = linked.instruction->stream;
      NumberList& list = IsTaskStream(position, stream) ? others : lanes[stream];
      list.Add(event.instruction).Add(tick(event.begin)).Add(tick(met)).Add(tick(event.end));
    }
  }
  TextList lane_texts;
  for (const auto& [stream, items] : lanes) {
    lane_texts.Add(R"({"name":)" + Quoted(position.streams[stream.index()].name) + R"(,"items":)" +
                   items.Text() + "}");
  }
  return R"({"rank":)" + std::to_string(row.rank) + R"(,"position":)" +
         std::to_string(row.position.value) + R"(,"label":)" + Quoted(row.label) + R"(,"boxes":)" +
         boxes.Text() + R"(,"parts":)" + parts.Text() + R"(,"others":)" + others.Text() +
         R"(,"lanes":)" + lane_texts.Text() + "}";
}

void HtmlData::AddRun(const Trace& trace, std::optional<int64_t> repeat, double unit,
                      const std::string& remark) {
  const RankRows rows = RankRowsOf(*plan_, trace, repeat);
  std::vector<LinkedRun> runs;
  for (const int64_t shown : rows.repeats) runs.push_back(LinkRun(*plan_, trace, shown));
  double end = rows.end;
  size_t tasks = 0, instructions = 0;
  std::map<int64_t, size_t> row_of;
  std::vector<const LinkedRun*> pointers;
  for (const LinkedRun& run : runs) {
    pointers.push_back(&run);
    instructions += run.events.size();
    for (const LinkedEvent& linked : run.events) end = std::max(end, linked.event.end);
  }
  for (const RankRow& row : rows.rows) {
    row_of.emplace(row.rank, row_of.size());
    tasks += row.pieces.size();
  }
  const double shown = std::max(end - rows.begin, 1e-300);
  extent_ = std::max(extent_, shown * unit);
  const Ticks ticks = {rows.begin, kTicks / shown};
  const auto tick = [&](double time) {
    return std::llround((time - ticks.origin) * ticks.per_unit);
  };
  const bool whole = tasks <= kMostTasks && instructions <= kMostInstructions;
  const std::string_view detail = whole ? "all" : "condensed";
  refers_to_instructions_ = refers_to_instructions_ || whole;
  const double closest = shown / kCondensedPieces;

  TextList row_texts, memory;
  for (const RankRow& row : rows.rows) row_texts.Add(RowJson(row, pointers, ticks, detail));
  // Steps of the critical path: row, begin, end.
  NumberList path;
  std::map<int64_t, std::pair<NumberList, NumberList>> uses;
  std::map<int64_t, RankUse> peaks;
  for (const LinkedRun& run : runs) {
    if (whole) {
      for (const CriticalStep& step : CriticalPath(run)) {
        const LinkedEvent& linked = run.events[static_cast<size_t>(step.event)];
        const auto row = row_of.find(linked.event.rank);
        if (row == row_of.end()) continue;
        const bool task = std::holds_alternative<Run>(linked.instruction->operands);
        path.Add(static_cast<int64_t>(row->second)).Add(tick(step.begin)).Add(tick(step.end));
        path.Add(task ? 1 : 0);
      }
    }
    for (const RankUse& rank : MemoryOf(*plan_, run)) {
      auto& [bytes, activations] = uses[rank.rank];
      for (const UsePoint& point : Thinned(rank.bytes, closest)) {
        bytes.Add(tick(point.time)).Add(point.amount);
      }
      for (const UsePoint& point : Thinned(rank.activations, closest)) {
        activations.Add(tick(point.time)).Add(point.amount);
      }
      peaks[rank.rank] = rank;
    }
  }
  for (const RankRow& row : rows.rows) {
    const auto& [bytes, activations] = uses[row.rank];
    const RankUse& peak = peaks[row.rank];
    memory.Add(R"({"bytes":)" + bytes.Text() + R"(,"activations":)" + activations.Text() +
               R"(,"peak_bytes":)" + std::to_string(PeakOf(peak.bytes)) +
               R"(,"peak_activations":)" + std::to_string(PeakOf(peak.activations)) +
               R"(,"reserved":)" + std::to_string(peak.reserved) + R"(,"fixed":)" +
               std::to_string(peak.fixed) + "}");
  }
  TextList times;
  if (!runs.empty()) {
    for (const RankTime& rank : TimesOf(runs.back()).ranks) {
      TextList causes;
      for (const double idle : rank.idle) causes.Add(Number(idle * unit));
      times.Add(R"({"rank":)" + std::to_string(rank.rank) + R"(,"busy":)" +
                Number(rank.busy * unit) + R"(,"idle":)" + causes.Text() + "}");
    }
  }
  NumberList steps;
  for (const int64_t repeat_shown : rows.repeats) steps.Add(NumberOfRun(repeat_shown));
  runs_ += std::string(runs_.empty() ? "" : ",") + R"({"kind":)" +
           (trace.kind == Trace::Kind::kPredicted ? R"("predicted")" : R"("measured")") +
           R"(,"detail":)" + Quoted(detail) + R"(,"remark":)" + Quoted(remark) + R"(,"tick":)" +
           Number(unit / ticks.per_unit) + R"(,"makespan":)" +
           Number((rows.end - rows.begin) * unit) + R"(,"bubble":)" + Number(rows.bubble) +
           R"(,"steps":)" + steps.Text() + R"(,"rows":)" + row_texts.Text() + R"(,"path":)" +
           path.Text() + R"(,"memory":)" + memory.Text() + R"(,"times":)" + times.Text() + "}";
}

std::string HtmlData::Finish(const TimeUnit& axis) && {
  CloseSchedule();
  TextList kinds, colours, causes, cause_words, texts, looks;
  for (int kind = 0; kind < kTaskKindCount; ++kind) {
    kinds.Add(Quoted(TaskName(static_cast<TaskKind>(kind))));
    colours.Add(Quoted(Hex(ColourOf(static_cast<TaskKind>(kind)))));
  }
  for (int cause = 0; cause < kIdleCauseCount; ++cause) {
    causes.Add(Quoted(Name(static_cast<IdleCause>(cause))));
    cause_words.Add(Quoted(Meaning(static_cast<IdleCause>(cause))));
  }
  for (const std::string& text : texts_) texts.Add(Quoted(text));
  for (const std::string& look : look_texts_) looks.Add(look);
  std::string quotes;
  for (const auto& [source, line] : quotes_) {
    quotes +=
        (quotes.empty() ? "\"" : ",\"") + std::to_string(source) + "\":" + std::to_string(line);
  }
  return R"({"axis":{"factor":)" + Number(axis.factor) + R"(,"suffix":)" + Quoted(axis.suffix) +
         R"(,"label":)" + Quoted(AxisLabel(axis)) + R"(},"extent":)" + Number(extent_) +
         R"(,"memory":)" + Quoted(memory_ == Memory::kBytes ? "bytes" : "activations") +
         R"(,"quotes":{)" + quotes + R"(},"cause_words":)" + cause_words.Text() + R"(,"kinds":)" +
         kinds.Text() + R"(,"colours":)" + colours.Text() + R"(,"other":")" + Hex(kOtherWork) +
         R"(","causes":)" + causes.Text() + R"(,"texts":)" + texts.Text() + R"(,"looks":)" +
         looks.Text() + R"(,"schedules":[)" + schedules_ + "]}";
}

}  // namespace pprun
