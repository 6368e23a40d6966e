#include "compiler/schedule/transfer_queues.h"

#include <map>
#include <utility>

namespace pprun {

void AddQueues(TransferQueues transfers, GreedyProblem& problem) {
  std::map<std::pair<int32_t, int32_t>, int32_t> of_peers;
  problem.queues =
      transfers == TransferQueues::kPerRank ? static_cast<int32_t>(problem.ranks.size()) : 0;
  for (GreedyPart& part : problem.parts) {
    for (const Piece piece : {Piece::kForward, Piece::kGradient}) {
      const int32_t target = piece == Piece::kForward ? part.later : part.earlier;
      if (target < 0 || problem[target].rank == part.rank) continue;
      QueueEnds& ends = part.queues[static_cast<size_t>(piece)];
      const int32_t to = problem[target].rank;
      switch (transfers) {
        case TransferQueues::kPerPeer: {
          const auto [queue, added] = of_peers.try_emplace({part.rank, to}, problem.queues);
          if (added) ++problem.queues;
          ends = {queue->second, queue->second};
          break;
        }
        case TransferQueues::kPerRank:
          ends = {part.rank, to};
          break;
        case TransferQueues::kPerFlow:
          ends = {problem.queues, problem.queues};
          ++problem.queues;
          break;
      }
    }
  }
}

}  // namespace pprun
