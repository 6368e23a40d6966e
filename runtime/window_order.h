// The order in which an epoch visits the windows of a file: a keyed permutation of 0 .. count,
// computed entry by entry, so that it needs no table. A Feistel network permutes the next even
// power of two; values that fall outside are permuted again until they do not (cycle walking, Black
// and Rogaway 2002, "Ciphers with Arbitrary Finite Domains"), which takes under four rounds of it
// on average. Tests: data_test.cc.
#pragma once

#include <cstdint>

namespace pprun {

// The index-th entry of the permutation of 0 .. count that `key` names.
int64_t PermutedIndex(uint64_t key, int64_t count, int64_t index);

}  // namespace pprun
