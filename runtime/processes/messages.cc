#include "runtime/processes/messages.h"

#include <bit>
#include <cstring>
#include <stdexcept>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

static_assert(std::endian::native == std::endian::little);

// What tells a rank of this pprun from any other program that connects.
constexpr uint64_t kMagic = 0x316e757270707072;  // grows with the protocol
constexpr size_t kHeaderBytes = 5;
constexpr size_t kMostReasonBytes = 64 << 10;

[[noreturn]] void Malformed() { throw std::runtime_error("a message is malformed"); }

template <class Enum>
Enum Checked(uint8_t value, Enum last) {
  if (value > static_cast<uint8_t>(last)) Malformed();
  return static_cast<Enum>(value);
}

void PutOptional(BodyWriter& body, std::optional<double> number) {
  body.Put(static_cast<uint8_t>(number.has_value())).Put(number.value_or(0));
}

std::optional<double> GetOptional(BodyReader& body) {
  const auto there = body.Get<uint8_t>();
  const auto number = body.Get<double>();
  if (there > 1) Malformed();
  return there == 1 ? std::optional(number) : std::nullopt;
}

}  // namespace

std::string_view BodyReader::Cut(size_t bytes) {
  if (bytes > rest_.size()) Malformed();
  const std::string_view cut = rest_.substr(0, bytes);
  rest_.remove_prefix(bytes);
  return cut;
}

void BodyReader::End() const {
  if (!rest_.empty()) Malformed();
}

std::string FrameOf(MessageKind kind, std::string_view body) {
  CHECK(body.size() <= kMostMessageBytes);
  const auto length = static_cast<uint32_t>(body.size());
  std::string frame(kHeaderBytes, '\0');
  std::memcpy(frame.data(), &length, sizeof(length));
  frame[4] = static_cast<char>(kind);
  return frame += body;
}

std::optional<Message> TakeMessage(std::string& received) {
  if (received.size() < kHeaderBytes) return std::nullopt;
  uint32_t length = 0;
  std::memcpy(&length, received.data(), sizeof(length));
  const auto kind = static_cast<uint8_t>(received[4]);
  if (length > kMostMessageBytes || kind >= kMessageKinds) Malformed();
  if (received.size() < kHeaderBytes + length) return std::nullopt;
  Message message = {static_cast<MessageKind>(kind), received.substr(kHeaderBytes, length)};
  received.erase(0, kHeaderBytes + length);
  return message;
}

std::string ToBody(const Hello& hello) {
  return BodyWriter()
      .Put(kMagic)
      .PutText(hello.job)
      .Put(hello.rank)
      .Put(hello.ranks)
      .PutText(hello.host)
      .Put(hello.plan_digest)
      .Take();
}

Hello ToHello(std::string_view body) {
  BodyReader reader(body);
  if (reader.Get<uint64_t>() != kMagic) Malformed();
  Hello hello;
  hello.job = reader.GetText();
  hello.rank = reader.Get<int64_t>();
  hello.ranks = reader.Get<int64_t>();
  hello.host = reader.GetText();
  hello.plan_digest = reader.Get<uint64_t>();
  reader.End();
  return hello;
}

std::string ToBody(const StepReport& report) {
  BodyWriter body;
  body.Put(report.round).Put(report.step);
  PutOptional(body, report.loss);
  PutOptional(body, report.gradient_norm);
  PutOptional(body, report.validation_loss);
  return body.Put(report.wish).Take();
}

StepReport ToReport(std::string_view body) {
  BodyReader reader(body);
  StepReport report;
  report.round = reader.Get<int64_t>();
  report.step = reader.Get<int64_t>();
  report.loss = GetOptional(reader);
  report.gradient_norm = GetOptional(reader);
  report.validation_loss = GetOptional(reader);
  report.wish = Checked(reader.Get<uint8_t>(), StepReport::Wish::kStop);
  reader.End();
  return report;
}

std::string ToBody(const StepVerdict& verdict) {
  BodyWriter body;
  body.Put(verdict.action)
      .PutText(verdict.why)
      .Put(verdict.round)
      .Put(verdict.step)
      .Put(verdict.loss);
  PutOptional(body, verdict.gradient_norm);
  PutOptional(body, verdict.validation_loss);
  return body.Take();
}

StepVerdict ToVerdict(std::string_view body) {
  BodyReader reader(body);
  StepVerdict verdict;
  verdict.action = Checked(reader.Get<uint8_t>(), StepVerdict::Action::kFail);
  verdict.why = reader.GetText();
  verdict.round = reader.Get<int64_t>();
  verdict.step = reader.Get<int64_t>();
  verdict.loss = reader.Get<double>();
  verdict.gradient_norm = GetOptional(reader);
  verdict.validation_loss = GetOptional(reader);
  reader.End();
  return verdict;
}

std::string ToBody(const JobFailure& failure) {
  return BodyWriter()
      .Put(failure.kind)
      .PutText(std::string_view(failure.why).substr(0, kMostReasonBytes))
      .Put(failure.rank)
      .Take();
}

JobFailure ToFailure(std::string_view body) {
  BodyReader reader(body);
  JobFailure failure;
  failure.kind = Checked(reader.Get<uint8_t>(), JobFailure::Kind::kHang);
  failure.why = reader.GetText();
  failure.rank = reader.Get<int64_t>();
  reader.End();
  return failure;
}

std::string ToBody(const Alive& alive) {
  return BodyWriter().Put(alive.progress).Put(alive.seconds).Take();
}

Alive ToAlive(std::string_view body) {
  BodyReader reader(body);
  Alive alive;
  alive.progress = reader.Get<int64_t>();
  alive.seconds = reader.Get<double>();
  reader.End();
  return alive;
}

}  // namespace pprun
