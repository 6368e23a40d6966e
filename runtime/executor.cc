#include "runtime/executor.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "compiler/plan/base/check.h"
#include "compiler/plan/text.h"
#include "kernels/formulas/bfloat16.h"

namespace pprun {
namespace {

// Where each parameter's value is at this position.
std::vector<BufferId> ValuesOf(const Plan& plan, const Position& position) {
  std::vector<BufferId> values(plan.parameters.size());
  for (const ParameterUpdate& update : position.updates) {
    values[update.parameter.index()] = update.value;
  }
  for (const Program& program : position.programs) {
    for (const Instruction& instruction : program.instructions) {
      const auto* made = std::get_if<pprun::Initialise>(&instruction.operands);
      if (made != nullptr) values[made->parameter.index()] = made->target;
    }
  }
  return values;
}

// By parameter, the copies that `initialise` rounds from its value.
std::vector<std::vector<BufferId>> RoundedOf(const Position& position,
                                             const std::vector<BufferId>& values) {
  std::vector<std::vector<BufferId>> rounded(values.size());
  const Program& program = position.programs[static_cast<size_t>(ProgramKind::kInitialise)];
  for (const Instruction& instruction : program.instructions) {
    const auto* cast = std::get_if<Cast>(&instruction.operands);
    if (cast == nullptr) continue;
    const auto value = std::ranges::find(values, cast->source);
    if (value == values.end()) continue;
    CHECK(position.buffers[cast->target.index()].type.dtype == DType::kBF16);
    rounded[static_cast<size_t>(value - values.begin())].push_back(cast->target);
  }
  return rounded;
}

}  // namespace

Executor::Executor(const Plan& plan, int64_t rank, Device& device, Communicator& communicator,
                   Issuer& issuer, const DataSet* training, const DataSet* validation)
    : plan_(plan),
      rank_(rank),
      position_id_(CoordinatesOf(plan, rank).position),
      position_(plan.positions[position_id_.index()]),
      device_(device),
      issuer_(issuer),
      memory_(plan, position_, device),
      staging_(plan, rank, device),
      parameters_(ValuesOf(plan, position_)),
      rounded_(RoundedOf(position_, parameters_)),
      training_(training),
      validation_(validation) {
  device.OnFailure([this, &communicator](WorkTag tag, const std::exception& error) {
    failure_ = "rank " + std::to_string(rank_) +
               (tag == kNoWork ? "" : ", `" + Describe(tag) + "`") + ": " + error.what();
    communicator.Abort(failure_);
  });
  for (const Stream& stream : position_.streams) {
    streams_.push_back(device.CreateStream("r" + std::to_string(rank) + "." + stream.name));
  }
  const PrepareContext context = {plan,     rank,   position_,    memory_,
                                  streams_, device, communicator, staging_};
  for (size_t program = 0; program < programs_.size(); ++program) {
    programs_[program] = Prepare(context, static_cast<ProgramKind>(program));
  }
  issuer.Join(
      {.rank = rank, .programs = programs_, .streams = streams_, .describe = [this](WorkTag tag) {
         return Describe(tag);
       }});
}

Executor::~Executor() { issuer_.Leave(rank_); }

void Executor::Initialise() {
  WriteState({});
  Run(ProgramKind::kInitialise);
}

StepResult Executor::RunStep(int64_t step, float learning_rate) {
  CHECK(training_ != nullptr);
  staging_.Fill(*training_, step);
  WriteState({.step = step, .learning_rate = learning_rate});
  Run(ProgramKind::kStep);
  StepResult result = {.loss = ReadLoss(), .gradient_norm = {}};
  if (position_.gradient_norm.valid()) {
    float norm = 0;
    Read(std::as_writable_bytes(std::span(&norm, 1)), position_.gradient_norm, sizeof(float));
    result.gradient_norm = norm;
  }
  return result;
}

std::optional<double> Executor::RunValidation(int64_t repeat) {
  CHECK(validation_ != nullptr);
  staging_.Fill(*validation_, repeat);
  Run(ProgramKind::kValidate);
  return ReadLoss();
}

void Executor::Run(ProgramKind program) {
  try {
    issuer_.Run(rank_, program);
  } catch (const AbortedError&) {
    throw;
  } catch (const std::exception& error) {
    // What fails outside a stream's work has no words of its own.
    throw std::runtime_error(failure_.empty() ? error.what() : failure_);
  }
}

void Executor::WriteState(const kernels::StepState& state) { memory_.WriteStepState(state); }

std::optional<double> Executor::ReadLoss() {
  if (position_.losses.empty()) return std::nullopt;
  double sum = 0;
  for (const BufferId buffer : position_.losses) {
    if (!buffer.valid()) continue;
    double loss = 0;
    Read(std::as_writable_bytes(std::span(&loss, 1)), buffer, 0);
    sum += loss;
  }
  return sum;
}

void Executor::Read(std::span<std::byte> host, BufferId buffer, size_t offset) {
  device_.Download(host, static_cast<const std::byte*>(memory_.TensorOf(buffer).data) + offset);
}

bool Executor::Holds(ParameterId parameter) const { return parameters_[parameter.index()].valid(); }

void Executor::SetParameter(ParameterId parameter, std::span<const float> value) {
  const auto upload = [&](BufferId buffer, std::span<const std::byte> bytes) {
    CHECK(static_cast<int64_t>(bytes.size()) == position_.buffers[buffer.index()].type.Bytes());
    device_.Upload(static_cast<std::byte*>(memory_.TensorOf(buffer).data), bytes);
  };
  CHECK(Holds(parameter));
  upload(parameters_[parameter.index()], std::as_bytes(value));
  if (rounded_[parameter.index()].empty()) return;
  std::vector<uint16_t> rounded(value.size());
  std::ranges::transform(value, rounded.begin(), kernels::BitsOfBfloat16);
  for (const BufferId copy : rounded_[parameter.index()]) {
    upload(copy, std::as_bytes(std::span(rounded)));
  }
}

void Executor::GetParameter(ParameterId parameter, std::span<std::byte> value) {
  const BufferId buffer = parameters_[parameter.index()];
  CHECK(buffer.valid());
  CHECK(static_cast<int64_t>(value.size()) == position_.buffers[buffer.index()].type.Bytes());
  Read(value, buffer, 0);
}

void Executor::StartTrace(int64_t first_step, int64_t steps) {
  traced_from_ = first_step;
  size_t instructions = 0;
  for (const PreparedProgram& program : programs_) instructions += program.steps.size();
  for (const auto& stream : streams_) {
    stream->StartTrace(instructions * static_cast<size_t>(steps));
  }
}

std::vector<TraceEvent> Executor::StopTrace() {
  std::vector<TraceEvent> events;
  for (const auto& stream : streams_) {
    // An instruction occurs once in every run of its program.
    std::map<WorkTag, int64_t> runs;
    for (const StreamInterval& interval : stream->StopTrace()) {
      const ProgramKind program = ProgramOf(interval.tag);
      const int64_t first = program == ProgramKind::kStep ? traced_from_ : 0;
      events.push_back({.rank = rank_,
                        .program = program,
                        .repeat = first + runs[interval.tag]++,
                        .instruction = InstructionOf(interval.tag),
                        .begin = interval.begin,
                        .end = interval.end});
    }
  }
  std::ranges::stable_sort(events, {}, &TraceEvent::begin);
  return events;
}

int64_t Executor::Progress() const {
  int64_t progress = 0;
  for (const auto& stream : streams_) progress += stream->Progress();
  return progress;
}

std::vector<StreamHead> Executor::Heads() const {
  std::vector<StreamHead> heads;
  for (size_t i = 0; i < streams_.size(); ++i) {
    const WorkTag tag = streams_[i]->Head();
    heads.push_back({position_.streams[i].name, tag == kNoWork ? "" : Describe(tag)});
  }
  return heads;
}

std::string Executor::Describe(WorkTag tag) const {
  CHECK(tag != kNoWork);
  const Program& program = position_.programs[static_cast<size_t>(ProgramOf(tag))];
  const Instruction& instruction = program.instructions[static_cast<size_t>(InstructionOf(tag))];
  std::string text = ToText(plan_, position_, instruction);
  if (instruction.source.valid()) text += "  ; " + ToText(plan_, instruction.source);
  return text;
}

}  // namespace pprun
