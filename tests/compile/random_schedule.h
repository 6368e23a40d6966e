// Random orders of a schedule's tasks, and their text: every position's list spelt out.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "compiler/plan/task_kind.h"

namespace pprun {

struct RandomTask {
  TaskKind kind = TaskKind::kForward;
  int microbatch = 0;
  // Beside the next one, as an overlapped pair; the two start together.
  enum class Beside : uint8_t { kNothing, kNext } beside = Beside::kNothing;
};

// [position], in order.
using RandomOrder = std::vector<std::vector<RandomTask>>;

// The positions' shares of one random order of all tasks in which everything comes after what it
// needs: a legal schedule. Each (position, microbatch) goes back in one task or in two halves.
RandomOrder LegalOrder(std::mt19937_64& random, int pp, int microbatches);

// Each position's tasks in a random order of its own: positions may come to wait for each other.
RandomOrder LocalOrder(std::mt19937_64& random, int pp, int microbatches);

// Makes overlapped pairs of some neighbours of different microbatches, where the order stays legal.
void PairUp(std::mt19937_64& random, RandomOrder& order);

// Whether every position gets to its end, found by running whatever can run.
bool Completes(const RandomOrder& order);

// `schedule random { ... }`, and its choice.
std::string ToSource(const RandomOrder& order);

}  // namespace pprun
