// Writes the pictures that pictures_test.py looks at into a folder: write_pictures FOLDER.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/report/compare_traces.h"
#include "compiler/report/html_timeline.h"
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

// The prediction with these costs in milliseconds, as step 6 of a run of all replicas, with noise.
Trace Measure(const Plan& plan, const std::string& costs) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> noise(0, 4e-5);
  const Trace predicted = Predict(plan, costs, 1);
  Trace trace = {.kind = Trace::Kind::kMeasured, .events = {}};
  for (int64_t rank = 0; rank < plan.Ranks(); ++rank) {
    for (TraceEvent event : predicted.events) {
      if (event.rank != PredictedRankOf(plan, rank)) continue;
      event.rank = rank;
      event.repeat = 5;
      event.begin = event.begin * 1e-3 + noise(random);
      event.end = std::max(event.begin, event.end * 1e-3 - noise(random));
      trace.events.push_back(event);
    }
  }
  return trace;
}

void WritePages(const std::string& folder) {
  const auto page = [&](const std::string& name, const std::vector<NamedTrace>& traces) {
    WriteFile(folder + "/" + name + ".html",
              [&](std::ostream& out) { WriteHtmlTimeline(out, traces, {}); });
  };
  const Plan plan = PipelinePlan(OneForwardOneBackward(4, 8), {.layers = 2});
  const Trace predicted = Predict(plan, "F=1,B=2,C=0.1", 1);
  page("page", {{.plan = &plan, .predicted = &predicted}});
  Plan trained = plan;
  trained.train.vocabulary = 256;
  page("trained", {{.plan = &trained, .predicted = &predicted}});
  const Trace two = Predict(plan, "F=1,B=2,C=0.1", 2);
  page("two_steps", {{.plan = &plan, .predicted = &two}});
  const Trace measured = Measure(plan, "F=1.1,B=2.1,C=0.3");
  page("measured", {{.plan = &plan, .predicted = &predicted, .measured = &measured}});
  WriteFile(folder + "/measured.svg", [&](std::ostream& out) {
    WriteSvgTimeline(out, {{.plan = &plan, .predicted = &predicted, .measured = &measured}}, {});
  });

  Plan gpipe = PipelinePlan(testing::GPipe(4, 8));
  gpipe.schedule = "gpipe";
  Plan zero_bubble = PipelinePlan(ZeroBubbleH1(4, 8));
  zero_bubble.schedule = "zero_bubble_h1";
  const Trace gpipe_trace = Predict(gpipe, "F=1,B=2,C=0.1", 1);
  const Trace zero_bubble_trace = Predict(zero_bubble, "F=1,I=1,W=1,C=0.1", 1);
  const std::vector<NamedTrace> several = {{.plan = &gpipe, .predicted = &gpipe_trace},
                                           {.plan = &plan, .predicted = &predicted},
                                           {.plan = &zero_bubble, .predicted = &zero_bubble_trace}};
  page("several", several);
  WriteFile(folder + "/several.svg",
            [&](std::ostream& out) { WriteSvgTimeline(out, several, {}); });
  const Trace nothing = Predict(plan, "F=0,B=0", 1);
  page("nothing", {{.plan = &plan, .predicted = &nothing}});

  // Whatever a file may call its things.
  Plan hostile = PipelinePlan(OneForwardOneBackward(2, 2));
  const std::string attack =
      "</script><script>document.title='owned'</script><!--<script><img src=x "
      "onerror=\"document.title='owned'\">&lt;\xe2\x80\xa8';//\x01\xff";
  hostile.name = hostile.schedule = attack;
  hostile.layers[0].name = hostile.functions[0].name = attack;
  hostile.sources[0].reason = hostile.files[0].path = attack;
  hostile.positions[0].streams[1].name = attack;
  const Trace hostile_trace = Predict(hostile, "F=1,B=2,C=1", 1);
  page("hostile", {{.name = attack, .plan = &hostile, .predicted = &hostile_trace},
                   {.name = attack, .plan = &hostile, .predicted = &hostile_trace}});

  const Plan large = PipelinePlan(OneForwardOneBackward(16, 2048));
  const Trace large_trace = Predict(large, "F=1,B=2", 1);
  page("large", {{.plan = &large, .predicted = &large_trace}});
}

void WriteAll(const std::string& folder) {
  WritePages(folder);
  const auto svg = [&](const std::string& name, const Plan& plan, const Trace& trace) {
    WriteFile(folder + "/" + name + ".svg", [&](std::ostream& out) {
      WriteSvgTimeline(out, {{.plan = &plan, .predicted = &trace}}, {});
    });
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
