// What the operating system says of a failed call, in our wording: "no such file or directory".
// Tests: output_file_test.cc.
#pragma once

#include <cctype>
#include <string>
#include <system_error>

namespace pprun {

inline std::string ErrorText(int error) {
  std::string text = std::generic_category().message(error);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace pprun
