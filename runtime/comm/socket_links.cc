#include "runtime/comm/socket_links.h"

#include <poll.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "compiler/plan/base/check.h"
#include "runtime/communicator.h"
#include "runtime/start_thread.h"

namespace pprun {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kIntroduction{5000};
// For the reason of a broken connection to come from rank 0.
constexpr milliseconds kReason{5000};
constexpr size_t kTokenBytes = 32;

// The first bytes of a connection.
struct Introduction {
  std::array<char, kTokenBytes> token = {};
  int64_t from = 0;
  int64_t number = 0;
  int64_t use = 0;
};

std::string KeyOf(int64_t rank) { return "socket/" + std::to_string(rank); }

}  // namespace

SocketLinks::SocketLinks(Job& job)
    : job_(job), listener_(job.Listen()), watch_(job, [this](const JobFailure& failure) {
        const std::lock_guard lock(mutex_);
        aborted_ = failure.why;
        changed_.notify_all();
      }) {
  CHECK(job.token().size() == kTokenBytes);
  job.Set(KeyOf(rank()), ToText(listener_.address));
  acceptor_ = StartThread([this] { Accept(); });
}

SocketLinks::~SocketLinks() {
  ended_.Raise();
  acceptor_.join();
}

void SocketLinks::Accept() {
  while (!ended_.raised()) {
    std::array<pollfd, 2> waits = {
        {{listener_.socket.number(), POLLIN, 0}, {ended_.descriptor(), POLLIN, 0}}};
    poll(waits.data(), waits.size(), -1);
    Descriptor connection = AcceptOne(listener_.socket);
    if (!connection.open()) continue;
    try {
      TakeIn(std::move(connection));
    } catch (const std::runtime_error&) {
      // Not a rank of this job, or one that is gone, which rank 0 notices.
    }
  }
}

void SocketLinks::TakeIn(Descriptor connection) {
  Introduction from;
  ReceiveAll(connection, std::as_writable_bytes(std::span(&from, 1)), After(kIntroduction), ended_);
  if (std::memcmp(from.token.data(), job_.token().data(), kTokenBytes) != 0) return;
  const LinkName link = {.use = from.use == 0 ? LinkName::Use::kChannel : LinkName::Use::kGroup,
                         .number = from.number,
                         .peer = from.from};
  const std::lock_guard lock(mutex_);
  links_.emplace(link, std::move(connection));
  changed_.notify_all();
}

void SocketLinks::Connect(const LinkName& link) {
  {
    const std::lock_guard lock(mutex_);
    if (links_.contains(link)) return;
  }
  auto address = addresses_.find(link.peer);
  if (address == addresses_.end()) {
    address = addresses_.emplace(link.peer, ParseEndpoint(job_.Get(KeyOf(link.peer)))).first;
  }
  try {
    // The peer listens already. Others wait for this rank meanwhile, and are not to be the ones who
    // say that nothing moves.
    Descriptor connection = ConnectTo(address->second, After(job_.patience() / 2), job_.stop());
    Introduction own = {
        .from = rank(), .number = link.number, .use = static_cast<int64_t>(link.use)};
    std::memcpy(own.token.data(), job_.token().data(), kTokenBytes);
    SendAll(connection, std::as_bytes(std::span(&own, 1)), After(job_.patience()), job_.stop());
    const std::lock_guard lock(mutex_);
    links_.emplace(link, std::move(connection));
  } catch (const std::runtime_error& error) {
    Throw("rank " + std::to_string(rank()) + " cannot reach rank " + std::to_string(link.peer) +
          ": " + error.what());
  }
}

int SocketLinks::DescriptorOf(const LinkName& link) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return links_.contains(link) || aborted_; });
  if (aborted_) throw AbortedError(*aborted_);
  return links_.at(link).number();
}

void SocketLinks::Meet(std::span<SocketPiece> pieces) {
  try {
    // Whoever watches for progress ends a wait that is too long.
    Exchange(pieces, kNoDeadline, job_.stop());
  } catch (const std::runtime_error& error) {
    Throw(error.what());
  }
}

void SocketLinks::Throw(const std::string& otherwise) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kReason, [&] { return aborted_.has_value(); });
  if (aborted_) throw AbortedError(*aborted_);
  throw std::runtime_error(otherwise);
}

}  // namespace pprun
