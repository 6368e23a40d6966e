#include "runtime/token_stream.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "compiler/plan/base/amount.h"
#include "compiler/plan/base/check.h"

namespace pprun {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr int64_t kHeaderBytes = 256 * 4;

struct HeaderKind {
  int32_t magic = 0;
  int32_t version = 0;
  int64_t width = 0;  // bytes of a token
};
constexpr std::array<HeaderKind, 2> kHeaderKinds = {{{20240520, 1, 2}, {20240801, 7, 4}}};

std::string Quoted(const std::string& path) { return "`" + path + "`"; }

// Bytes before the first token. A raw file that began with a header's magic would begin with an id
// that no vocabulary of these sizes has.
int64_t HeaderBytes(const std::string& path, const DataFile& file, int64_t width) {
  std::array<int32_t, 3> header{};
  const int64_t size = file.size();
  if (size < static_cast<int64_t>(sizeof(header))) return 0;
  file.Read(0, std::as_writable_bytes(std::span(header)));
  for (const HeaderKind& kind : kHeaderKinds) {
    if (header[0] != kind.magic) continue;
    if (width != kind.width) {
      throw std::runtime_error(Quoted(path) + " holds tokens of " + std::to_string(kind.width * 8) +
                               " bits by its header, not " + std::to_string(width * 8));
    }
    if (header[1] != kind.version) {
      throw std::runtime_error(Quoted(path) + " has a token file header of version " +
                               std::to_string(header[1]) + "; only version " +
                               std::to_string(kind.version) + " is known");
    }
    if (size < kHeaderBytes || (size - kHeaderBytes) % width != 0 ||
        (size - kHeaderBytes) / width != header[2]) {
      throw std::runtime_error(
          Quoted(path) + " is damaged: its header says " + Amount(header[2], "token") + ", and " +
          std::to_string(std::max<int64_t>(size - kHeaderBytes, 0)) + " bytes follow it");
    }
    return kHeaderBytes;
  }
  return 0;
}

// Words from `begin` of the file on.
template <typename Word>
void ReadWords(const DataFile& file, int64_t begin, std::span<int32_t> tokens) {
  std::vector<Word> words(tokens.size());
  file.Read(begin, std::as_writable_bytes(std::span(words)));
  std::copy(words.begin(), words.end(), tokens.begin());
}

int64_t WidthOf(DataSpec::Kind kind) {
  CHECK(kind == DataSpec::Kind::kBytes || kind == DataSpec::Kind::kTokensU16 ||
        kind == DataSpec::Kind::kTokensU32);
  if (kind == DataSpec::Kind::kTokensU32) return 4;
  return kind == DataSpec::Kind::kTokensU16 ? 2 : 1;
}

}  // namespace

TokenStream TokenStream::Open(const DataSpec& spec, int64_t vocabulary) {
  const int64_t width = WidthOf(spec.kind);
  DataFile file(spec.path);
  const int64_t header = width == 1 ? 0 : HeaderBytes(spec.path, file, width);
  const int64_t data = file.size() - header;
  if (data % width != 0) {
    throw std::runtime_error(Quoted(spec.path) + " has " + std::to_string(data) +
                             " bytes, which is no whole number of tokens of " +
                             std::to_string(width * 8) + " bits");
  }
  TokenStream stream(std::move(file), width, header, data / width);
  switch (width) {
    case 1:
      stream.CheckIds<uint8_t>(spec.path, vocabulary);
      break;
    case 2:
      stream.CheckIds<uint16_t>(spec.path, vocabulary);
      break;
    default:
      stream.CheckIds<uint32_t>(spec.path, vocabulary);
  }
  return stream;
}

template <typename Word>
void TokenStream::CheckIds(const std::string& path, int64_t vocabulary) const {
  if (vocabulary > std::numeric_limits<Word>::max()) return;
  // The largest of a block first: that loop has no branch, so it runs as fast as the file is read.
  constexpr int64_t kBlock = 1 << 16;
  std::vector<Word> words;
  for (int64_t block = 0; block < count_; block += kBlock) {
    words.resize(static_cast<size_t>(std::min(count_ - block, kBlock)));
    file_.Read(At(block), std::as_writable_bytes(std::span(words)));
    Word largest = 0;
    for (const Word word : words) largest = std::max(largest, word);
    if (static_cast<int64_t>(largest) < vocabulary) continue;
    for (size_t at = 0; at < words.size(); ++at) {
      const int64_t i = block + static_cast<int64_t>(at);
      const int64_t token = static_cast<int64_t>(words[at]);
      if (token < vocabulary) continue;
      throw std::runtime_error(Quoted(path) + ": token " + std::to_string(i) + " is " +
                               std::to_string(token) + ", beyond the vocabulary of " +
                               std::to_string(vocabulary) + " (byte offset " +
                               std::to_string(header_ + i * width_) + ")");
    }
  }
}

void TokenStream::Read(int64_t begin, std::span<int32_t> tokens) const {
  CHECK(begin >= 0 && begin + static_cast<int64_t>(tokens.size()) <= count_);
  switch (width_) {
    case 1:
      return ReadWords<uint8_t>(file_, At(begin), tokens);
    case 2:
      return ReadWords<uint16_t>(file_, At(begin), tokens);
    default:
      return ReadWords<uint32_t>(file_, At(begin), tokens);
  }
}

}  // namespace pprun
