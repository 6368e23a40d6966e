// Numbers of things in messages: "1 layer", "3 layers", "3 microbatches". Tests: base_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pprun {

// The noun for so many: "layer" or "layers".
inline std::string PluralOf(int64_t count, std::string_view noun) {
  return std::string(noun) + (count == 1 ? "" : noun.ends_with("ch") ? "es" : "s");
}

// "1 layer", "3 layers".
inline std::string Amount(int64_t count, std::string_view noun) {
  return std::to_string(count) + " " + PluralOf(count, noun);
}

}  // namespace pprun
