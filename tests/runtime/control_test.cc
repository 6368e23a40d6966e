// The control channel: verdicts; and, by the conformance suite, who hears them in one process.
#include "runtime/control.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/conformance/control_conformance.h"

namespace pprun {
namespace {

TEST(Judge, SumsSharesInRankOrder) {
  const std::vector<StepReport> reports = {{.step = 4},
                                           {.step = 4, .loss = 1.5, .validation_loss = 0.25},
                                           {.step = 4, .gradient_norm = 3.0},
                                           {.step = 4, .loss = 2.25, .validation_loss = 0.5}};
  const StepVerdict verdict = Judge(reports);
  EXPECT_EQ(verdict.action, StepVerdict::Action::kGoOn);
  EXPECT_EQ(verdict.step, 4);
  EXPECT_EQ(verdict.loss, 3.75);
  EXPECT_EQ(verdict.validation_loss, 0.75);
  EXPECT_EQ(verdict.gradient_norm, 3.0);
}

TEST(Judge, ANumberThatIsNotFiniteFailsAndNamesStepAndRank) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Judge(std::vector<StepReport>{{.step = 11}, {.step = 11, .loss = nan}}).why,
            "loss is nan in step 12 on rank 1");
  EXPECT_EQ(Judge(std::vector<StepReport>{{.step = 0, .loss = 1, .gradient_norm = inf}}).why,
            "gradient norm is inf in step 1 on rank 0");
  // The loss comes first, though its rank does not.
  const StepVerdict both =
      Judge(std::vector<StepReport>{{.step = 1, .gradient_norm = nan}, {.step = 1, .loss = -inf}});
  EXPECT_EQ(both.action, StepVerdict::Action::kFail);
  EXPECT_EQ(both.why, "loss is -inf in step 2 on rank 1");
}

TEST(Judge, OneInterruptStopsAllAndAFailureOutweighsIt) {
  std::vector<StepReport> reports = {{.step = 0}, {.step = 0, .wish = StepReport::Wish::kStop}};
  EXPECT_EQ(Judge(reports).action, StepVerdict::Action::kStop);
  reports[0].loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Judge(reports).action, StepVerdict::Action::kFail);
}

class LocalRoom : public ControlRoom {
 public:
  LocalRoom(int64_t ranks, std::chrono::milliseconds deadline) : controls_(ranks, deadline) {}
  Controls& controls(int64_t) override { return controls_; }

 private:
  LocalControl controls_;
};

INSTANTIATE_TEST_SUITE_P(Local, ControlConformance,
                         testing::Values(ControlCase{
                             "local",
                             [](int64_t ranks, std::chrono::milliseconds deadline) {
                               return std::make_unique<LocalRoom>(ranks, deadline);
                             }}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace pprun
