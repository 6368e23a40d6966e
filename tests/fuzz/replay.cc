// Runs a fuzz target without libFuzzer: every input of the files and folders given, then seeded
// mutations of them, in a process of its own, so that a crash and a hang are told with the input
// that did it.
//
//   parse_fuzz [PATH...]      a target of this folder built with any compiler; libFuzzer's own main
//                             stands here where it is built with -DPPRUN_FUZZERS=ON
//
// By environment: PPRUN_FUZZ_RUNS, mutated inputs (default 2000); PPRUN_FUZZ_SEED.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

// Longer for one input is a hang; sanitizers and a busy machine are allowed for.
constexpr unsigned kPatienceSeconds = 60;

struct Input {
  std::string name;
  Bytes bytes;
};

Input ReadInput(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {path.string(), Bytes(std::istreambuf_iterator<char>(file), {})};
}

// In an order that does not depend on the file system.
std::vector<Input> ReadInputs(const std::vector<std::string>& paths) {
  std::vector<Input> inputs;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      inputs.push_back(ReadInput(path));
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) inputs.push_back(ReadInput(entry.path()));
    }
  }
  std::sort(inputs.begin(), inputs.end(),
            [](const Input& a, const Input& b) { return a.name < b.name; });
  return inputs;
}

uint64_t Setting(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, std::max<size_t>(bound, 1) - 1)(random_);
  }

  // A few changes; stretches come from either input.
  Bytes Mutate(Bytes bytes, const Bytes& other) {
    for (size_t changes = 1 + Below(4); changes > 0; --changes) Change(bytes, other);
    return bytes;
  }

 private:
  Bytes Stretch(const Bytes& from) {
    const size_t begin = Below(from.size() + 1);
    const size_t end = std::min(from.size(), begin + Below(48));
    return Bytes(from.begin() + static_cast<std::ptrdiff_t>(begin),
                 from.begin() + static_cast<std::ptrdiff_t>(end));
  }

  void Change(Bytes& bytes, const Bytes& other) {
    const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(Below(bytes.size() + 1));
    const size_t left = static_cast<size_t>(bytes.end() - at);
    const Bytes piece = Stretch(Below(2) == 0 ? bytes : other);
    switch (Below(4)) {
      case 0:
        if (left > 0) *at = static_cast<uint8_t>(*at ^ (1u << Below(8)));
        return;
      case 1:
        bytes.erase(at, at + static_cast<std::ptrdiff_t>(std::min(left, Below(48))));
        return;
      case 2:
        bytes.insert(at, piece.begin(), piece.end());
        return;
      default:
        std::copy_n(piece.begin(), std::min(left, piece.size()), at);
    }
  }

  std::mt19937_64 random_;
};

// Input `index`: those given come first.
Bytes MakeInput(const std::vector<Input>& inputs, uint64_t index, uint64_t seed) {
  if (index < inputs.size()) return inputs[index].bytes;
  Mutator mutator(seed + index);
  const Bytes& first = inputs[mutator.Below(inputs.size())].bytes;
  return mutator.Mutate(first, inputs[mutator.Below(inputs.size())].bytes);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<Input> inputs = ReadInputs({argv + 1, argv + argc});
  if (inputs.empty()) {
    std::fprintf(stderr, "no inputs: name files or folders\n");
    return 2;
  }
  const uint64_t seed = Setting("PPRUN_FUZZ_SEED", 1);
  const uint64_t count = inputs.size() + Setting("PPRUN_FUZZ_RUNS", 2000);
  std::printf("%zu inputs, then mutations of them to %llu, seed %llu\n", inputs.size(),
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(seed));
  std::fflush(stdout);

  // What the child is at, for the parent to see.
  void* shared =
      mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 2;
  uint64_t& current = *static_cast<uint64_t*>(shared);
  const pid_t child = fork();
  if (child < 0) return 2;
  if (child == 0) {
    for (uint64_t i = 0; i < count; ++i) {
      current = i;
      alarm(kPatienceSeconds);
      const Bytes bytes = MakeInput(inputs, i, seed);
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    // An orderly end: a leak checker looks now.
    return 0;
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return 2;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  const Bytes bytes = MakeInput(inputs, current, seed);
  const std::string name = "crash-" + std::to_string(current);
  std::ofstream(name, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  std::fprintf(stderr, "input %llu failed (%s %d); it is in the file %s\n",
               static_cast<unsigned long long>(current), WIFSIGNALED(status) ? "signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), name.c_str());
  return 1;
}
