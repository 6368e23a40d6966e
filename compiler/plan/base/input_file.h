// A whole file as bytes. Tests: output_file_test.cc.
#pragma once

#include <string>

namespace pprun {

// Throws std::runtime_error: "cannot read `path`: is a directory".
std::string ReadFile(const std::string& path);

}  // namespace pprun
