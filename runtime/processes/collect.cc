#include "runtime/processes/collect.h"

#include <array>
#include <cstring>
#include <stdexcept>
#include <string>

#include "compiler/plan/base/check.h"
#include "runtime/communicator.h"

namespace pprun {
namespace {

constexpr const char* kKey = "collect";
constexpr size_t kTokenBytes = 32;
constexpr int64_t kNoMore = -1;
// Of a summary; a trace has a few hundred thousand events at most.
constexpr uint64_t kMostSummaryBytes = 1 << 30;

// The first bytes of a connection.
struct Greeting {
  std::array<char, kTokenBytes> token = {};
  int64_t rank = 0;
  uint64_t summary_bytes = 0;
};

template <class Value>
std::span<std::byte> BytesOf(Value& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

// A failure of the job is the better reason for a connection that broke.
template <class Body>
void WithReason(Job& job, const Body& body) {
  try {
    body();
  } catch (const std::runtime_error&) {
    const Deadline deadline = After(std::chrono::milliseconds(5000));
    while (!job.stop().raised() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (const auto failure = job.failure()) throw AbortedError(failure->why);
    throw;
  }
}

std::string ToBody(const ProcessSummary& summary, double clock_offset) {
  BodyWriter body;
  body.Put(summary.arena_bytes).Put(summary.touched_bytes).Put(summary.resident_bytes);
  body.Put(static_cast<uint64_t>(summary.trace.size()));
  for (const TraceEvent& event : summary.trace) {
    body.Put(event.rank).Put(event.program).Put(event.repeat).Put(event.instruction);
    body.Put(event.begin + clock_offset).Put(event.end + clock_offset);
  }
  return body.Take();
}

ProcessSummary ToSummary(std::string_view bytes) {
  BodyReader body(bytes);
  ProcessSummary summary;
  summary.arena_bytes = body.Get<int64_t>();
  summary.touched_bytes = body.Get<int64_t>();
  summary.resident_bytes = body.Get<int64_t>();
  for (auto left = body.Get<uint64_t>(); left > 0; --left) {
    TraceEvent event;
    event.rank = body.Get<int64_t>();
    event.program = body.Get<ProgramKind>();
    event.repeat = body.Get<int64_t>();
    event.instruction = body.Get<int32_t>();
    event.begin = body.Get<double>();
    event.end = body.Get<double>();
    summary.trace.push_back(event);
  }
  body.End();
  return summary;
}

}  // namespace

Collector::Collector(Job& job)
    : job_(job),
      listener_(job.Listen()),
      connections_(static_cast<size_t>(job.ranks())),
      summaries_(static_cast<size_t>(job.ranks())) {
  job.Set(kKey, ToText(listener_.address));
  WithReason(job, [&] {
    const Deadline deadline = After(job.patience());
    for (int64_t left = job.ranks() - 1; left > 0;) {
      Descriptor connection = AcceptWithin(listener_.socket, deadline, job.stop());
      Greeting greeting;
      ReceiveAll(connection, BytesOf(greeting), deadline, job.stop());
      const auto rank = static_cast<size_t>(greeting.rank);
      const bool one_of_us =
          std::memcmp(greeting.token.data(), job.token().data(), kTokenBytes) == 0;
      if (!one_of_us || rank >= connections_.size() || connections_[rank].open()) continue;
      if (greeting.summary_bytes > kMostSummaryBytes) {
        throw std::runtime_error("what rank " + std::to_string(rank) + " saw is too much");
      }
      std::string body(greeting.summary_bytes, '\0');
      ReceiveAll(connection, std::as_writable_bytes(std::span(body)), deadline, job.stop());
      summaries_[rank] = ToSummary(body);
      connections_[rank] = std::move(connection);
      --left;
    }
  });
}

void Collector::Fetch(int64_t rank, ParameterId parameter, std::span<std::byte> value) {
  const Descriptor& connection = connections_[static_cast<size_t>(rank)];
  WithReason(job_, [&] {
    auto wanted = static_cast<int64_t>(parameter.index());
    SendAll(connection, BytesOf(wanted), After(job_.patience()), job_.stop());
    ReceiveAll(connection, value, After(job_.patience()), job_.stop());
  });
}

void Collector::Finish() {
  WithReason(job_, [&] {
    for (const Descriptor& connection : connections_) {
      int64_t no_more = kNoMore;
      if (!connection.open()) continue;
      SendAll(connection, BytesOf(no_more), After(job_.patience()), job_.stop());
    }
  });
}

void GiveToRankZero(Job& job, const ProcessSummary& summary,
                    const std::function<std::vector<std::byte>(ParameterId)>& give) {
  const Endpoint address = ParseEndpoint(job.Get(kKey));
  WithReason(job, [&] {
    const Descriptor connection = ConnectTo(address, After(job.patience()), job.stop());
    const double traced = summary.trace.empty() ? 0 : summary.trace.front().begin;
    const std::string body = ToBody(summary, job.ClockOffset(traced));
    Greeting greeting = {.rank = job.rank(), .summary_bytes = body.size()};
    CHECK(job.token().size() == kTokenBytes);
    std::memcpy(greeting.token.data(), job.token().data(), kTokenBytes);
    SendAll(connection, BytesOf(greeting), After(job.patience()), job.stop());
    SendAll(connection, std::as_bytes(std::span(body)), After(job.patience()), job.stop());
    while (true) {
      int64_t wanted = kNoMore;
      // Rank 0 may be writing what others gave; it ends the job if it cannot.
      ReceiveAll(connection, BytesOf(wanted), kNoDeadline, job.stop());
      if (wanted == kNoMore) return;
      const std::vector<std::byte> value = give(ParameterId(wanted));
      SendAll(connection, value, After(job.patience()), job.stop());
    }
  });
}

}  // namespace pprun
