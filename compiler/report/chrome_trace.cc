// Writes a trace as Chrome trace events: a process for every rank, a thread for every stream, a
// slice for every instruction that takes time or meets others, a flow arrow for every transfer.
//
// What holds of the output: slices of one thread nest (a task contains the runs of its layers,
// nothing else overlaps, whatever the clocks measured), and both ends of every arrow are on slices.
// A send, a recv or a collective is drawn from when its partners were there; how long it waited for
// them, and for events, is among its arguments. The events as they were are kept beside the slices
// (read_trace.h). Tests: chrome_trace_test.cc.
#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "compiler/plan/base/json.h"
#include "compiler/plan/semantics.h"
#include "compiler/report/instruction_text.h"
#include "compiler/report/read_trace.h"
#include "compiler/report/rows.h"
#include "compiler/report/timeline.h"
#include "compiler/report/tracks.h"

namespace pprun {
namespace {

struct TaskLook {
  std::string_view name;
  std::string_view colour;  // one of the viewer's own
};

TaskLook LookOf(TaskKind kind) {
  switch (kind) {
    case TaskKind::kForward:
      return {"forward", "rail_response"};  // blue
    case TaskKind::kBackward:
      return {"backward", "rail_idle"};  // orange
    case TaskKind::kInputGrad:
      return {"input gradient", "detailed_memory_dump"};  // teal
    case TaskKind::kWeightGrad:
      return {"weight gradient", "rail_load"};  // green
    case TaskKind::kRecompute:
      return {"recompute", "grey"};
  }
  return {};
}

// Whole nanoseconds, so that times which touch still touch as text.
struct Slice {
  const TracedInstruction* traced = nullptr;
  int64_t begin = 0;
  int64_t end = 0;
  double waited = 0;  // in the trace's units, for events and partners
};

void AppendMicroseconds(std::string& out, int64_t nanoseconds) {
  if (nanoseconds < 0) out += '-';
  const int64_t size = std::abs(nanoseconds);
  out += std::to_string(size / 1000);
  if (size % 1000 == 0) return;
  const std::string fraction = std::to_string(size % 1000);
  out += '.' + std::string(3 - fraction.size(), '0') + fraction;
}

// Builds the members of one JSON object.
class Object {
 public:
  Object& String(std::string_view name, std::string_view value) {
    AppendJsonString(Name(name), value);
    return *this;
  }
  Object& Integer(std::string_view name, int64_t value) {
    AppendJsonNumber(Name(name), value);
    return *this;
  }
  Object& Number(std::string_view name, double value) {
    AppendJsonNumber(Name(name), value);
    return *this;
  }
  Object& Time(std::string_view name, int64_t nanoseconds) {
    AppendMicroseconds(Name(name), nanoseconds);
    return *this;
  }
  Object& Nested(std::string_view name, const Object& value) {
    Name(name) += value.Text();
    return *this;
  }
  std::string Text() const { return text_ + "}"; }

 private:
  std::string& Name(std::string_view name) {
    if (text_.size() > 1) text_ += ',';
    AppendJsonString(text_, name);
    return text_ += ':';
  }

  std::string text_ = "{";
};

bool SameTask(const TracedInstruction& a, const TracedInstruction& b) {
  const Run* one = std::get_if<Run>(&a.instruction->operands);
  const Run* other = std::get_if<Run>(&b.instruction->operands);
  return one != nullptr && other != nullptr && a.event->program == b.event->program &&
         a.event->repeat == b.event->repeat && one->kind == other->kind &&
         one->stage == other->stage && one->chunk == other->chunk &&
         one->microbatch == other->microbatch;
}

// One trace of a file.
struct Part {
  const Trace* trace = nullptr;
  std::string_view name;  // of its processes, behind their rank's; empty where there is no other
  // A rank's process is `rank * stride + offset`, so that both of a rank stand together.
  int64_t stride = 1;
  int64_t offset = 0;
  double origin = 0;  // the time that is shown as zero
};

class Writer {
 public:
  Writer(std::ostream& out, const Plan& plan) : out_(out), plan_(plan) {
    out_ << R"({"displayTimeUnit":"ms","traceEvents":[)";
  }

  void Write(const Part& part) {
    part_ = part;
    tracks_ = TracksOf(plan_, *part.trace);
    // A unit of costs is shown as a millisecond.
    nanoseconds_ = UnitOf(*part.trace) == Trace::Unit::kOfCosts ? 1e6 : 1e9;
    int64_t rank = -1;
    for (const Track& track : tracks_.tracks) {
      if (track.rank != rank) NameRank(track.rank);
      rank = track.rank;
      NameStream(track);
      WriteTrack(track);
    }
    arrows_ += static_cast<int64_t>(tracks_.rendezvous.size());
  }

