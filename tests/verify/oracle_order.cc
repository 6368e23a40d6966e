#include <algorithm>
#include <cstdint>
#include <variant>

#include "compiler/plan/effects.h"
#include "tests/verify/oracle.h"

namespace pprun {
namespace {

const std::vector<Instruction>& Body(const Plan& plan, size_t position, ProgramKind program) {
  return plan.positions[position].programs[static_cast<size_t>(program)].instructions;
}

bool Survives(ArenaKind arena) {
  return arena == ArenaKind::kParameters || arena == ArenaKind::kGatheredParameters ||
         arena == ArenaKind::kOptimizer;
}

// Queues of instruction indices, and what has been recorded.
struct Rank {
  std::vector<std::vector<int32_t>> queues;
  std::vector<size_t> heads;
  std::vector<char> recorded;  // by event
  int32_t repeat = 0;

  bool Idle() const {
    for (size_t q = 0; q < queues.size(); ++q) {
      if (heads[q] < queues[q].size()) return false;
    }
    return true;
  }
};

struct Scan {
  const Plan& plan;
  ProgramKind program;
  std::vector<Rank> ranks;

  const Operands* Head(size_t rank, size_t queue) const {
    const Rank& at = ranks[rank];
    if (at.heads[queue] == at.queues[queue].size()) return nullptr;
    return &Body(plan, rank, program)[static_cast<size_t>(at.queues[queue][at.heads[queue]])]
                .operands;
  }
  Site SiteOf(size_t rank, size_t queue) const {
    return {PositionId(static_cast<int64_t>(rank)), ranks[rank].repeat,
            ranks[rank].queues[queue][ranks[rank].heads[queue]]};
  }
  // The queue of a rank whose head satisfies a condition; -1 if none.
  template <typename Condition>
  int FindHead(size_t rank, Condition&& condition) const {
    for (size_t q = 0; q < ranks[rank].queues.size(); ++q) {
      const Operands* head = Head(rank, q);
      if (head != nullptr && condition(*head)) return static_cast<int>(q);
    }
    return -1;
  }
};

// How a collective must agree with the other members'.
std::vector<int64_t> CollectiveKey(const Position& position, const Operands& operands) {
  const auto elements = [&](BufferId id) {
    return position.buffers[id.index()].type.shape.Elements();
  };
  const auto dtype = [&](BufferId id) {
    return static_cast<int64_t>(position.buffers[id.index()].type.dtype);
  };
  if (const auto* one = std::get_if<Collective>(&operands)) {
    return {static_cast<int64_t>(one->kind), elements(one->source), elements(one->target),
            dtype(one->source), one->root};
  }
  const auto& permute = std::get<Permute>(operands);
  return {-1, elements(permute.source), elements(permute.target), dtype(permute.source),
          permute.shift};
}

int32_t GroupOf(const Operands& operands) {
  if (const auto* one = std::get_if<Collective>(&operands)) return one->group.value;
  if (const auto* one = std::get_if<Permute>(&operands)) return one->group.value;
  return -1;
}

}  // namespace

OracleRun RunSlowly(const Plan& plan, ProgramKind program, StreamView view, int32_t repeats,
                    KeepOrder keep) {
  Scan scan{plan, program, {}};
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    Rank rank;
    rank.queues.resize(view == StreamView::kMerged ? 1 : plan.positions[p].streams.size());
    rank.heads.resize(rank.queues.size(), 0);
    const auto& body = Body(plan, p, program);
    const int32_t events = plan.positions[p].programs[static_cast<size_t>(program)].events;
    rank.recorded.resize(static_cast<size_t>(events));
    for (size_t i = 0; i < body.size(); ++i) {
      const size_t queue = view == StreamView::kMerged ? 0 : body[i].stream.index();
      rank.queues[queue].push_back(static_cast<int32_t>(i));
    }
    scan.ranks.push_back(std::move(rank));
  }

