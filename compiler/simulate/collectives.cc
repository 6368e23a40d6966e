#include "compiler/simulate/collectives.h"

#include <algorithm>
#include <bit>

#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

// Traffic of a ring for one byte.
double Factor(CollectiveKind kind, int64_t ranks) {
  const double n = static_cast<double>(ranks);
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return 2 * (n - 1) / n;
    case CollectiveKind::kAllGather:
    case CollectiveKind::kReduceScatter:
    case CollectiveKind::kAllToAll:
      return (n - 1) / n;
    case CollectiveKind::kBroadcast:
    case CollectiveKind::kReduce:
      return 1;
  }
  CHECK(false);
}

}  // namespace

double RingTraffic(CollectiveKind kind, int64_t ranks, double bytes) {
  return ranks <= 1 ? 0 : Factor(kind, ranks) * bytes;
}

int64_t RingSteps(CollectiveKind kind, int64_t ranks) {
  if (ranks <= 1) return 0;
  return kind == CollectiveKind::kAllReduce ? 2 * (ranks - 1) : ranks - 1;
}

double RingTime(CollectiveKind kind, int64_t ranks, double bytes, LinkSpeed link) {
  if (ranks <= 1) return 0;
  return link.latency * static_cast<double>(RingSteps(kind, ranks)) +
         RingTraffic(kind, ranks, bytes) / link.bandwidth;
}

double TreeTime(CollectiveKind kind, int64_t ranks, double bytes, LinkSpeed link) {
  if (ranks <= 1) return 0;
  const double depth = static_cast<int>(std::bit_width(static_cast<uint64_t>(ranks - 1)));
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return 2 * (link.latency * depth + bytes / link.bandwidth);
    case CollectiveKind::kBroadcast:
    case CollectiveKind::kReduce:
      return link.latency * depth + bytes / link.bandwidth;
    case CollectiveKind::kAllGather:
    case CollectiveKind::kReduceScatter:
    case CollectiveKind::kAllToAll:
      return RingTime(kind, ranks, bytes, link);
  }
  CHECK(false);
}

double CollectiveTime(CollectiveKind kind, int64_t ranks, double bytes, LinkSpeed link) {
  return std::min(RingTime(kind, ranks, bytes, link), TreeTime(kind, ranks, bytes, link));
}

double BusBandwidth(CollectiveKind kind, int64_t ranks, double bytes, double seconds) {
  return Factor(kind, ranks) * bytes / seconds;
}

}  // namespace pprun
