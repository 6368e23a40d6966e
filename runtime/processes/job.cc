#include "runtime/processes/job.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <utility>

#include "compiler/plan/base/check.h"
#include "runtime/communicator.h"
#include "runtime/start_thread.h"

namespace pprun {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestBeat{1000};
// For a failure to come back from rank 0.
constexpr milliseconds kEcho{2000};
// Rank 0 tells those who come late that they do; they need not give up before.
constexpr milliseconds kMargin{2000};

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Rank 0 has a descriptor a rank, and every rank one a channel.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

std::string HostName() {
  std::array<char, 256> name = {};
  if (gethostname(name.data(), name.size() - 1) != 0) return "an unnamed host";
  return name.data();
}

Job::Job(Options options) : options_(std::move(options)) {
  CHECK(options_.rank >= 0 && options_.rank < options_.ranks);
  RaiseDescriptorLimit();
  if (options_.rank == 0) {
    Descriptor listener = options_.listener.open() ? std::move(options_.listener)
                                                   : ListenEverywhere(options_.rendezvous.port);
    options_.rendezvous.port = EndpointOf(listener).port;
    server_ = std::make_unique<JobServer>(std::move(listener),
                                          JobServer::Options{.job = options_.job,
                                                             .ranks = options_.ranks,
                                                             .plan_digest = options_.plan_digest,
                                                             .patience = options_.patience,
                                                             .linger = options_.linger});
  }
  Join();
  thread_ = StartThread([this] { Read(); });
}

Job::~Job() {
  ended_.Raise();
  if (thread_.joinable()) thread_.join();
  connection_.Close();
}

void Job::Join() {
  // Rank 0 finds itself whatever the name of its machine leads to.
  const Endpoint where =
      options_.rank == 0 ? Endpoint{"127.0.0.1", options_.rendezvous.port} : options_.rendezvous;
  const Deadline deadline = After(options_.patience + kMargin);
  connection_ = ConnectTo(where, After(options_.patience), ended_);
  const std::string hello =
      FrameOf(MessageKind::kHello, ToBody(Hello{.job = options_.job,
                                                .rank = options_.rank,
                                                .ranks = options_.ranks,
                                                .host = options_.host,
                                                .plan_digest = options_.plan_digest}));
  SendAll(connection_, std::as_bytes(std::span(hello)), deadline, ended_);
  while (true) {
    if (const std::optional<Message> message = TakeMessage(received_)) {
      if (message->kind == MessageKind::kFailed) {
        throw AbortedError(ToFailure(message->body).why);
      }
      if (message->kind != MessageKind::kWelcome) {
        throw std::runtime_error("`" + ToText(where) + "` is no rank of this job");
      }
      BodyReader body(message->body);
      token_ = body.GetText();
      server_host_ = body.GetText();
      hosts_ = body.Get<uint8_t>() == 0 ? Hosts::kOne : Hosts::kSeveral;
      body.End();
      const bool here = server_host_ == options_.host && IsWithinOneHost(connection_);
      place_ = here ? Place::kHere : Place::kElsewhere;
      return;
    }
    std::byte next{};
    try {
      ReceiveAll(connection_, {&next, 1}, deadline, ended_);
    } catch (const ConnectionClosed&) {
      throw std::runtime_error("rank 0, at `" + ToText(where) +
                               "`, closed the connection before all ranks had come");
    }
    received_ += static_cast<char>(next);
  }
}

Job::Listener Job::Listen() const {
  if (hosts_ == Hosts::kOne) {
    Listener listener = {ListenOn({"127.0.0.1", 0}), {}};
    listener.address = EndpointOf(listener.socket);
    return listener;
  }
  Listener listener = {ListenEverywhere(0), {}};
  listener.address.port = EndpointOf(listener.socket).port;
  // The side of this machine that looks at rank 0. On rank 0's own machine that may be a loopback,
  // which nobody else reaches; but all have reached the rendezvous, which is there.
  const std::string own = EndpointOf(connection_).host;
  listener.address.host = IsLoopback(own) ? options_.rendezvous.host : own;
  return listener;
}

double Job::ClockOffset(double seconds) const {
  const std::lock_guard lock(mutex_);
  return clock_offsets_.At(seconds);
}

// The job's own thread: until the job is destroyed.
void Job::Read() {
  const milliseconds beat = std::clamp(options_.patience / 16, milliseconds(1), kLongestBeat);
  auto before = std::chrono::steady_clock::now();
  milliseconds failed{0};
  while (!ended_.raised()) {
    const bool connected = server_state_ == Server::kThere && !stop_.raised();
    if (connected && !alive_sent_) SendAlive();
    std::array<pollfd, 2> waits = {
        {{ended_.descriptor(), POLLIN, 0}, {connected ? connection_.number() : -1, POLLIN, 0}}};
    poll(waits.data(), waits.size(), static_cast<int>(beat.count()));
    if (waits[1].revents != 0) {
      Receive();
      silent_ = milliseconds(0);
    }
    const auto now = std::chrono::steady_clock::now();
    const auto passed = std::chrono::duration_cast<milliseconds>(now - before);
    if (passed >= beat) {
      before = now;
      alive_sent_.reset();
      // A pause of the whole process counts as one look.
      silent_ = silent_.load() + std::min(passed, beat * 2);
      if (stop_.raised()) failed += std::min(passed, beat * 2);
    }
    if (connected && silent_.load() > options_.patience + kMargin) {
      NoteHere(SilenceOf(0, server_host_, options_.patience));
    }
    if (failed > options_.grace) {
      options_.give_up(*failure());
      failed = milliseconds::min() / 2;
    }
  }
}

void Job::Receive() {
  std::array<char, 64 << 10> buffer;
  const ssize_t bytes = recv(connection_.number(), buffer.data(), buffer.size(), 0);
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return;
  try {
    if (bytes <= 0) throw std::runtime_error("is gone: its connection was closed");
    received_.append(buffer.data(), static_cast<size_t>(bytes));
    while (const std::optional<Message> message = TakeMessage(received_)) Handle(*message);
  } catch (const std::runtime_error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (state_ == State::kLeft) {
        server_state_ = Server::kClosed;
        return;
      }
    }
    NoteHere(RankOn(0, server_host_) + " " + error.what());
  }
}

