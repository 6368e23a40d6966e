// A thread, or an error that says why the system has none: a mesh may have more ranks than the
// machine has threads. Tests: launch_test.cc.
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "compiler/plan/base/system_error.h"

namespace pprun {

template <typename Body>
std::thread StartThread(Body body) {
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error& error) {
    throw std::runtime_error("cannot start another thread: " + ErrorText(error.code().value()));
  }
}

}  // namespace pprun
