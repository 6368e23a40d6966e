// reference_inputs PLAN.sched FOLDER [NAME=VALUE ...]: writes what a training run starts from, for
// train.py: FOLDER/weights.safetensors, FOLDER/tokens.bin (raw int32) and FOLDER/training.json.
// NAME=VALUE as pprun's --set. Tests: reference_test.cc compares what comes of it.
#include <exception>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>

#include "compiler/compile.h"
#include "compiler/plan/base/output_file.h"
#include "tests/reference/training_inputs.h"

namespace pprun {
namespace {

void Write(const std::string& path, std::span<const std::byte> bytes) {
  OutputFile file(path);
  file.Write(bytes);
  file.Commit();
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: reference_inputs PLAN.sched FOLDER [NAME=VALUE ...]\n";
    return 2;
  }
  const std::string folder = argv[2];
  CompileOptions options;
  for (int i = 3; i < argc; ++i) {
    const std::string setting = argv[i];
    const size_t equals = setting.find('=');
    if (equals == std::string::npos) {
      std::cerr << "reference_inputs: error: `" << setting << "` is not of the form NAME=VALUE\n";
      return 2;
    }
    options.overrides.push_back({setting.substr(0, equals), setting.substr(equals + 1)});
  }
  const Compilation compilation = Compile(argv[1], options);
  std::cerr << compilation.Messages();
  if (!compilation.Ok() || !compilation.plan) return 1;
  const Plan& plan = *compilation.plan;
  std::filesystem::create_directories(folder);
  SaveInitialWeights(folder + "/weights.safetensors", plan);
  const std::vector<int32_t> tokens = TokensOf(plan);
  Write(folder + "/tokens.bin", std::as_bytes(std::span(tokens)));
  const std::string description = Description(plan, *compilation.checked);
  Write(folder + "/training.json", std::as_bytes(std::span(description)));
  return 0;
}

}  // namespace
}  // namespace pprun

int main(int argc, char** argv) {
  try {
    return pprun::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "reference_inputs: error: " << error.what() << "\n";
    return 1;
  }
}
