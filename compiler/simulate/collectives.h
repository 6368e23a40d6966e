// What a collective moves and how long that takes: rings and trees (Thakur, Rabenseifner and Gropp
// 2005; Sanders, Speck and Träff 2009). Tests: collectives_test.cc.
#pragma once

#include <cstdint>

#include "compiler/plan/instruction.h"

namespace pprun {

// Bytes that each of n ranks sends in a ring, for M bytes: all-reduce 2(n-1)/n M; all-gather,
// reduce-scatter and all-to-all (n-1)/n M; broadcast and reduce M. M is the whole: an all-gather's
// result, a reduce-scatter's source. Nothing for one rank.
double RingTraffic(CollectiveKind kind, int64_t ranks, double bytes);

// Messages that follow one another in a ring: 2(n-1) in an all-reduce, n-1 in the others.
int64_t RingSteps(CollectiveKind kind, int64_t ranks);

// One direction of a link: `latency` seconds a message, `bandwidth` bytes a second.
struct LinkSpeed {
  double latency = 0;
  double bandwidth = 0;
};

// Seconds: latency * steps + traffic / bandwidth.
double RingTime(CollectiveKind kind, int64_t ranks, double bytes, LinkSpeed link);

// Seconds of a double binary tree, which exists for an all-reduce, a broadcast and a reduce: each
// rank moves as much as in a ring without the (n-1)/n, in ceil(log2 n) messages each way. A kind
// without a tree takes what a ring takes.
double TreeTime(CollectiveKind kind, int64_t ranks, double bytes, LinkSpeed link);

// The faster of the two, as the libraries choose.
double CollectiveTime(CollectiveKind kind, int64_t ranks, double bytes, LinkSpeed link);

// Bus bandwidth as nccl-tests reports it, in bytes a second: bytes / seconds times what makes it
// comparable with a link's bandwidth (2(n-1)/n for an all-reduce; (n-1)/n for all-gather,
// reduce-scatter and all-to-all; 1 for the others).
double BusBandwidth(CollectiveKind kind, int64_t ranks, double bytes, double seconds);

}  // namespace pprun
