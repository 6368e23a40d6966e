#include "compiler/plan/base/standard_output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "compiler/plan/base/system_error.h"

namespace pprun {

StandardOutput::StandardOutput(std::ostream& stream, int descriptor)
    : stream_(stream), before_(stream.rdbuf()), descriptor_(descriptor) {
  stream.flush();
  setp(pending_.data(), pending_.data() + pending_.size());
  stream.rdbuf(this);
}

StandardOutput::~StandardOutput() {
  sync();
  stream_.rdbuf(before_);
}

void StandardOutput::Finish() {
  sync();
  if (error_ == 0 || error_ == EPIPE) return;
  throw std::runtime_error("cannot write the output: " + ErrorText(error_));
}

StandardOutput::int_type StandardOutput::overflow(int_type character) {
  sync();
  if (!traits_type::eq_int_type(character, traits_type::eof())) {
    *pptr() = traits_type::to_char_type(character);
    pbump(1);
  }
  return traits_type::not_eof(character);
}

// Succeeds whatever happens: the stream goes on, so that nothing else need know.
int StandardOutput::sync() {
  const char* at = pbase();
  while (error_ == 0 && at < pptr()) {
    const ssize_t written = ::write(descriptor_, at, static_cast<size_t>(pptr() - at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      // Whoever shares the descriptor may have made it non-blocking.
      pollfd room = {.fd = descriptor_, .events = POLLOUT, .revents = 0};
      ::poll(&room, 1, -1);
      continue;
    }
    if (written < 0) {
      error_ = errno;
      break;
    }
    at += written;
  }
  setp(pending_.data(), pending_.data() + pending_.size());
  return 0;
}

}  // namespace pprun
