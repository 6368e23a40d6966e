#include "runtime/processes/job_server.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>

#include "compiler/plan/base/check.h"
#include "runtime/start_thread.h"

namespace pprun {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestLook{200};
// Steps that ranks may be apart; see LocalControl.
constexpr int64_t kRounds = 4;
// Connections that have yet to say who they are, beside those of the ranks.
constexpr size_t kStrangers = 64;
constexpr size_t kMostUnsentBytes = 64 << 20;
constexpr size_t kMostStoredBytes = 256 << 20;
// For a connection to say who it is.
constexpr milliseconds kIntroduction{10'000};

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string Hex(uint64_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(number >> shift) & 15];
  return text;
}

// What connections between ranks show, so that nobody else's is taken for one.
std::string RandomToken() {
  std::array<uint64_t, 2> bits = {};
  CHECK(getrandom(bits.data(), sizeof(bits), 0) == static_cast<ssize_t>(sizeof(bits)));
  return Hex(bits[0]) + Hex(bits[1]);
}

std::string InSeconds(milliseconds time) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(time).count()) + " s";
}

}  // namespace

std::string RankOn(int64_t rank, const std::string& host) {
  return "rank " + std::to_string(rank) + " on " + host;
}

std::string SilenceOf(int64_t rank, const std::string& host, milliseconds time) {
  return RankOn(rank, host) + " has not been heard of for " + InSeconds(time);
}

JobServer::JobServer(Descriptor listener, Options options)
    : listener_(std::move(listener)), options_(std::move(options)) {
  peers_.reserve(static_cast<size_t>(options_.ranks));
  thread_ = StartThread([this] { Serve(); });
}

JobServer::~JobServer() { thread_.join(); }

void JobServer::Serve() {
  const milliseconds look = std::clamp(options_.patience / 16, milliseconds(1), kLongestLook);
  auto before = std::chrono::steady_clock::now();
  while (!Done()) {
    try {
      Look(look);
    } catch (const std::exception& error) {
      Fail({.why = std::string("rank 0 cannot serve the job: ") + error.what()});
    }
    const auto now = std::chrono::steady_clock::now();
    // A pause of the whole machine counts as one look.
    CountSilence(std::min(std::chrono::duration_cast<milliseconds>(now - before), look * 2));
    before = now;
  }
}

bool JobServer::Done() const {
  if (!failure_) return left_ == options_.ranks;
  const bool reached = std::ranges::all_of(peers_, [](const Peer& peer) {
    return peer.state != Peer::State::kMember || !peer.socket.open();
  });
  return lingered_ >= options_.linger || (reached && joined_ == options_.ranks);
}

void JobServer::Look(milliseconds patience) {
  std::erase_if(peers_, [](const Peer& peer) {
    return !peer.socket.open() && peer.state != Peer::State::kMember;
  });
  std::vector<pollfd> waits;
  waits.reserve(peers_.size() + 1);
  for (const Peer& peer : peers_) {
    const short out = peer.to_send.empty() ? 0 : POLLOUT;
    waits.push_back({peer.socket.number(), static_cast<short>(POLLIN | out), 0});
  }
  waits.push_back({listener_.number(), POLLIN, 0});
  if (poll(waits.data(), waits.size(), static_cast<int>(patience.count())) <= 0) return;
  for (size_t i = 0; i + 1 < waits.size(); ++i) {
    if ((waits[i].revents & POLLOUT) != 0) Flush(peers_[i]);
    if ((waits[i].revents & ~POLLOUT) != 0) Receive(peers_[i]);
  }
  if (waits.back().revents != 0) Accept();
}

void JobServer::CountSilence(milliseconds passed) {
  for (Peer& peer : peers_) {
    if (peer.state == Peer::State::kMember) continue;
    peer.silent += passed;
    if (peer.silent > kIntroduction) peer.socket.Close();
  }
  if (failure_) {
    lingered_ += passed;
    return;
  }
  if (joined_ < options_.ranks) {
    joining_ += passed;
    if (joining_ > options_.patience) {
      Fail({.why = Missing() + " within " + InSeconds(options_.patience)});
    }
    return;
  }
  for (Peer& peer : peers_) {
    if (peer.state != Peer::State::kMember) continue;
    peer.silent += passed;
    if (peer.silent > options_.patience) {
      Fail({.why = SilenceOf(peer.rank, peer.host, options_.patience), .rank = peer.rank});
      return;
    }
  }
}

