// Issuer: hands the prepared programs of the ranks of one process to their streams and waits until
// they are done.
//
// IndependentIssuer lets every rank issue its own programs on its own thread, which is all that the
// CPU needs: its meetings find each other on the streams' threads. Ranks that share a GPU have an
// issuer that issues for all of them at once (cuda/cuda_issuer.h). Tests: executor_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/device.h"
#include "runtime/prepare.h"

namespace pprun {

// What a rank is issued from; all of it outlives its stay.
struct IssuedRank {
  int64_t rank = 0;
  std::span<const PreparedProgram> programs;  // by ProgramKind
  std::span<const std::unique_ptr<DeviceStream>> streams;
  std::function<std::string(WorkTag)> describe;
};

class Issuer {
 public:
  virtual ~Issuer() = default;

  // Once a rank, by its thread, before it runs anything.
  virtual void Join(IssuedRank rank) = 0;
  // Before what the rank is issued from goes; none of the ranks runs anything more.
  virtual void Leave(int64_t rank) = 0;

  // By the rank's thread: runs a program from joined streams to joined streams. Throws what a
  // stream of the rank has failed with, AbortedError if another rank failed.
  virtual void Run(int64_t rank, ProgramKind program) = 0;

  // What the streams' heads do not show, for the report of a hang; empty if there is nothing. From
  // any thread.
  virtual std::string Status() const = 0;
};

// Hands one step to its stream.
void IssueStep(const PreparedStep& step);

class IndependentIssuer : public Issuer {
 public:
  explicit IndependentIssuer(int64_t ranks) : ranks_(static_cast<size_t>(ranks)) {}

  void Join(IssuedRank rank) override;
  void Leave(int64_t rank) override;
  void Run(int64_t rank, ProgramKind program) override;
  std::string Status() const override { return ""; }

 private:
  // Each is touched by its rank's thread alone.
  std::vector<IssuedRank> ranks_;
};

}  // namespace pprun