void Job::Handle(const Message& message) {
  switch (message.kind) {
    case MessageKind::kFailed:
      return Note(ToFailure(message.body));
    case MessageKind::kVerdict: {
      const StepVerdict verdict = ToVerdict(message.body);
      const std::lock_guard lock(mutex_);
      verdicts_[verdict.round] = verdict;
      changed_.notify_all();
      return;
    }
    case MessageKind::kValue: {
      BodyReader body(message.body);
      const std::string key = body.GetText();
      std::string value = body.GetText();
      body.End();
      const std::lock_guard lock(mutex_);
      values_[key] = std::move(value);
      changed_.notify_all();
      return;
    }
    case MessageKind::kAlive: {
      const Alive alive = ToAlive(message.body);
      total_progress_.store(alive.progress, std::memory_order_relaxed);
      const double now = Seconds();
      // Ranks of one machine share their clock.
      if (alive_sent_ && place_ == Place::kElsewhere) {
        const std::lock_guard lock(mutex_);
        clock_offsets_.Add(*alive_sent_, alive.seconds, now);
        // At first one after the other: a run may be over before the next beat.
        if (first_trips_-- > 0) alive_sent_.reset();
      }
      return;
    }
    case MessageKind::kHello:
    case MessageKind::kWelcome:
    case MessageKind::kSet:
    case MessageKind::kGet:
    case MessageKind::kReport:
    case MessageKind::kLeave:
      break;
  }
  throw std::runtime_error("sent a message that goes the wrong way");
}

void Job::SendAlive() {
  alive_sent_ = Seconds();
  try {
    Send(MessageKind::kAlive, ToBody(Alive{.progress = progress_.load()}));
  } catch (const std::runtime_error&) {
    // The connection says why when it is read.
  }
}