// "ranks 3 and 7 did not come", at most a few of them.
std::string JobServer::Missing() const {
  constexpr size_t kNamed = 8;
  std::vector<bool> here(static_cast<size_t>(options_.ranks));
  for (const Peer& peer : peers_) {
    if (peer.rank >= 0) here[static_cast<size_t>(peer.rank)] = true;
  }
  std::string names;
  size_t missing = 0;
  for (size_t rank = 0; rank < here.size(); ++rank) {
    if (here[rank]) continue;
    if (++missing <= kNamed) names += (missing > 1 ? ", " : "") + std::to_string(rank);
  }
  if (missing > kNamed) names += " and " + std::to_string(missing - kNamed) + " more";
  return (missing == 1 ? "rank " : "ranks ") + names + " did not come";
}

std::string JobServer::Silent() const {
  for (const Peer& peer : peers_) {
    if (peer.state != Peer::State::kMember || peer.silent <= options_.patience / 2) continue;
    return ", and " + SilenceOf(peer.rank, peer.host, peer.silent);
  }
  return "";
}

void JobServer::Accept() {
  Descriptor socket = AcceptOne(listener_);
  if (!socket.open()) return;
  if (peers_.size() >= static_cast<size_t>(options_.ranks) + kStrangers) return;
  peers_.emplace_back();
  peers_.back().socket = std::move(socket);
}

void JobServer::Receive(Peer& peer) {
  if (!peer.socket.open()) return;
  std::array<char, 64 << 10> buffer;
  const ssize_t bytes = recv(peer.socket.number(), buffer.data(), buffer.size(), 0);
  if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (bytes <= 0) return Lose(peer, " is gone: its connection was closed");
  peer.silent = milliseconds(0);
  peer.received.append(buffer.data(), static_cast<size_t>(bytes));
  try {
    while (peer.socket.open()) {
      const std::optional<Message> message = TakeMessage(peer.received);
      if (!message) return;
      Handle(peer, *message);
    }
  } catch (const std::runtime_error& error) {
    Lose(peer, std::string(" does not speak as this pprun does: ") + error.what());
  }
}

void JobServer::Flush(Peer& peer) {
  if (!peer.socket.open() || peer.to_send.empty()) return;
  const ssize_t bytes =
      send(peer.socket.number(), peer.to_send.data(), peer.to_send.size(), MSG_NOSIGNAL);
  if (bytes > 0) {
    peer.to_send.erase(0, static_cast<size_t>(bytes));
  } else if (errno != EAGAIN && errno != EINTR) {
    return Lose(peer, " is gone: its connection was closed");
  }
  if (peer.to_send.size() > kMostUnsentBytes) {
    return Lose(peer, " does not listen");
  }
  // It reads what there is and closes its own end.
  const bool refused = peer.state == Peer::State::kRefused && peer.to_send.empty();
  if (refused) shutdown(peer.socket.number(), SHUT_WR);
}

void JobServer::Lose(Peer& peer, const std::string& why) {
  peer.socket.Close();
  peer.to_send.clear();
  if (peer.state == Peer::State::kMember) {
    Fail({.why = RankOn(peer.rank, peer.host) + why, .rank = peer.rank});
  }
}

void JobServer::Handle(Peer& peer, const Message& message) {
  if (peer.state == Peer::State::kRefused) return;
  if ((peer.state == Peer::State::kNew) != (message.kind == MessageKind::kHello)) {
    throw std::runtime_error("a message came out of order");
  }
  BodyReader body(message.body);
  switch (message.kind) {
    case MessageKind::kHello:
      return Join(peer, ToHello(message.body));
    case MessageKind::kSet: {
      const std::string key = body.GetText();
      std::string value = body.GetText();
      body.End();
      return Set(key, std::move(value));
    }
    case MessageKind::kGet: {
      const std::string key = body.GetText();
      body.End();
      return Get(peer, key);
    }
    case MessageKind::kReport:
      return AddReport(peer, ToReport(message.body));
    case MessageKind::kAlive:
      return AnswerAlive(peer, ToAlive(message.body));
    case MessageKind::kFailed: {
      JobFailure failure = ToFailure(message.body);
      failure.rank = peer.rank;
      if (failure.kind == JobFailure::Kind::kHang) failure.why += Silent();
      return Fail(failure);
    }
    case MessageKind::kLeave:
      peer.state = Peer::State::kLeft;
      ++left_;
      return;
    case MessageKind::kWelcome:
    case MessageKind::kValue:
    case MessageKind::kVerdict:
      break;
  }
  throw std::runtime_error("a message goes the wrong way");
}