  OracleRun result;
  const auto run = [&](std::vector<std::pair<size_t, size_t>> heads) {
    std::ranges::sort(heads);
    std::vector<Site> sites;
    for (const auto& [rank, queue] : heads) sites.push_back(scan.SiteOf(rank, queue));
    for (const auto& [rank, queue] : heads) ++scan.ranks[rank].heads[queue];
    if (keep == KeepOrder::kYes) result.order.push_back(std::move(sites));
  };
  const auto run_alone = [&](size_t rank, size_t queue) {
    if (keep == KeepOrder::kYes) result.order.push_back({scan.SiteOf(rank, queue)});
    ++scan.ranks[rank].heads[queue];
  };
  for (bool progress = true; progress;) {
    progress = false;
    for (size_t r = 0; r < scan.ranks.size(); ++r) {
      if (scan.ranks[r].Idle() && scan.ranks[r].repeat + 1 < repeats) {
        ++scan.ranks[r].repeat;
        std::ranges::fill(scan.ranks[r].recorded, 0);
        std::ranges::fill(scan.ranks[r].heads, 0);
      }
      for (size_t q = 0; q < scan.ranks[r].queues.size(); ++q) {
        const Operands* head = scan.Head(r, q);
        if (head == nullptr) continue;
        if (const auto* wait = std::get_if<Wait>(head)) {
          if (scan.ranks[r].recorded[wait->event.index()] == 0) continue;
          run_alone(r, q);
        } else if (const auto* record = std::get_if<Record>(head)) {
          scan.ranks[r].recorded[record->event.index()] = 1;
          run_alone(r, q);
        } else if (const auto* send = std::get_if<Send>(head)) {
          const size_t peer = plan.channels[send->channel.index()].to.index();
          const int other = scan.FindHead(peer, [&](const Operands& operands) {
            const auto* recv = std::get_if<Recv>(&operands);
            return recv != nullptr && recv->channel == send->channel;
          });
          if (other < 0) continue;
          const auto& recv = std::get<Recv>(*scan.Head(peer, static_cast<size_t>(other)));
          if (recv.microbatch != send->microbatch) result.state = OracleRun::State::kMismatch;
          run({{r, q}, {peer, static_cast<size_t>(other)}});
        } else if (std::holds_alternative<Recv>(*head)) {
          continue;  // its send takes it along
        } else if (const int32_t group = GroupOf(*head); group >= 0) {
          const auto& members = plan.groups[static_cast<size_t>(group)].positions;
          std::vector<std::pair<size_t, size_t>> heads;
          if (members.size() <= 1) heads.emplace_back(r, q);
          for (const PositionId member : members) {
            if (members.size() <= 1) break;
            const int own = scan.FindHead(member.index(), [&](const Operands& operands) {
              return GroupOf(operands) == group;
            });
            if (own >= 0) heads.emplace_back(member.index(), static_cast<size_t>(own));
          }
          if (members.size() > 1 && heads.size() < members.size()) continue;
          for (const auto& [rank, queue] : heads) {
            if (CollectiveKey(plan.positions[rank], *scan.Head(rank, queue)) !=
                CollectiveKey(plan.positions[r], *head)) {
              result.state = OracleRun::State::kMismatch;
            }
          }
          run(heads);
        } else {
          run_alone(r, q);
        }
        progress = true;
      }
    }
  }
  for (const Rank& rank : scan.ranks) {
    if (!rank.Idle() || rank.repeat + 1 < repeats) result.state = OracleRun::State::kHangs;
  }
  return result;
}

namespace {

struct Node {
  std::vector<Effect> effects;
  std::vector<uint64_t> before;  // instructions that happened before this one, a bit each

