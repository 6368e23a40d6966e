// Standard output that remembers why a write failed. While it lives, what goes to a stream goes to
// a descriptor through it; the first failure is kept, what follows it is dropped, and the program
// asks at its end. Tests: standard_output_test.cc.
#pragma once

#include <array>
#include <ostream>
#include <streambuf>

namespace pprun {

class StandardOutput : private std::streambuf {
 public:
  // The stream outlives it.
  explicit StandardOutput(std::ostream& stream, int descriptor = 1);
  // Flushes; the stream has its own buffer again.
  ~StandardOutput() override;
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;

  // Flushes. Throws std::runtime_error "cannot write the output: no space left on device" if any
  // of it is lost. A reader that went away, as `head` does, wanted no more: that is no error.
  void Finish();

 private:
  int_type overflow(int_type character) override;
  int sync() override;

  std::ostream& stream_;
  std::streambuf* const before_;
  const int descriptor_;
  int error_ = 0;
  std::array<char, 1 << 14> pending_;
};

}  // namespace pprun
