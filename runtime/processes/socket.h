// TCP connections whose waits all end: with what they wait for, at a deadline, or when a signal to
// stop is raised. What goes wrong throws std::runtime_error. Tests: socket_test.cc.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "runtime/processes/endpoint.h"

namespace pprun {

using Deadline = std::chrono::steady_clock::time_point;
inline Deadline After(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}
inline constexpr Deadline kNoDeadline = Deadline::max();

// A descriptor that this process owns.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { Close(); }
  Descriptor(Descriptor&& other) noexcept : number_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Close();
      number_ = other.Release();
    }
    return *this;
  }

  int number() const { return number_; }
  bool open() const { return number_ >= 0; }
  int Release() {
    const int number = number_;
    number_ = -1;
    return number;
  }
  void Close();

 private:
  int number_ = -1;
};

// Ends waits of several threads, for good. Polled beside what they wait for.
class StopSignal {
 public:
  StopSignal();
  // From any thread, any number of times.
  void Raise();
  bool raised() const { return raised_.load(std::memory_order_acquire); }
  // Readable once raised.
  int descriptor() const { return event_.number(); }

 private:
  std::atomic<bool> raised_{false};
  Descriptor event_;
};

// A wait that a StopSignal ended.
struct Stopped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The other side has closed its end, or its machine did.
struct ConnectionClosed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Sockets do not block; the functions below wait for them.
Descriptor ListenOn(const Endpoint& endpoint);  // port 0: any that is free
Descriptor ListenEverywhere(uint16_t port);
// Of a listener, or of this side of a connection, in numbers.
Endpoint EndpointOf(const Descriptor& socket);
// Of this machine alone.
bool IsLoopback(std::string_view address);
// Whether both sides of a connection are in one place: whoever calls an address of its own machine
// has it too. Names do not tell, since machines may share one.
bool IsWithinOneHost(const Descriptor& connection);

// Tries again until the deadline while nobody listens there yet.
Descriptor ConnectTo(const Endpoint& endpoint, Deadline deadline, const StopSignal& stop);
// A connection that waits at the listener; not open if there is none.
Descriptor AcceptOne(const Descriptor& listener);

// One that comes before the deadline.
Descriptor AcceptWithin(const Descriptor& listener, Deadline deadline, const StopSignal& stop);

void SendAll(const Descriptor& socket, std::span<const std::byte> bytes, Deadline deadline,
             const StopSignal& stop);
void ReceiveAll(const Descriptor& socket, std::span<std::byte> bytes, Deadline deadline,
                const StopSignal& stop);

// One direction of an exchange. `bytes` shrinks as they go.
struct SocketPiece {
  enum class Way : uint8_t { kOut, kIn } way = Way::kOut;
  int socket = -1;
  std::byte* data = nullptr;
  size_t bytes = 0;
};

// Moves all pieces, whichever can, so that no order of sockets can block another.
void Exchange(std::span<SocketPiece> pieces, Deadline deadline, const StopSignal& stop);

}  // namespace pprun
