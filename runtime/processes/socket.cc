#include "runtime/processes/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/system_error.h"

namespace pprun {
namespace {

constexpr int kBacklog = 4096;
constexpr std::chrono::milliseconds kFirstRetry{2};
constexpr std::chrono::milliseconds kLastRetry{200};

[[noreturn]] void Fail(const std::string& what, int error) {
  if (error == ECONNRESET || error == EPIPE) throw ConnectionClosed("the connection was closed");
  throw std::runtime_error(what + ": " + ErrorText(error));
}

// For poll: at least 1 while time is left, so that a wait does not turn into spinning.
int MillisecondsUntil(Deadline deadline) {
  if (deadline == kNoDeadline) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

void WaitFor(std::span<pollfd> sockets, Deadline deadline, const StopSignal& stop) {
  if (stop.raised()) throw Stopped("stopped");
  const int ready = poll(sockets.data(), sockets.size(), MillisecondsUntil(deadline));
  if (stop.raised()) throw Stopped("stopped");
  if (ready < 0 && errno != EINTR) Fail("cannot wait for a connection", errno);
  if (ready == 0 && std::chrono::steady_clock::now() >= deadline) {
    throw std::runtime_error("nothing came over the connection in time");
  }
}

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Addresses Resolve(const Endpoint& endpoint, int flags) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  const int error = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    throw std::runtime_error("cannot find the host `" + endpoint.host + "`: " +
                             (error == EAI_SYSTEM ? ErrorText(errno) : gai_strerror(error)));
  }
  return Addresses(found);
}

Descriptor Open(int family) {
  return Descriptor(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

// Small messages leave at once; a machine that died is noticed.
void SetUp(const Descriptor& connection) {
  const int on = 1;
  setsockopt(connection.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(connection.number(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

// What getsockname or getpeername says, in numbers.
Endpoint Ask(int (*side)(int, sockaddr*, socklen_t*), const Descriptor& socket) {
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (side(socket.number(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    Fail("cannot ask for the address of a connection", errno);
  }
  std::array<char, NI_MAXHOST> host = {};
  std::array<char, NI_MAXSERV> port = {};
  const int error =
      getnameinfo(reinterpret_cast<sockaddr*>(&address), length, host.data(), host.size(),
                  port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV);
  CHECK(error == 0);
  std::string text = host.data();
  // An IPv4 connection at a listener for both.
  constexpr std::string_view kMapped = "::ffff:";
  if (text.starts_with(kMapped)) text.erase(0, kMapped.size());
  return {text, static_cast<uint16_t>(std::stoi(port.data()))};
}

// Empty and the error in errno if it could not.
Descriptor Listen(const sockaddr* address, socklen_t length, int family) {
  Descriptor listener = Open(family);
  if (!listener.open()) return listener;
  const int on = 1;
  const int off = 0;
  setsockopt(listener.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (family == AF_INET6) {
    setsockopt(listener.number(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (bind(listener.number(), address, length) != 0 || listen(listener.number(), kBacklog) != 0) {
    const int error = errno;
    listener.Close();
    errno = error;
  }
  return listener;
}

// 0, or the error.
int TryConnect(const addrinfo& address, Deadline deadline, const StopSignal& stop,
               Descriptor& connection) {
  connection = Open(address.ai_family);
  if (!connection.open()) return errno;
  if (connect(connection.number(), address.ai_addr, address.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  while (true) {
    std::array<pollfd, 2> sockets = {
        {{connection.number(), POLLOUT, 0}, {stop.descriptor(), POLLIN, 0}}};
    WaitFor(sockets, deadline, stop);
    if (sockets[0].revents == 0) continue;
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(connection.number(), SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
  }
}

// Whether the piece moved at all.
bool Move(SocketPiece& piece) {
  const ssize_t moved = piece.way == SocketPiece::Way::kOut
                            ? send(piece.socket, piece.data, piece.bytes, MSG_NOSIGNAL)
                            : recv(piece.socket, piece.data, piece.bytes, 0);
  if (moved > 0) {
    piece.data += moved;
    piece.bytes -= static_cast<size_t>(moved);
    return true;
  }
  if (moved == 0) throw ConnectionClosed("the connection was closed");
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return false;
  Fail("the connection failed", errno);
}

}  // namespace

void Descriptor::Close() {
  if (number_ >= 0) close(number_);
  number_ = -1;
}

StopSignal::StopSignal() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_.open()) Fail("cannot make an event", errno);
}

void StopSignal::Raise() {
  raised_.store(true, std::memory_order_release);
  const uint64_t one = 1;
  // It is readable already if the counter is full.
  static_cast<void>(!write(event_.number(), &one, sizeof(one)));
}

Descriptor ListenOn(const Endpoint& endpoint) {
  const Addresses addresses = Resolve(endpoint, AI_PASSIVE);
  Descriptor listener = Listen(addresses->ai_addr, addresses->ai_addrlen, addresses->ai_family);
  if (!listener.open()) Fail("cannot listen on `" + ToText(endpoint) + "`", errno);
  return listener;
}

Descriptor ListenEverywhere(uint16_t port) {
  sockaddr_in6 both = {};
  both.sin6_family = AF_INET6;
  both.sin6_port = htons(port);
  both.sin6_addr = in6addr_any;
  Descriptor listener = Listen(reinterpret_cast<sockaddr*>(&both), sizeof(both), AF_INET6);
  if (!listener.open() && errno != EADDRINUSE) {
    // A system without IPv6.
    sockaddr_in old = {};
    old.sin_family = AF_INET;
    old.sin_port = htons(port);
    old.sin_addr.s_addr = INADDR_ANY;
    listener = Listen(reinterpret_cast<sockaddr*>(&old), sizeof(old), AF_INET);
  }
  if (!listener.open()) Fail("cannot listen on port " + std::to_string(port), errno);
  return listener;
}

Endpoint EndpointOf(const Descriptor& socket) { return Ask(getsockname, socket); }

bool IsLoopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

bool IsWithinOneHost(const Descriptor& connection) {
  const std::string other = Ask(getpeername, connection).host;
  return IsLoopback(other) || other == EndpointOf(connection).host;
}

Descriptor ConnectTo(const Endpoint& endpoint, Deadline deadline, const StopSignal& stop) {
  auto pause = kFirstRetry;
  while (true) {
    std::string why;
    try {
      const Addresses addresses = Resolve(endpoint, 0);
      for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
        Descriptor connection;
        const int error = TryConnect(*one, deadline, stop, connection);
        if (error == 0) {
          SetUp(connection);
          return connection;
        }
        why = ErrorText(error);
      }
    } catch (const Stopped&) {
      throw;
    } catch (const std::runtime_error& error) {
      // Names may take a moment to be known in a new allocation.
      why = error.what();
    }
    if (std::chrono::steady_clock::now() + pause >= deadline) {
      throw std::runtime_error("cannot connect to `" + ToText(endpoint) + "`: " + why);
    }
    pollfd stopped = {stop.descriptor(), POLLIN, 0};
    poll(&stopped, 1, static_cast<int>(pause.count()));
    if (stop.raised()) throw Stopped("stopped");
    pause = std::min(pause * 2, kLastRetry);
  }
}

Descriptor AcceptOne(const Descriptor& listener) {
  Descriptor connection(accept4(listener.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (connection.open()) SetUp(connection);
  return connection;
}

Descriptor AcceptWithin(const Descriptor& listener, Deadline deadline, const StopSignal& stop) {
  while (true) {
    Descriptor connection = AcceptOne(listener);
    if (connection.open()) return connection;
    std::array<pollfd, 2> waits = {
        {{listener.number(), POLLIN, 0}, {stop.descriptor(), POLLIN, 0}}};
    WaitFor(waits, deadline, stop);
  }
}

void SendAll(const Descriptor& socket, std::span<const std::byte> bytes, Deadline deadline,
             const StopSignal& stop) {
  SocketPiece piece = {.way = SocketPiece::Way::kOut,
                       .socket = socket.number(),
                       .data = const_cast<std::byte*>(bytes.data()),
                       .bytes = bytes.size()};
  Exchange({&piece, 1}, deadline, stop);
}

void ReceiveAll(const Descriptor& socket, std::span<std::byte> bytes, Deadline deadline,
                const StopSignal& stop) {
  SocketPiece piece = {.way = SocketPiece::Way::kIn,
                       .socket = socket.number(),
                       .data = bytes.data(),
                       .bytes = bytes.size()};
  Exchange({&piece, 1}, deadline, stop);
}

void Exchange(std::span<SocketPiece> pieces, Deadline deadline, const StopSignal& stop) {
  std::vector<pollfd> waits;
  while (true) {
    enum class Round : uint8_t { kStuck, kMoved } round = Round::kStuck;
    size_t left = 0;
    for (SocketPiece& piece : pieces) {
      if (piece.bytes > 0 && Move(piece)) round = Round::kMoved;
      if (piece.bytes > 0) ++left;
    }
    if (left == 0) return;
    if (stop.raised()) throw Stopped("stopped");
    if (round == Round::kMoved) continue;
    waits.clear();
    waits.push_back({stop.descriptor(), POLLIN, 0});
    for (const SocketPiece& piece : pieces) {
      if (piece.bytes == 0) continue;
      const short events = piece.way == SocketPiece::Way::kOut ? POLLOUT : POLLIN;
      waits.push_back({piece.socket, events, 0});
    }
    WaitFor(waits, deadline, stop);
  }
}

}  // namespace pprun
