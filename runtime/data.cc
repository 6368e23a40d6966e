#include "runtime/data.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "compiler/plan/base/check.h"
#include "kernels/random.h"
#include "runtime/synthetic_text.h"
#include "runtime/token_stream.h"
#include "runtime/window_order.h"

namespace pprun {
namespace {

// Tells the uses of an epoch's key apart.
constexpr uint64_t kOrder = 1;
constexpr uint64_t kShift = 2;

// A sample's tokens, one more than the sequence, as inputs and targets.
void Divide(std::span<const int32_t> tokens, std::span<int32_t> inputs,
            std::span<int32_t> targets) {
  std::copy(tokens.begin(), tokens.end() - 1, inputs.begin());
  std::copy(tokens.begin() + 1, tokens.end(), targets.begin());
}

class FileData : public DataSet {
 public:
  FileData(TokenStream stream, int64_t sequence, uint64_t seed)
      : stream_(std::move(stream)),
        sequence_(sequence),
        seed_(seed),
        // One window fewer than would fit leaves room for every shift below `sequence`.
        windows_(std::max<int64_t>(1, (stream_.count() - sequence) / sequence)),
        shifts_(stream_.count() - windows_ * sequence) {}

  int64_t Tokens() const override { return stream_.count(); }

  void Sample(int64_t index, std::span<int32_t> inputs, std::span<int32_t> targets) const override {
    CHECK(index >= 0 && static_cast<int64_t>(inputs.size()) == sequence_ &&
          targets.size() == inputs.size());
    const uint64_t epoch = kernels::MixKeys(seed_, static_cast<uint64_t>(index / windows_));
    const int64_t window =
        PermutedIndex(kernels::MixKeys(epoch, kOrder), windows_, index % windows_);
    const int64_t shift =
        static_cast<int64_t>(kernels::MixKeys(epoch, kShift) % static_cast<uint64_t>(shifts_));
    std::vector<int32_t> tokens(static_cast<size_t>(sequence_) + 1);
    stream_.Read(shift + window * sequence_, tokens);
    Divide(tokens, inputs, targets);
  }

 private:
  TokenStream stream_;
  int64_t sequence_;
  uint64_t seed_;
  int64_t windows_;  // of an epoch
  int64_t shifts_;   // at which they may begin
};

class SyntheticData : public DataSet {
 public:
  SyntheticData(uint64_t seed, int64_t vocabulary) : seed_(seed), vocabulary_(vocabulary) {}

  int64_t Tokens() const override { return 0; }

  void Sample(int64_t index, std::span<int32_t> inputs, std::span<int32_t> targets) const override {
    CHECK(index >= 0 && targets.size() == inputs.size());
    std::vector<int32_t> tokens(inputs.size() + 1);
    DrawSyntheticText(seed_, vocabulary_, index, tokens);
    Divide(tokens, inputs, targets);
  }

 private:
  uint64_t seed_;
  int64_t vocabulary_;
};

}  // namespace

std::unique_ptr<DataSet> OpenData(const DataSpec& spec, int64_t sequence, int64_t vocabulary,
                                  uint64_t seed) {
  CHECK(spec.kind != DataSpec::Kind::kNone && sequence > 0 && vocabulary > 0);
  if (spec.kind == DataSpec::Kind::kSynthetic) {
    return std::make_unique<SyntheticData>(spec.seed, vocabulary);
  }
  TokenStream stream = TokenStream::Open(spec, vocabulary);
  if (stream.count() < sequence + 1) {
    throw std::runtime_error("`" + spec.path + "` has " + std::to_string(stream.count()) +
                             (stream.count() == 1 ? " token" : " tokens") + "; a sequence of " +
                             std::to_string(sequence) + " needs " + std::to_string(sequence + 1));
  }
  return std::make_unique<FileData>(std::move(stream), sequence, seed);
}

}  // namespace pprun
