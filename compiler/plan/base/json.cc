#include "compiler/plan/base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// Length of the UTF-8 sequence at the start of `text`; 0 if there is none. Overlong forms,
// surrogates and what lies beyond U+10FFFF are no sequences.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  size_t length = 0;
  unsigned char low = 0x80, high = 0xBF;  // of the second byte
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  }
  if (length == 0 || text.size() < length) return 0;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

void AppendUtf8(std::string& out, uint32_t code) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

class Reader {
 public:
  Reader(std::string_view text, int depth_limit) : text_(text), depth_limit_(depth_limit) {}

  JsonValue Document() {
    JsonValue value = Value(0);
    SkipSpace();
    if (at_ != text_.size()) Fail("the end expected");
    return value;
  }

 private:
  [[noreturn]] void Fail(std::string_view what) const {
    throw JsonError("byte " + std::to_string(at_) + ": " + std::string(what));
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char wanted) {
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  void SkipSpace() {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != text_.npos) ++at_;
  }
  void Word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) Fail("a value expected");
    at_ += word.size();
  }

  JsonValue Value(int depth) {
    if (depth > depth_limit_) Fail("nested too deeply");
    SkipSpace();
    JsonValue value;
    switch (Peek()) {
      case '{':
        value.kind = JsonValue::Kind::kObject;
        Object(value, depth);
        break;
      case '[':
        value.kind = JsonValue::Kind::kArray;
        Array(value, depth);
        break;
      case '"':
        value.kind = JsonValue::Kind::kString;
        value.string = String();
        break;
      case 't':
        Word("true");
        value.kind = JsonValue::Kind::kBoolean;
        value.boolean = true;
        break;
      case 'f':
        Word("false");
        value.kind = JsonValue::Kind::kBoolean;
        break;
      case 'n':
        Word("null");
        break;
      default:
        value.kind = JsonValue::Kind::kNumber;
        value.number = Number();
    }
    return value;
  }

  void Array(JsonValue& value, int depth) {
    ++at_;
    SkipSpace();
    if (Take(']')) return;
    do {
      value.items.push_back(Value(depth + 1));
      SkipSpace();
    } while (Take(','));
    if (!Take(']')) Fail("`,` or `]` expected");
  }

  void Object(JsonValue& value, int depth) {
    ++at_;
    SkipSpace();
    if (Take('}')) return;
    std::unordered_set<std::string> names;
    do {
      SkipSpace();
      if (Peek() != '"') Fail("a name in quotes expected");
      std::string name = String();
      if (!names.insert(name).second) Fail("the name `" + name + "` occurs twice");
      SkipSpace();
      if (!Take(':')) Fail("`:` expected");
      value.members.push_back({std::move(name), Value(depth + 1)});
      SkipSpace();
    } while (Take(','));
    if (!Take('}')) Fail("`,` or `}` expected");
  }

  uint32_t HexFour() {
    uint32_t code = 0;
    const std::string_view digits = text_.substr(std::min(at_, text_.size()), 4);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc() || digits.size() != 4 || end != digits.data() + 4) {
      Fail("four hexadecimal digits expected");
    }
    at_ += 4;
    return code;
  }

  void Escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    if (const size_t found = kNames.find(Peek()); at_ < text_.size() && found != kNames.npos) {
      out += kValues[found];
      ++at_;
      return;
    }
    if (!Take('u')) Fail("unknown escape");
    uint32_t code = HexFour();
    if (code >= 0xDC00 && code <= 0xDFFF) Fail("half of a surrogate pair");
    if (code >= 0xD800 && code <= 0xDBFF) {
      if (!Take('\\') || !Take('u')) Fail("half of a surrogate pair");
      const uint32_t low = HexFour();
      if (low < 0xDC00 || low > 0xDFFF) Fail("half of a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(out, code);
  }

  std::string String() {
    CHECK(Take('"'));
    std::string out;
    while (at_ < text_.size()) {
      if (Take('"')) return out;
      if (Take('\\')) {
        Escape(out);
        continue;
      }
      if (static_cast<unsigned char>(text_[at_]) < 0x20) Fail("a control character in a string");
      const size_t length = Utf8Length(text_.substr(at_));
      if (length == 0) Fail("malformed UTF-8");
      out += text_.substr(at_, length);
      at_ += length;
    }
    Fail("`\"` expected");
  }

  void Digits() {
    const size_t begin = at_;
    while (Peek() >= '0' && Peek() <= '9') ++at_;
    if (at_ == begin) Fail("a value expected");
  }

  double Number() {
    const size_t begin = at_;
    Take('-');
    if (!Take('0')) Digits();
    if (Take('.')) Digits();
    if (Peek() == 'e' || Peek() == 'E') {
      ++at_;
      if (!Take('+')) Take('-');
      Digits();
    }
    double number = 0;
    const auto [end, error] = std::from_chars(text_.data() + begin, text_.data() + at_, number);
    if (error != std::errc() || end != text_.data() + at_) Fail("a number out of range");
    return number;
  }

  std::string_view text_;
  int depth_limit_;
  size_t at_ = 0;
};

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    const char c = text.front();
    const size_t length = Utf8Length(text);
    if (length == 0) {
      AppendUtf8(out, 0xFFFD);
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[static_cast<size_t>(c) >> 4];
      out += kHex[static_cast<size_t>(c) & 15];
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  out += '"';
}

void AppendJsonNumber(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), number);
  CHECK(error == std::errc());
  out.append(text, end);
}

void AppendJsonNumber(std::string& out, int64_t number) { out += std::to_string(number); }

const JsonValue* JsonValue::Find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::optional<int64_t> JsonValue::Integer() const {
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (kind != Kind::kNumber || std::trunc(number) != number || std::abs(number) > kExact) {
    return std::nullopt;
  }
  return static_cast<int64_t>(number);
}

JsonValue ParseJson(std::string_view text, int depth_limit) {
  return Reader(text, depth_limit).Document();
}

}  // namespace pprun
