#include "compiler/plan/base/input_file.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "compiler/plan/base/system_error.h"

namespace pprun {
namespace {

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

[[noreturn]] void Fail(const std::string& path, int error) {
  throw std::runtime_error("cannot read `" + path + "`: " + ErrorText(error));
}

}  // namespace

std::string ReadFile(const std::string& path) {
  const std::unique_ptr<std::FILE, Closer> file(std::fopen(path.c_str(), "rb"));
  if (!file) Fail(path, errno);
  std::string bytes;
  std::array<char, 1 << 16> block;
  while (const size_t got = std::fread(block.data(), 1, block.size(), file.get())) {
    bytes.append(block.data(), got);
  }
  if (std::ferror(file.get()) != 0) Fail(path, errno);
  return bytes;
}

}  // namespace pprun
