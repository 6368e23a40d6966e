// Synthetic text that a model can learn: a Markov chain over the vocabulary, drawn by a
// counter-based generator from the seed and the sample's index alone, so it needs no file and never
// ends.
//
// The first token is uniform. Each token has four favoured successors, fixed by the seed. The next
// token is, with probability 1/16, any token of the vocabulary, else one of the favoured with
// probabilities 1/2, 1/4, 1/8 and 1/8. So the entropy is about 1.37 + ln(vocabulary) / 16 nats a
// token (1.72 for 256), against ln(vocabulary) for a model that has learnt nothing (5.55).
// Tests: data_test.cc.
#pragma once

#include <cstdint>
#include <span>

namespace pprun {

void DrawSyntheticText(uint64_t seed, int64_t vocabulary, int64_t sample,
                       std::span<int32_t> tokens);

}  // namespace pprun