  // `kept`: the trace that can be read back. Viewers stop at what they do not know, so it comes
  // last.
  void Finish(const Trace& kept) {
    Object about;
    about.String("plan", plan_.name).String("schedule", plan_.schedule);
    about.String("kind", kept.kind == Trace::Kind::kPredicted ? "predicted" : "measured");
    std::string events;
    AppendTraceMember(events, plan_, kept);
    out_ << "\n],\n\"otherData\":" << about.Text() << ",\n" << events << "}\n";
  }

 private:
  const Position& PositionOf(int64_t rank) const {
    return plan_.positions[CoordinatesOf(plan_, rank).position.index()];
  }
  int64_t Nanoseconds(double time) const {
    return std::llround((time - part_.origin) * nanoseconds_);
  }
  int64_t ProcessOf(int64_t rank) const { return rank * part_.stride + part_.offset; }

  void Emit(const Object& object) {
    out_ << separator_ << object.Text();
    separator_ = ",\n";
  }

  void Metadata(int64_t rank, int32_t stream, std::string_view what, const Object& arguments) {
    Object event;
    event.String("ph", "M")
        .Integer("pid", ProcessOf(rank))
        .Integer("tid", stream)
        .String("name", what);
    Emit(event.Nested("args", arguments));
  }

  void NameRank(int64_t rank) {
    std::string name = "rank " + std::to_string(rank);
    if (!part_.name.empty()) name += " " + std::string(part_.name);
    const RankCoordinates coordinates = CoordinatesOf(plan_, rank);
    for (size_t i = 0; i < plan_.mesh.size(); ++i) {
      name +=
          (i == 0 ? " (" : ", ") + plan_.mesh[i].name + " " + std::to_string(coordinates.axes[i]);
    }
    if (!plan_.mesh.empty()) name += ")";
    Metadata(rank, 0, "process_name", Object().String("name", name));
    Metadata(rank, 0, "process_sort_index", Object().Integer("sort_index", ProcessOf(rank)));
  }

  void NameStream(const Track& track) {
    const int32_t stream = track.stream.value;
    const std::string& name = PositionOf(track.rank).streams[track.stream.index()].name;
    Metadata(track.rank, stream, "thread_name", Object().String("name", name));
    Metadata(track.rank, stream, "thread_sort_index", Object().Integer("sort_index", stream));
  }

  void WriteTrack(const Track& track) {
    double waited = 0;
    int64_t free = std::numeric_limits<int64_t>::min();  // no slice may begin before
    std::vector<Slice> task;                             // the runs of the task that is open
    for (const TracedInstruction& traced : track.events) {
      const TraceEvent& event = *traced.event;
      const Meeting meeting = EncounterOf(*traced.instruction).meeting;
      if (meeting == Meeting::kRecord) continue;
      if (meeting == Meeting::kWait) {
        waited += event.end - event.begin;
        continue;
      }
      double start = event.begin;
      if (traced.rendezvous >= 0) {
        const double met = tracks_.rendezvous[static_cast<size_t>(traced.rendezvous)].start;
        start = std::max(event.begin, std::min(met, event.end));
        waited += start - event.begin;
      }
      Slice slice{&traced, std::max(free, Nanoseconds(start)), 0, std::exchange(waited, 0)};
      slice.end = std::max(slice.begin, Nanoseconds(event.end));
      free = slice.end;
      if (!task.empty() && !SameTask(*task.front().traced, traced)) WriteTask(track, task);
      if (std::holds_alternative<Run>(traced.instruction->operands)) {
        task.push_back(slice);
      } else if (traced.rendezvous >= 0 || slice.end > slice.begin) {
        WriteOther(track, slice);
      }
    }
    if (!task.empty()) WriteTask(track, task);
  }

  Object Complete(const Track& track, std::string_view name, std::string_view category,
                  int64_t begin, int64_t end) const {
    Object event;
    event.String("ph", "X")
        .Integer("pid", ProcessOf(track.rank))
        .Integer("tid", track.stream.value);
    event.Time("ts", begin).Time("dur", end - begin);
    event.String("name", name).String("cat", category);
    return event;
  }

  // What every slice tells: where it comes from, and what it waited for.
  Object Arguments(const Slice& slice) const {
    Object arguments;
    arguments.String("program", Name(slice.traced->event->program));
    arguments.Integer("run", NumberOfRun(slice.traced->event->repeat));
    const SourceId id = slice.traced->instruction->source;
    if (id.valid()) {
      const Source& source = plan_.sources[id.index()];
      if (source.file >= 0) {
        const std::string& path = plan_.files[static_cast<size_t>(source.file)].path;
        arguments.String("source", path + ":" + std::to_string(source.line));
      }
      arguments.String("reason", source.reason);
    }
    if (slice.waited > 0) {
      arguments.Number("waited_ms", slice.waited * nanoseconds_ / 1e6);
    }
    return arguments;
  }

