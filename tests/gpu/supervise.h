// Runs a list of checks in child processes, so that one that crashes, hangs or leaves the GPU
// unusable costs its own row alone: the next child goes on behind it. Children print as they go.
// Tests: supervise_test.cc.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace pprun::gpu {

// How a check left its process.
enum class CheckEnd : uint8_t {
  kHolds,
  kFails,
  // It failed in a way after which nothing that this process computes on the GPU can be trusted.
  kBroken,
};

struct Supervision;

// What a list of checks is run by: counts them, and runs those that are this process's part.
class CheckRunner {
 public:
  // All of them, here.
  CheckRunner() = default;

  // The next check of the list; its name is for whoever finds it dead.
  void Run(const std::string& name, const std::function<CheckEnd()>& check);

  // Whether this process has the list from its beginning.
  bool is_first() const { return first_ == 0; }
  int count() const { return number_; }
  int failures() const;

 private:
  friend struct Supervisor;
  friend int Supervise(const Supervision& supervision,
                       const std::function<void(CheckRunner&)>& list);
  struct Shared;
  CheckRunner(Shared* shared, int first) : shared_(shared), first_(first) {}

  Shared* shared_ = nullptr;
  int first_ = 0;
  int number_ = 0;
  int failures_ = 0;
};

struct Supervision {
  // For one check; then its child is killed.
  std::chrono::milliseconds patience{60'000};
  int most_children = 40;
};

// `list` runs all checks by the runner, in the same order whenever it is called, and is called once
// a child. Nothing may have used CUDA or started threads before. Returns how many checks do not
// hold, those that ended a child among them; at least 1 if the list was not run to its end.
int Supervise(const Supervision& supervision, const std::function<void(CheckRunner&)>& list);

}  // namespace pprun::gpu
