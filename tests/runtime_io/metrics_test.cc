#include "runtime/metrics.h"

#include <gtest/gtest.h>

#include <limits>

#include "compiler/plan/base/json.h"
#include "tests/runtime_io/temporary_folder.h"

namespace pprun {
namespace {

StepMetrics Example() {
  return {
      .step = 3, .loss = 2.5, .learning_rate = 0.001, .tokens_per_second = 31000, .seconds = 0.25};
}

TEST(Metrics, WritesOneObjectWithWhatThereIs) {
  EXPECT_EQ(ToJson(Example()),
            R"({"step":3,"loss":2.5,"learning_rate":0.001,"tokens_per_second":31000,)"
            R"("seconds":0.25})");
}

TEST(Metrics, WritesGradientNormAndValidationLossWhereThereAreSuch) {
  StepMetrics metrics = Example();
  metrics.gradient_norm = 1.5;
  metrics.validation_loss = 2.75;
  const JsonValue json = ParseJson(ToJson(metrics));
  EXPECT_EQ(json.Find("gradient_norm")->number, 1.5);
  EXPECT_EQ(json.Find("validation_loss")->number, 2.75);
}

TEST(Metrics, ALossThatIsNoNumberIsStillJson) {
  StepMetrics metrics = Example();
  metrics.loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(ParseJson(ToJson(metrics)).Find("loss")->kind, JsonValue::Kind::kNull);
}

TEST(Metrics, EachLineIsInTheFileAtOnce) {
  const TemporaryFolder folder;
  MetricsFile file(folder.File("m.jsonl"));
  file.Write(Example());
  EXPECT_EQ(ReadWholeFile(folder.File("m.jsonl")), ToJson(Example()) + "\n");
  file.Write(Example());
  EXPECT_EQ(ReadWholeFile(folder.File("m.jsonl")),
            ToJson(Example()) + "\n" + ToJson(Example()) + "\n");
}

TEST(Metrics, NamesAFileThatCannotBeWritten) {
  const TemporaryFolder folder;
  const std::string path = folder.File("absent/m.jsonl");
  EXPECT_EQ(ErrorOf([&] { MetricsFile file(path); }),
            "cannot write `" + path + "`: no such file or directory");
}

TEST(Metrics, SaysThatTheDiskIsFull) {
  MetricsFile file("/dev/full");
  EXPECT_EQ(ErrorOf([&] { file.Write(Example()); }),
            "cannot write `/dev/full`: no space left on device");
}

}  // namespace
}  // namespace pprun