  // The task, and in it its layers. Leaves `task` empty.
  void WriteTask(const Track& track, std::vector<Slice>& task) {
    const auto& first = std::get<Run>(task.front().traced->instruction->operands);
    const TaskLook look = LookOf(first.kind);
    const std::string name = std::string(look.name) + " " + std::to_string(first.microbatch.value);
    Object whole = Complete(track, name, "task", task.front().begin, task.back().end);
    Object about = Arguments(task.front());
    about.Integer("microbatch", first.microbatch.value).Integer("stage", first.stage.value);
    if (first.chunk.valid()) about.Integer("chunk", first.chunk.value);
    Emit(whole.String("cname", look.colour).Nested("args", about));

    for (const Slice& slice : task) {
      const auto& run = std::get<Run>(slice.traced->instruction->operands);
      const std::string& layer = plan_.layers[run.layer.index()].name;
      Object part = Complete(track, layer, "layer", slice.begin, slice.end);
      Object arguments = Arguments(slice);
      arguments.Integer("microbatch", run.microbatch.value).Integer("stage", run.stage.value);
      arguments.String("layer", layer);
      arguments.String("function", plan_.functions[run.function.index()].name);
      Emit(part.String("cname", look.colour).Nested("args", arguments));
    }
    task.clear();
  }

  // Anything but a run: a transfer, a collective, or what keeps a stream busy beside tasks.
  void WriteOther(const Track& track, const Slice& slice) {
    const Instruction& instruction = *slice.traced->instruction;
    const std::string text = InstructionText(plan_, PositionOf(track.rank), instruction);
    std::string name = text.substr(0, text.find(' '));
    Object arguments = Arguments(slice);
    arguments.String("instruction", text);

    const Send* send = std::get_if<Send>(&instruction.operands);
    const Recv* recv = std::get_if<Recv>(&instruction.operands);
    if (send != nullptr || recv != nullptr) {
      const ChannelId channel = send != nullptr ? send->channel : recv->channel;
      const MicrobatchId microbatch = send != nullptr ? send->microbatch : recv->microbatch;
      name += " " + std::to_string(microbatch.value);
      arguments.Integer("microbatch", microbatch.value);
      const Channel& link = plan_.channels[channel.index()];
      arguments.Integer("peer", PeerOf(plan_, link, track.rank));
      Emit(Complete(track, name, "transfer", slice.begin, slice.end).Nested("args", arguments));
      WriteArrow(track, slice, send != nullptr ? "s" : "f");
      return;
    }
    const std::string_view category = slice.traced->rendezvous >= 0 ? "collective" : "other";
    Emit(Complete(track, name, category, slice.begin, slice.end).Nested("args", arguments));
  }

  // One end of a transfer's arrow: from where the send starts to where the recv ends.
  void WriteArrow(const Track& track, const Slice& slice, std::string_view phase) {
    const int64_t rendezvous = slice.traced->rendezvous;
    if (tracks_.rendezvous[static_cast<size_t>(rendezvous)].participants != 2) return;
    Object event;
    event.String("ph", phase)
        .Integer("pid", ProcessOf(track.rank))
        .Integer("tid", track.stream.value);
    event.Time("ts", phase == "s" ? slice.begin : slice.end).Integer("id", arrows_ + rendezvous);
    event.String("name", "transfer").String("cat", "transfer");
    // Bind to the slice that ends there, not to the next one.
    if (phase == "f") event.String("bp", "e");
    Emit(event);
  }

  std::ostream& out_;
  const Plan& plan_;
  Part part_;
  Tracks tracks_;
  double nanoseconds_ = 0;  // in a unit of the trace
  int64_t arrows_ = 0;      // of the parts before
  std::string_view separator_ = "\n";
};

}  // namespace

void WriteChromeTrace(std::ostream& out, const Plan& plan, const Trace& trace) {
  Writer writer(out, plan);
  writer.Write({.trace = &trace, .name = ""});
  writer.Finish(trace);
}

void WriteChromeTrace(std::ostream& out, const Plan& plan, const Trace& predicted,
                      const Trace& measured, const TraceComparison& comparison) {
  // The prediction begins where the run does that it was compared with.
  Trace beside = {.unit = Trace::Unit::kSecond, .events = predicted.events};
  const int64_t repeat = RepeatsOf(predicted).back();
  std::erase_if(beside.events, [&](const TraceEvent& event) { return event.repeat != repeat; });
  const double shift = comparison.measured.begin - comparison.predicted.begin;
  for (TraceEvent& event : beside.events) {
    event.begin = event.begin * comparison.unit + shift;
    event.end = event.end * comparison.unit + shift;
    event.repeat = comparison.repeat;
  }
  // Viewers take no times below zero.
  double origin = 0;
  for (const TraceEvent& event : beside.events) origin = std::min(origin, event.begin);
  Writer writer(out, plan);
  writer.Write({.trace = &beside, .name = "predicted", .stride = 2, .origin = origin});
  writer.Write(
      {.trace = &measured, .name = "measured", .stride = 2, .offset = 1, .origin = origin});
  writer.Finish(measured);
}

}  // namespace pprun
