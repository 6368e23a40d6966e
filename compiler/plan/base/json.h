// JSON: pieces of text for whoever writes it (metrics, traces, safetensors headers), and a strict
// reader for small documents.
//
// The reader accepts RFC 8259 and nothing more; it bounds the nesting, refuses duplicate names and
// malformed UTF-8, and allocates in proportion to the text. Tests: json_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace pprun {

// Appends `text` in quotes, escaped. Bytes that are not UTF-8 become U+FFFD, so that the output is
// always JSON.
void AppendJsonString(std::string& out, std::string_view text);
// The shortest text that reads back as the same number; `null` if it is not finite, which JSON
// cannot say.
void AppendJsonNumber(std::string& out, double number);
void AppendJsonNumber(std::string& out, int64_t number);

struct JsonError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct JsonMember;

struct JsonValue {
  enum class Kind : uint8_t { kNull, kBoolean, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;
  std::string string;
  std::vector<JsonValue> items;     // kArray
  std::vector<JsonMember> members;  // kObject, in the text's order

  // The member of that name; null if there is none or this is no object.
  const JsonValue* Find(std::string_view name) const;
  // The number, if it is one and an integer that a double holds exactly.
  std::optional<int64_t> Integer() const;
};

struct JsonMember {
  std::string name;
  JsonValue value;
};

inline constexpr int kJsonDepth = 64;

// Throws JsonError: "byte 17: `,` or `}` expected".
JsonValue ParseJson(std::string_view text, int depth_limit = kJsonDepth);

}  // namespace pprun
