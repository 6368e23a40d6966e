#include "runtime/processes/endpoint.h"

#include <charconv>
#include <stdexcept>

namespace pprun {

std::string ToText(const Endpoint& endpoint) {
  const bool brackets = endpoint.host.find(':') != std::string::npos;
  return (brackets ? "[" + endpoint.host + "]" : endpoint.host) + ":" +
         std::to_string(endpoint.port);
}

Endpoint ParseEndpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  Endpoint endpoint;
  if (colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    const std::string_view port = text.substr(colon + 1);
    const char* const end = port.data() + port.size();
    const auto [rest, error] = std::from_chars(port.data(), end, endpoint.port);
    if (error != std::errc() || rest != end) endpoint.port = 0;
    if (host.starts_with('[') && host.ends_with(']')) {
      host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
      host = {};
    }
    endpoint.host = host;
  }
  if (endpoint.host.empty() || endpoint.port == 0) {
    throw std::runtime_error("`" + std::string(text) + "` is not HOST:PORT");
  }
  return endpoint;
}

}  // namespace pprun
