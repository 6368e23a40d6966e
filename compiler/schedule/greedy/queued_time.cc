#include "compiler/schedule/greedy/queued_time.h"

#include <algorithm>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

constexpr int64_t kNever = -1;

size_t Index(int32_t value) { return static_cast<size_t>(value); }

}  // namespace

QueuedClock::QueuedClock(const GreedyProblem& problem)
    : problem_(problem),
      ranks_(problem.ranks.size()),
      arrival_(2 * problem.table),
      queue_free_(Index(problem.queues)) {}

void QueuedClock::SetSteps(const RankOrders& orders) {
  std::vector<std::array<int32_t, kPieces>> done;
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    std::vector<Step>& steps = ranks_[rank].steps;
    steps.clear();
    ranks_[rank].work = 0;
    done.assign(problem_.ranks[rank].parts.size(), {});
    for (const GreedyTask letter : orders[rank]) {
      const GreedyPart& part = problem_.PartOf(rank, letter);
      const auto piece = static_cast<size_t>(letter.piece);
      const int32_t microbatch = done[Index(letter.chunk)][piece]++;
      Step& step = steps.emplace_back(Step{.cost = part.cost[piece], .piece = letter.piece});
      ranks_[rank].work += step.cost;
      const auto crosses = [&](int32_t other) {
        return other >= 0 && problem_[other].rank != part.rank;
      };
      const Piece last = problem_.ranks[rank].splits ? Piece::kWeight : Piece::kGradient;
      if (letter.piece == last) step.releases = {crosses(part.earlier), crosses(part.later)};
      if (letter.piece == Piece::kWeight) continue;
      const bool forward = letter.piece == Piece::kForward;
      const auto input = [&](const GreedyPart& of) {
        return static_cast<uint32_t>(piece * problem_.table + of.first + Index(microbatch));
      };
      if ((forward ? part.earlier : part.later) >= 0) step.input = input(part);
      const int32_t target = forward ? part.later : part.earlier;
      if (target < 0) continue;
      step.output = input(problem_[target]);
      step.target = target;
      step.crosses = crosses(target);
      step.queues = part.queues[piece];
      step.tie = static_cast<uint64_t>(part.stage) << 32 | static_cast<uint64_t>(piece) << 31 |
                 static_cast<uint64_t>(part.pipe) << 30 | static_cast<uint64_t>(microbatch);
    }
  }
}

void QueuedClock::Restart() {
  std::fill(arrival_.begin(), arrival_.end(), kNever);
  for (RankClock& rank : ranks_) {
    rank.next = 0;
    rank.now = 0;
    rank.left = rank.work;
    rank.waits_for = kNone;
    for (std::array<Slots, 2>* slots : {&rank.sent, &rank.received}) {
      for (Slots& each : *slots) {
        each.free.clear();
        each.taken = 0;
      }
    }
  }
}

int64_t QueuedClock::RunUnqueued(int64_t most) {
  Restart();
  transfers_.clear();
  ready_.clear();
  for (size_t rank = ranks_.size(); rank-- > 0;) ready_.push_back(static_cast<int32_t>(rank));
  while (!ready_.empty()) {
    const int32_t id = ready_.back();
    ready_.pop_back();
    RankClock& rank = ranks_[Index(id)];
    rank.waits_for = kNone;
    for (; rank.next < rank.steps.size(); ++rank.next) {
      Step& step = rank.steps[rank.next];
      if (step.input != kNone) {
        if (arrival_[step.input] == kNever) {
          rank.waits_for = step.input;
          break;
        }
        rank.now = std::max(rank.now, arrival_[step.input]);
      }
      if (rank.now + rank.left > most) return rank.now + rank.left;
      step.start = rank.now;
      rank.now += step.cost;
      rank.left -= step.cost;
      if (step.output == kNone) continue;
      arrival_[step.output] = rank.now;
      if (!step.crosses) continue;
      arrival_[step.output] += problem_.transfer;
      transfers_.push_back({rank.now, step.tie, id, static_cast<uint32_t>(rank.next)});
      const int32_t target = problem_[step.target].rank;
      if (ranks_[Index(target)].waits_for == step.output) ready_.push_back(target);
    }
  }
  for (const RankClock& rank : ranks_) CHECK(rank.next == rank.steps.size());
  return Latest();
}

void QueuedClock::RunNext(RankClock& rank) {
  const Step& step = rank.steps[rank.next++];
  if (step.input != kNone) rank.now = std::max(rank.now, arrival_[step.input]);
  if (step.crosses) {
    rank.now = std::max(rank.now, rank.sent[static_cast<size_t>(step.piece)].Take());
  }
  rank.now += step.cost;
  rank.left -= step.cost;
  for (size_t kind = 0; kind < step.releases.size(); ++kind) {
    if (step.releases[kind]) rank.received[kind].free.push_back(rank.now);
  }
  // What crosses arrives when its transfer has run.
  if (step.output != kNone) arrival_[step.output] = rank.now;
}

int64_t QueuedClock::RunQueued(int64_t most) {
  std::sort(transfers_.begin(), transfers_.end(), [](const Transfer& a, const Transfer& b) {
    return a.due != b.due ? a.due < b.due : a.tie < b.tie;
  });
  Restart();
  std::fill(queue_free_.begin(), queue_free_.end(), 0);
  for (const Transfer& transfer : transfers_) {
    RankClock& from = ranks_[Index(transfer.rank)];
    const Step& step = from.steps[transfer.step];
    RankClock& to = ranks_[Index(problem_[step.target].rank)];
    // What is issued before it has its inputs: their transfers were due earlier.
    for (RankClock* rank : {&from, &to}) {
      while (rank->next < rank->steps.size() && rank->steps[rank->next].start < transfer.due) {
        RunNext(*rank);
      }
      if (rank->now + rank->left > most) return rank->now + rank->left;
    }
    const auto kind = static_cast<size_t>(step.piece);
    int64_t start = std::max(arrival_[step.output], to.received[kind].Take());
    const auto [sender, receiver] = step.queues;
    if (sender >= 0) start = std::max(start, queue_free_[Index(sender)]);
    if (receiver >= 0) start = std::max(start, queue_free_[Index(receiver)]);
    const int64_t end = start + problem_.transfer;
    if (sender >= 0) queue_free_[Index(sender)] = end;
    if (receiver >= 0) queue_free_[Index(receiver)] = end;
    from.sent[kind].free.push_back(end);
    arrival_[step.output] = end;
  }
  for (RankClock& rank : ranks_) {
    while (rank.next < rank.steps.size()) RunNext(rank);
  }
  return Latest();
}

int64_t QueuedClock::Latest() const {
  int64_t latest = 0;
  for (const RankClock& rank : ranks_) latest = std::max(latest, rank.now);
  return latest;
}

int64_t QueuedClock::Makespan(const RankOrders& orders, int64_t most) {
  SetSteps(orders);
  const int64_t unqueued = RunUnqueued(most);
  return unqueued > most ? unqueued : RunQueued(most);
}

}  // namespace pprun
