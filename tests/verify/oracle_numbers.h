// The arithmetic of the oracle: functions as hashes of what they read. Shared by the reference and
// by the execution of plans, since both must mean the same by "what a layer computes".
#pragma once

#include <initializer_list>

#include "compiler/plan/plan.h"
#include "tests/verify/oracle.h"

namespace pprun {

inline Word Scramble(Word word) {
  word = (word ^ (word >> 31)) * 0xD6E8FEB86659FD93;
  word = (word ^ (word >> 29)) * 0xA3B195354A39B70D;
  return word ^ (word >> 32);
}
inline Word Combine(std::initializer_list<Word> words) {
  Word state = 1;
  for (const Word word : words) state = Scramble(state + word) + 0x632BE59BD9B4E019;
  return state;
}
inline Word Combine(Word state, const Words& words) {
  for (const Word word : words) state = Combine({state, word});
  return state;
}

// Tokens (0) or targets (1) of a microbatch on one replica.
Words BatchWords(int what, int32_t microbatch, int64_t replica, int64_t bytes);
Words InitialWords(ParameterId parameter, int64_t bytes);

// A call: what it read decides every word it writes.
struct OracleCall {
  Word state = 0;

  OracleCall(const Function& function, LayerId layer, MicrobatchId microbatch, int64_t replica);
  void Read(const Argument& argument, const Words& words);
  Words Result(const Argument& argument) const;
};

// What rounding to half as many bytes leaves.
Words RoundedWords(const Words& words);

// Square sums of the 64 Ki-element blocks, two words each.
Words SquareSums(const Words& gradient);
Word ClipWord(const Words& sums_in_order);

// One update of everything a parameter has.
void UpdateWords(Words& value, const Words& gradient, Words& first, Words& second);

}  // namespace pprun