void Job::Send(MessageKind kind, std::string_view body) {
  const std::string frame = FrameOf(kind, body);
  const std::lock_guard lock(sending_);
  SendAll(connection_, std::as_bytes(std::span(frame)), After(options_.patience), ended_);
}

void Job::Set(const std::string& key, const std::string& value) {
  try {
    Send(MessageKind::kSet, BodyWriter().PutText(key).PutText(value).Take());
  } catch (const ConnectionClosed&) {
    ThrowFailure();
  }
}

std::string Job::Get(const std::string& key) {
  try {
    Send(MessageKind::kGet, BodyWriter().PutText(key).Take());
  } catch (const ConnectionClosed&) {
    ThrowFailure();
  }
  std::unique_lock lock(mutex_);
  const bool in_time =
      changed_.wait_for(lock, options_.patience, [&] { return values_.contains(key) || failure_; });
  const auto found = values_.find(key);
  if (found != values_.end()) return found->second;
  if (failure_) throw AbortedError(failure_->why);
  CHECK(!in_time);
  throw std::runtime_error("rank " + std::to_string(rank()) + " waited " +
                           std::to_string(options_.patience.count() / 1000) + " s for `" + key +
                           "` of another rank");
}

void Job::Post(const StepReport& report) {
  try {
    Send(MessageKind::kReport, ToBody(report));
  } catch (const ConnectionClosed&) {
    ThrowFailure();
  }
}

StepVerdict Job::Await(int64_t round, milliseconds deadline) {
  std::unique_lock lock(mutex_);
  const bool in_time =
      changed_.wait_for(lock, deadline, [&] { return verdicts_.contains(round) || failure_; });
  const auto found = verdicts_.find(round);
  if (found != verdicts_.end()) {
    verdicts_.erase(verdicts_.begin(), found);
    return found->second;
  }
  if (failure_) throw AbortedError(failure_->why);
  CHECK(!in_time);
  ThrowLateReports(rank(), deadline);
}

void Job::Fail(JobFailure failure) {
  failure.rank = rank();
  if (stop_.raised()) return;
  // Then that is why nothing moves here.
  const milliseconds silent = silent_;
  if (failure.kind == JobFailure::Kind::kHang && silent > options_.patience / 2) {
    failure.why += ", and " + SilenceOf(0, server_host_, silent);
  }
  try {
    Send(MessageKind::kFailed, ToBody(failure));
  } catch (const std::runtime_error&) {
    // Rank 0 is gone; what follows holds for this rank alone.
  }
  {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kEcho, [&] { return failure_.has_value(); })) return;
  }
  Note(failure);
}

void Job::Note(const JobFailure& failure) {
  std::vector<std::function<void(const JobFailure&)>> watches;
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = failure;
    for (const auto& [number, watch] : watches_) watch(failure);
  }
  stop_.Raise();
  changed_.notify_all();
}

// The connection has broken while this rank wrote: the reason is on its way.
void Job::ThrowFailure() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kEcho, [&] { return failure_.has_value(); });
  throw AbortedError(failure_ ? failure_->why
                              : RankOn(0, server_host_) + " is gone: its connection was closed");
}

std::optional<JobFailure> Job::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Job::Watch::Watch(Job& job, std::function<void(const JobFailure&)> on_failure) : job_(job) {
  const std::lock_guard lock(job.mutex_);
  number_ = job.watches_made_++;
  if (job.failure_) {
    on_failure(*job.failure_);
  } else {
    job.watches_.emplace(number_, std::move(on_failure));
  }
}

Job::Watch::~Watch() {
  const std::lock_guard lock(job_.mutex_);
  job_.watches_.erase(number_);
}

void Job::Leave() {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    state_ = State::kLeft;
  }
  try {
    Send(MessageKind::kLeave, "");
  } catch (const std::runtime_error&) {
    // Rank 0 left first, and the run is over.
  }
}

void Job::GiveUp(const JobFailure& failure) {
  const std::string text = "pprun: error: " + failure.why +
                           "\npprun: the rank that this happened beside did not end by itself\n";
  static_cast<void>(!write(STDERR_FILENO, text.data(), text.size()));
  _exit(1);
}

}  // namespace pprun
