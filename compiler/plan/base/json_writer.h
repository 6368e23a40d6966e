// Writes a JSON document from its start to its end: the reports for programs. Tests:
// explain_test.cc, compare_schedules_test.cc, figures_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "compiler/plan/base/json.h"

namespace pprun {

// Writes members and elements with the commas between them.
class JsonWriter {
 public:
  void Open(char bracket) {
    Separate();
    json_ += bracket;
    first_ = true;
  }
  void Close(char bracket) {
    json_ += bracket;
    first_ = false;
  }
  void Name(std::string_view name) {
    Separate();
    AppendJsonString(json_, name);
    json_ += ": ";
    named_ = true;
  }
  void Value(double value) { Separate(), AppendJsonNumber(json_, value); }
  void Value(int64_t value) { Separate(), AppendJsonNumber(json_, value); }
  void Value(std::string_view value) { Separate(), AppendJsonString(json_, value); }
  void Raw(std::string_view json) { Separate(), json_ += json; }
  template <typename Kind>
  void Member(std::string_view name, const Kind& value) {
    Name(name);
    if constexpr (std::is_convertible_v<Kind, std::string_view>) {
      Value(std::string_view(value));
    } else if constexpr (std::is_integral_v<Kind>) {
      Value(static_cast<int64_t>(value));
    } else {
      Value(value);
    }
  }
  void Object(std::string_view name) { Name(name), Open('{'); }
  void List(std::string_view name) { Name(name), Open('['); }
  void Strings(std::string_view name, const std::vector<std::string>& strings) {
    List(name);
    for (const std::string& each : strings) Value(std::string_view(each));
    Close(']');
  }
  std::string Take() { return std::move(json_); }

 private:
  void Separate() {
    if (!first_ && !named_) json_ += ", ";
    first_ = named_ = false;
  }

  std::string json_;
  bool first_ = true;
  bool named_ = false;
};

}  // namespace pprun
