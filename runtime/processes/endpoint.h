// A host and a port. Tests: rendezvous_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pprun {

struct Endpoint {
  std::string host;  // a name or an address
  uint16_t port = 0;

  bool operator==(const Endpoint&) const = default;
};

// "node01:20123", "[::1]:20123"
std::string ToText(const Endpoint& endpoint);
// Throws std::runtime_error: "`node01` is not HOST:PORT".
Endpoint ParseEndpoint(std::string_view text);

}  // namespace pprun
