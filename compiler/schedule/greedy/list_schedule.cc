#include "compiler/schedule/greedy/list_schedule.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <limits>

namespace pprun {
namespace {

constexpr int64_t kUnknown = std::numeric_limits<int64_t>::max();

size_t Index(int32_t value) { return static_cast<size_t>(value); }
size_t Index(Piece piece) { return static_cast<size_t>(piece); }

}  // namespace

ListScheduler::ListScheduler(const GreedyProblem& problem) : problem_(problem) {
  for (std::vector<int64_t>& column : arrival_) column.assign(problem.table, 0);
  done_.resize(problem.parts.size());
  states_.resize(problem.ranks.size());
  queue_free_.resize(static_cast<size_t>(problem.queues));
}

void ListScheduler::Reset(const ListRules& rules, ListResult& result) {
  rules_ = &rules;
  for (size_t id = 0; id < problem_.parts.size(); ++id) {
    const GreedyPart& part = problem_.parts[id];
    const auto fill = [&](Piece piece, int32_t before) {
      const auto begin = arrival_[Index(piece)].begin() + static_cast<ptrdiff_t>(part.first);
      std::fill_n(begin, part.microbatches, before < 0 ? 0 : kUnknown);
    };
    fill(Piece::kForward, Backward() ? part.later : part.earlier);
    fill(Piece::kGradient, Backward() ? part.earlier : part.later);
    done_[id] = {0, 0, 0};
  }
  std::fill(queue_free_.begin(), queue_free_.end(), 0);
  events_.clear();
  result.orders.resize(states_.size());
  for (size_t rank = 0; rank < states_.size(); ++rank) {
    states_[rank] = {.weights_are_free = rules.backbone != nullptr &&
                                         problem_.ranks[rank].given.empty() &&
                                         static_cast<int64_t>((*rules.backbone)[rank].size()) <
                                             problem_.Tasks(rank),
                     .most_ahead = rules.ahead.empty() ? kUnknown : rules.ahead[rank]};
    for (const int32_t id : problem_.ranks[rank].parts) {
      if (problem_[id].microbatches == 0) continue;
      states_[rank].kept += problem_[id].size;
      ++states_[rank].kept_ahead;
    }
    events_.emplace_back(0, static_cast<int32_t>(rank));
    result.orders[rank].clear();
  }
  std::make_heap(events_.begin(), events_.end(), std::greater<>());
  for (std::vector<int64_t>& column : result.begin) column.resize(problem_.table);
  result.makespan = 0;
}

bool ListScheduler::HasRoom(const RankState& state, const GreedyRank& rank, int32_t id) const {
  const int64_t size = problem_[id].size;
  const auto& done = done_[Index(id)];
  const bool none_ahead = done[0] == done[1];
  if (!Backward() && state.ahead + state.kept_ahead + (none_ahead ? 0 : 1) > state.most_ahead) {
    return false;
  }
  // A backbone says in which order the parts take the room.
  if (rules_->backbone != nullptr) return state.held + size <= rank.limit;
  const bool holds_none = done[0] == done[rank.splits ? 2 : 1];
  return state.held + state.kept + (holds_none ? 0 : size) <= rank.limit;
}

void ListScheduler::Take(RankState& state, int32_t id) {
  const auto& done = done_[Index(id)];
  const GreedyRank& rank = problem_.ranks[Index(problem_[id].rank)];
  // This one is counted already.
  const int32_t held = std::abs(done[0] - done[rank.splits ? 2 : 1]);
  state.held += problem_[id].size;
  if (held == 1) state.kept -= problem_[id].size;
}

void ListScheduler::Free(RankState& state, int32_t id) {
  const auto& done = done_[Index(id)];
  const GreedyPart& part = problem_[id];
  const int32_t last = done[problem_.ranks[Index(part.rank)].splits ? 2 : 1];
  state.held -= part.size;
  if (done[0] == last && last < part.microbatches) state.kept += part.size;
}

void ListScheduler::Consider(const Choice& choice, int64_t now, Choice& ready, Choice& soon) const {
  if (choice.arrival <= now) {
    if (ready.part < 0 || choice.key < ready.key) ready = choice;
  } else if (choice.arrival != kUnknown && rules_->patience > 0) {
    // Kept by arrival: what comes first is what waiting is for, if it is better than what is ready.
    if (soon.part < 0 || choice.arrival < soon.arrival ||
        (choice.arrival == soon.arrival && choice.key < soon.key)) {
      soon = choice;
    }
  }
}

ListScheduler::Choice ListScheduler::Choose(int32_t rank, int64_t now) const {
  const GreedyRank& here = problem_.ranks[Index(rank)];
  const RankState& state = states_[Index(rank)];
  Choice ready, soon;
  for (int32_t id : here.parts) {
    const GreedyPart& part = problem_[id];
    const auto& done = done_[Index(id)];
    const int32_t forwards = done[0], gradients = done[1], weights = done[2];
    const auto consider = [&](Piece piece, int32_t index, int64_t arrival) {
      const GreedyTask task{part.chunk, piece};
      if (!here.given.empty()) {
        const size_t at = Backward() ? here.given.size() - 1 - state.given : state.given;
        if (here.given[at] != task) return;
      } else if (rules_->backbone != nullptr &&
                 !(piece == Piece::kWeight && state.weights_are_free)) {
        const RankOrder& backbone = (*rules_->backbone)[Index(rank)];
        if (state.given == backbone.size() || backbone[state.given] != task) return;
      }
      Consider({id, piece, (*keys_)[Index(piece)][Entry(part, index)], arrival}, now, ready, soon);
    };
    const auto arrival = [&](Piece piece, int32_t index) {
      return arrival_[Index(piece)][part.first + Index(index)];
    };
    // A given order says itself how much it holds.
    const auto room = [&] { return !here.given.empty() || HasRoom(state, here, id); };
    if (!Backward()) {
      if (gradients < forwards) {
        consider(Piece::kGradient, gradients, arrival(Piece::kGradient, gradients));
      }
      if (forwards < part.microbatches && arrival(Piece::kForward, forwards) != kUnknown &&
          room()) {
        consider(Piece::kForward, forwards, arrival(Piece::kForward, forwards));
      }
      if (here.splits && weights < gradients) consider(Piece::kWeight, weights, 0);
    } else {
      if (forwards < gradients) {
        consider(Piece::kForward, forwards, arrival(Piece::kForward, forwards));
      }
      const int32_t ends = here.splits ? weights : part.microbatches;
      if (gradients < ends && arrival(Piece::kGradient, gradients) != kUnknown &&
          (here.splits || room())) {
        consider(Piece::kGradient, gradients, arrival(Piece::kGradient, gradients));
      }
      if (here.splits && weights < part.microbatches && room()) {
        consider(Piece::kWeight, weights, 0);
      }
    }
  }
  if (ready.part >= 0 && soon.part >= 0 && soon.key < ready.key) {
    const int64_t cost = problem_[ready.part].cost[Index(ready.piece)];
    if ((soon.arrival - now) * 8 < cost * rules_->patience) return {};
  }
  return ready;
}

// Tasks start in the order of time, so what one rank hands over comes in the order of its queue. A
// queue of several senders is not looked at: what they hand over does not end in that order.
int64_t ListScheduler::Hop(const QueueEnds& queues, int64_t end) {
  if (queues.sender < 0 || queues.sender != queues.receiver) return end + problem_.transfer;
  int64_t& free = queue_free_[Index(queues.sender)];
  return free = std::max(free, end) + problem_.transfer;
}

void ListScheduler::Arrive(int32_t part, Piece piece, size_t microbatch, int64_t time) {
  arrival_[Index(piece)][problem_[part].first + microbatch] = time;
  const int32_t rank = problem_[part].rank;
  // A rank that is busy until later looks again when it is free.
  if (states_[Index(rank)].free_at > time) return;
  events_.emplace_back(time, rank);
  std::push_heap(events_.begin(), events_.end(), std::greater<>());
}

void ListScheduler::Start(int32_t rank, const Choice& choice, int64_t now, ListResult& result) {
  const GreedyPart& part = problem_[choice.part];
  const GreedyRank& here = problem_.ranks[Index(rank)];
  RankState& state = states_[Index(rank)];
  const int32_t index = done_[Index(choice.part)][Index(choice.piece)]++;
  const int64_t end = now + part.cost[Index(choice.piece)];
  state.free_at = end;
  if (choice.piece != Piece::kWeight || !state.weights_are_free) ++state.given;
  result.begin[Index(choice.piece)][Entry(part, index)] = Backward() ? end : now;
  result.makespan = std::max(result.makespan, end);
  result.orders[Index(rank)].push_back({part.chunk, choice.piece});
  events_.emplace_back(end, rank);
  std::push_heap(events_.begin(), events_.end(), std::greater<>());
  // Whichever of the two comes last frees.
  const Piece holder = here.splits ? Piece::kWeight : Piece::kGradient;
  const auto& done = done_[Index(choice.part)];
  if (choice.piece == Piece::kForward) {
    Backward() ? Free(state, choice.part) : Take(state, choice.part);
    ++state.ahead;
    if (done[0] - done[1] == 1) --state.kept_ahead;
  } else if (choice.piece == Piece::kGradient) {
    --state.ahead;
    if (done[0] == done[1] && done[0] < part.microbatches) ++state.kept_ahead;
  }
  if (choice.piece == holder) Backward() ? Take(state, choice.part) : Free(state, choice.part);
  if (choice.piece == Piece::kWeight) return;
  const bool down = (choice.piece == Piece::kForward) != Backward();
  const int32_t next = down ? part.later : part.earlier;
  if (next < 0) return;
  if (problem_[next].rank == rank) return Arrive(next, choice.piece, Index(index), end);
  const GreedyPart& sender = Backward() ? problem_[next] : part;
  Arrive(next, choice.piece, Index(index), Hop(sender.queues[Index(choice.piece)], end));
}

void ListScheduler::Run(const PieceTable& keys, const ListRules& rules, ListResult& result) {
  keys_ = &keys;
  Reset(rules, result);
  while (!events_.empty()) {
    std::pop_heap(events_.begin(), events_.end(), std::greater<>());
    const auto [now, rank] = events_.back();
    events_.pop_back();
    if (states_[Index(rank)].free_at > now) continue;
    const Choice choice = Choose(rank, now);
    if (choice.part >= 0) Start(rank, choice, now, result);
  }
  result.complete = true;
  for (size_t rank = 0; rank < states_.size(); ++rank) {
    RankOrder& order = result.orders[rank];
    if (static_cast<int64_t>(order.size()) != problem_.Tasks(rank)) result.complete = false;
    if (Backward()) std::reverse(order.begin(), order.end());
  }
  if (!Backward()) return;
  for (std::vector<int64_t>& column : result.begin) {
    for (int64_t& begin : column) begin = result.makespan - begin;
  }
}

}  // namespace pprun
