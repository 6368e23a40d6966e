// What the processes of a job say to rank 0 and back: frames of a length, a kind and a body of
// little-endian fields. Lengths are bounded and every field is checked, whoever sends. Tests:
// messages_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/control.h"

namespace pprun {

enum class MessageKind : uint8_t {
  kHello,    // to rank 0: who I am and what I run
  kWelcome,  // from it: all are here
  kSet,      // to: a value under a key, once
  kGet,      // to: answered when the key is set
  kValue,    // from
  kReport,   // to: a StepReport
  kVerdict,  // from: a StepVerdict
  kAlive,    // to, now and then: how far this rank is; back: how far all are, and rank 0's clock
  kFailed,   // both: the run ends, and why
  kLeave,    // to: this rank is done and well
};
inline constexpr uint8_t kMessageKinds = 10;

// Keys, values, reasons and names of hosts all fit easily.
inline constexpr size_t kMostMessageBytes = 1 << 20;

// Why a job ends before its time.
struct JobFailure {
  // kPlaced: `why` is a whole message with its place in the source; kHang: nothing moves.
  enum class Kind : uint8_t { kError, kPlaced, kHang } kind = Kind::kError;
  std::string why;
  int64_t rank = 0;  // where it was noticed
};

struct Hello {
  std::string job;
  int64_t rank = 0;
  int64_t ranks = 0;
  std::string host;
  uint64_t plan_digest = 0;
};

struct Alive {
  int64_t progress = 0;
  double seconds = 0;  // of rank 0's clock, in the answer
};

// Makes the body of a message.
class BodyWriter {
 public:
  template <class Number>
  BodyWriter& Put(Number number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof(number));
    return *this;
  }
  BodyWriter& PutText(std::string_view text) {
    Put(static_cast<uint32_t>(text.size()));
    bytes_ += text;
    return *this;
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Throws std::runtime_error where the body ends too early or too late.
class BodyReader {
 public:
  explicit BodyReader(std::string_view bytes) : rest_(bytes) {}
  template <class Number>
  Number Get() {
    Number number{};
    const std::string_view bytes = Cut(sizeof(number));
    bytes.copy(reinterpret_cast<char*>(&number), sizeof(number));
    return number;
  }
  std::string GetText() { return std::string(Cut(Get<uint32_t>())); }
  void End() const;

 private:
  std::string_view Cut(size_t bytes);

  std::string_view rest_;
};

struct Message {
  MessageKind kind = MessageKind::kHello;
  std::string body;
};

// A whole frame; the body has at most kMostMessageBytes.
std::string FrameOf(MessageKind kind, std::string_view body);
// Takes the first whole message off the front of what was received; none if it is not yet whole.
// Throws std::runtime_error if it can be no message.
std::optional<Message> TakeMessage(std::string& received);

std::string ToBody(const Hello& hello);
std::string ToBody(const StepReport& report);
std::string ToBody(const StepVerdict& verdict);
std::string ToBody(const JobFailure& failure);
std::string ToBody(const Alive& alive);
Hello ToHello(std::string_view body);
StepReport ToReport(std::string_view body);
StepVerdict ToVerdict(std::string_view body);
JobFailure ToFailure(std::string_view body);
Alive ToAlive(std::string_view body);

}  // namespace pprun