void JobServer::Join(Peer& peer, const Hello& hello) {
  if (hello.job != options_.job) return Refuse(peer, "another job listens there");
  if (hello.rank < 0 || hello.rank >= options_.ranks || hello.ranks != options_.ranks) {
    return Refuse(peer, RankOn(hello.rank, hello.host) + " is one of " +
                            std::to_string(hello.ranks) + " ranks, but rank 0 is one of " +
                            std::to_string(options_.ranks));
  }
  for (const Peer& other : peers_) {
    if (other.rank != hello.rank) continue;
    return Refuse(
        peer, RankOn(hello.rank, hello.host) + " has come twice; the first is on " + other.host);
  }
  peer.state = Peer::State::kMember;
  peer.rank = hello.rank;
  peer.host = hello.host;
  peer.place = IsWithinOneHost(peer.socket) ? Peer::Place::kHere : Peer::Place::kElsewhere;
  ++joined_;
  if (failure_) return Send(peer, MessageKind::kFailed, ToBody(*failure_));
  if (hello.plan_digest != options_.plan_digest) {
    return Fail({.why = RankOn(hello.rank, hello.host) +
                        " runs another plan than rank 0, or with other flags (digest " +
                        Hex(hello.plan_digest) + ", not " + Hex(options_.plan_digest) +
                        "); give all ranks the same of both",
                 .rank = hello.rank});
  }
  if (joined_ == options_.ranks) Welcome();
}

void JobServer::Refuse(Peer& peer, const std::string& why) {
  peer.state = Peer::State::kRefused;
  Send(peer, MessageKind::kFailed, ToBody(JobFailure{.why = why}));
}

void JobServer::Welcome() {
  listener_.Close();
  const auto first = std::ranges::find(peers_, 0, &Peer::rank);
  const bool one_host = std::ranges::all_of(peers_, [&](const Peer& peer) {
    return peer.state != Peer::State::kMember ||
           (peer.host == first->host && peer.place == Peer::Place::kHere);
  });
  SendAllMembers(MessageKind::kWelcome, BodyWriter()
                                            .PutText(RandomToken())
                                            .PutText(first->host)
                                            .Put(static_cast<uint8_t>(one_host ? 0 : 1))
                                            .Take());
}

void JobServer::Set(const std::string& key, std::string value) {
  stored_bytes_ += key.size() + value.size();
  if (stored_bytes_ > kMostStoredBytes) throw std::runtime_error("there are too many values");
  const auto [found, added] = values_.emplace(key, std::move(value));
  if (!added) throw std::runtime_error("a key was set twice");
  const auto [begin, end] = waiting_.equal_range(key);
  for (auto one = begin; one != end; ++one) {
    const auto reader = std::ranges::find(peers_, one->second, &Peer::rank);
    if (reader != peers_.end()) Get(*reader, key);
  }
  waiting_.erase(begin, end);
}

void JobServer::Get(Peer& peer, const std::string& key) {
  const auto found = values_.find(key);
  if (found == values_.end()) {
    waiting_.emplace(key, peer.rank);
    return;
  }
  Send(peer, MessageKind::kValue, BodyWriter().PutText(key).PutText(found->second).Take());
}

void JobServer::AddReport(const Peer& peer, const StepReport& report) {
  if (report.round < judged_ || report.round >= judged_ + kRounds) {
    throw std::runtime_error("a report is of a round that is not under way");
  }
  Slot& slot = slots_[report.round];
  slot.reports.resize(static_cast<size_t>(options_.ranks));
  auto& own = slot.reports[static_cast<size_t>(peer.rank)];
  if (own) throw std::runtime_error("a round was reported twice");
  own = report;
  if (++slot.posted < options_.ranks) return;
  std::vector<StepReport> reports;
  reports.reserve(slot.reports.size());
  for (const auto& one : slot.reports) reports.push_back(*one);
  slots_.erase(report.round);
  // A rank posts in order, so rounds are judged in order.
  judged_ = report.round + 1;
  SendAllMembers(MessageKind::kVerdict, ToBody(Judge(reports)));
}

void JobServer::AnswerAlive(Peer& peer, const Alive& alive) {
  peer.progress = alive.progress;
  int64_t sum = 0;
  for (const Peer& one : peers_) sum += one.progress;
  Send(peer, MessageKind::kAlive, ToBody(Alive{.progress = sum, .seconds = Seconds()}));
}

void JobServer::Send(Peer& peer, MessageKind kind, std::string_view body) {
  if (!peer.socket.open()) return;
  peer.to_send += FrameOf(kind, body);
  Flush(peer);
}

void JobServer::SendAllMembers(MessageKind kind, std::string_view body) {
  for (Peer& peer : peers_) {
    if (peer.state == Peer::State::kMember) Send(peer, kind, body);
  }
}

void JobServer::Fail(const JobFailure& failure) {
  if (failure_) return;
  failure_ = failure;
  SendAllMembers(MessageKind::kFailed, ToBody(failure));
}

}  // namespace pprun
