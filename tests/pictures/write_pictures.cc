// Writes the pictures that pictures_test.py looks at into a folder: write_pictures FOLDER.
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

#include "compiler/report/svg_timeline.h"
#include "compiler/simulate/simulate.h"
#include "tests/simulate/pipeline_plan.h"

namespace pprun {
namespace {

using testing::OneForwardOneBackward;
using testing::PipelinePlan;
using testing::ZeroBubbleH1;

template <typename Write>
void WriteFile(const std::string& path, const Write& write) {
  std::ofstream file(path, std::ios::binary);
  write(file);
  file.close();
  if (!file) throw std::runtime_error("cannot write `" + path + "`");
}

Trace Predict(const Plan& plan, const std::string& costs, int32_t steps) {
  return Simulate(plan, ProgramKind::kStep, ParseCosts(costs), steps);
}

void WriteAll(const std::string& folder) {
  const auto svg = [&](const std::string& name, const Plan& plan, const Trace& trace) {
    WriteFile(folder + "/" + name + ".svg",
              [&](std::ostream& out) { WriteSvgTimeline(out, plan, trace, {}); });
  };
  const Plan one_f_one_b = PipelinePlan(OneForwardOneBackward(4, 8));
  svg("one_f_one_b", one_f_one_b, Predict(one_f_one_b, "F=1,B=2", 1));
  svg("two_steps", one_f_one_b, Predict(one_f_one_b, "F=1,B=2", 2));
  Plan zero_bubble = PipelinePlan(ZeroBubbleH1(4, 8));
  zero_bubble.schedule = "zero_bubble_h1";
  svg("zero_bubble", zero_bubble, Predict(zero_bubble, "F=1,I=1,W=1", 1));
  const Plan large = PipelinePlan(OneForwardOneBackward(16, 512));
  svg("large", large, Predict(large, "F=1,B=2", 1));
}

}  // namespace
}  // namespace pprun

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: write_pictures FOLDER\n";
    return 2;
  }
  try {
    pprun::WriteAll(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "write_pictures: error: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
