// How well the byte before predicts a byte: the entropy of held-out text, in nats a byte, under a
// bigram model counted on the training text. A language model whose attention works is well below.
//
//   bigram TRAINING HELD_OUT
//
// p(b | a) = (n(a b) + k q(b)) / (n(a) + k), where q(b) is the share of byte b in the training
// text, each byte counted once more than it occurs. k is the power of two that suits the held-out
// text best, so no choice of k makes the yardstick shorter. Checked by quickstart.sh's run.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

constexpr size_t kBytes = 256;

struct Counts {
  std::array<std::array<double, kBytes>, kBytes> pairs{};
  std::array<double, kBytes> firsts{};  // of pairs
  std::array<double, kBytes> share{};   // q
};

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.good() && !file.eof()) throw std::runtime_error("cannot read `" + path + "`");
  if (text.size() < 2) throw std::runtime_error("`" + path + "` has no pair of bytes");
  return text;
}

size_t At(const std::string& text, size_t i) { return static_cast<unsigned char>(text[i]); }

std::unique_ptr<Counts> Count(const std::string& text) {
  auto counts = std::make_unique<Counts>();
  counts->share.fill(1);
  for (size_t i = 0; i < text.size(); ++i) {
    counts->share[At(text, i)] += 1;
    if (i == 0) continue;
    counts->pairs[At(text, i - 1)][At(text, i)] += 1;
    counts->firsts[At(text, i - 1)] += 1;
  }
  for (double& share : counts->share) share /= static_cast<double>(text.size() + kBytes);
  return counts;
}

double Entropy(const Counts& counts, const std::string& text, double k) {
  double nats = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    const size_t a = At(text, i - 1);
    const size_t b = At(text, i);
    nats -= std::log((counts.pairs[a][b] + k * counts.share[b]) / (counts.firsts[a] + k));
  }
  return nats / static_cast<double>(text.size() - 1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: bigram TRAINING HELD_OUT\n";
    return 2;
  }
  try {
    const std::unique_ptr<Counts> counts = Count(Read(argv[1]));
    const std::string held_out = Read(argv[2]);
    double best = INFINITY;
    for (double k = 1; k <= 1024; k *= 2) best = std::min(best, Entropy(*counts, held_out, k));
    std::cout << best << "\n";
  } catch (const std::exception& error) {
    std::cerr << "bigram: error: " << error.what() << "\n";
    return 1;
  }
}