  bool After(size_t i) const { return (before[i / 64] >> (i % 64) & 1) != 0; }
};

bool Overlap(const Effect& a, const Effect& b) {
  return a.arena == b.arena && a.begin < b.end && b.begin < a.end;
}
bool Conflict(const Effect& a, const Effect& b) {
  return Overlap(a, b) && (a.access != Access::kRead || b.access != Access::kRead);
}

// Whether every byte of an effect is in one of the intervals.
bool Covered(const Effect& effect, std::vector<std::pair<int64_t, int64_t>> intervals) {
  std::ranges::sort(intervals);
  int64_t at = effect.begin;
  for (const auto& [begin, end] : intervals) {
    if (begin <= at) at = std::max(at, end);
  }
  return at >= effect.end;
}

std::vector<Node> Graph(const Plan& plan, size_t p, ProgramKind program, Verdict& verdict) {
  const auto& body = Body(plan, p, program);
  std::vector<Node> nodes(body.size());
  std::map<int32_t, size_t> last_of_stream, record_of_event;
  for (size_t i = 0; i < body.size(); ++i) {
    AppendEffects(plan, plan.positions[p], body[i], nodes[i].effects);
    nodes[i].before.resize(body.size() / 64 + 1);
    const auto follows = [&](size_t earlier) {
      for (size_t k = 0; k <= earlier / 64; ++k) nodes[i].before[k] |= nodes[earlier].before[k];
      nodes[i].before[earlier / 64] |= uint64_t{1} << (earlier % 64);
    };
    const auto previous = last_of_stream.find(body[i].stream.value);
    if (previous != last_of_stream.end()) follows(previous->second);
    last_of_stream[body[i].stream.value] = i;
    if (const auto* record = std::get_if<Record>(&body[i].operands)) {
      if (!record_of_event.emplace(record->event.value, i).second) verdict = "recorded twice";
    }
    if (const auto* wait = std::get_if<Wait>(&body[i].operands)) {
      const auto record = record_of_event.find(wait->event.value);
      if (record == record_of_event.end()) {
        verdict = "waited for before it is recorded";
      } else {
        follows(record->second);
      }
    }
  }
  return nodes;
}

Verdict JudgeMemory(const Plan& plan, size_t p, ProgramKind program,
                    std::vector<Effect> written_before) {
  Verdict verdict;
  const std::vector<Node> nodes = Graph(plan, p, program, verdict);
  if (!verdict.empty()) return verdict;
  const auto place = [&](size_t i) {
    return "position " + std::to_string(p) + " instruction " + std::to_string(i);
  };
  for (size_t j = 0; j < nodes.size(); ++j) {
    for (size_t a = 0; a < nodes[j].effects.size(); ++a) {
      const Effect& effect = nodes[j].effects[a];
      std::vector<std::pair<int64_t, int64_t>> written;
      for (const Effect& earlier : written_before) {
        if (Overlap(earlier, effect)) written.emplace_back(earlier.begin, earlier.end);
      }
      for (size_t i = 0; i < j; ++i) {
        for (const Effect& earlier : nodes[i].effects) {
          if (!Overlap(earlier, effect)) continue;
          if (Conflict(earlier, effect) && !nodes[j].After(i)) {
            return place(j) + " races with " + std::to_string(i);
          }
          if (earlier.access != Access::kRead) written.emplace_back(earlier.begin, earlier.end);
        }
      }
      for (size_t b = 0; b < a; ++b) {
        if (Conflict(nodes[j].effects[b], effect)) return place(j) + " conflicts with itself";
      }
      if (effect.access != Access::kWrite && !Covered(effect, written)) {
        return place(j) + " reads what is not written";
      }
    }
  }
  return {};
}

}  // namespace

Verdict JudgeOrder(const Plan& plan) {
  for (const ProgramKind program :
       {ProgramKind::kInitialise, ProgramKind::kStep, ProgramKind::kValidate}) {
    for (const StreamView view : {StreamView::kSeparate, StreamView::kMerged}) {
      const OracleRun run =
          RunSlowly(plan, program, view, program == ProgramKind::kStep ? 2 : 1, KeepOrder::kNo);
      if (run.state == OracleRun::State::kHangs) return "hangs";
      if (run.state == OracleRun::State::kMismatch) return "mismatched messages";
    }
  }
  for (size_t p = 0; p < plan.positions.size(); ++p) {
    Verdict verdict = JudgeMemory(plan, p, ProgramKind::kInitialise, {});
    if (!verdict.empty()) return verdict;
    std::vector<Effect> initialised, kept;
    for (const Instruction& instruction : Body(plan, p, ProgramKind::kInitialise)) {
      AppendEffects(plan, plan.positions[p], instruction, initialised);
    }
    for (const Effect& effect : initialised) {
      if (effect.access != Access::kRead && Survives(effect.arena)) kept.push_back(effect);
    }
    for (const ProgramKind program : {ProgramKind::kStep, ProgramKind::kValidate}) {
      verdict = JudgeMemory(plan, p, program, kept);
      if (!verdict.empty()) return std::string(Name(program)) + ": " + verdict;
    }
  }
  return {};
}

}  // namespace pprun
