// Frames: whole, in pieces, damaged.
#include "runtime/processes/messages.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

namespace pprun {
namespace {

TEST(Messages, FramesComeWholeHoweverTheyArrive) {
  const std::string frames =
      FrameOf(MessageKind::kSet, BodyWriter().PutText("key").PutText("value").Take()) +
      FrameOf(MessageKind::kLeave, "");
  std::string received;
  std::vector<Message> messages;
  for (const char letter : frames) {
    received += letter;
    while (auto message = TakeMessage(received)) messages.push_back(*message);
  }
  ASSERT_EQ(messages.size(), 2);
  EXPECT_EQ(messages[0].kind, MessageKind::kSet);
  BodyReader body(messages[0].body);
  EXPECT_EQ(body.GetText(), "key");
  EXPECT_EQ(body.GetText(), "value");
  body.End();
  EXPECT_EQ(messages[1].kind, MessageKind::kLeave);
  EXPECT_TRUE(received.empty());
}

TEST(Messages, LengthsAndKindsAreBounded) {
  std::string too_long = FrameOf(MessageKind::kSet, "");
  too_long[2] = '\x20';  // 2 MiB
  EXPECT_THROW(TakeMessage(too_long), std::runtime_error);
  std::string unknown = FrameOf(MessageKind::kSet, "");
  unknown[4] = static_cast<char>(kMessageKinds);
  EXPECT_THROW(TakeMessage(unknown), std::runtime_error);
}

// Cut, extended or damaged bodies give a value or an error, and read nothing beyond.
TEST(Messages, DamagedBodiesAreErrors) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::string hello = ToBody(Hello{.job = "job", .rank = 1, .ranks = 2, .host = "node"});
  const std::string verdict = ToBody(StepVerdict{.why = "loss is nan", .gradient_norm = 2.0});
  for (size_t length = 0; length < hello.size(); ++length) {
    EXPECT_THROW(ToHello(hello.substr(0, length)), std::runtime_error);
  }
  EXPECT_THROW(ToHello(hello + "x"), std::runtime_error);
  int errors = 0;
  for (int round = 0; round < 2000; ++round) {
    for (const std::string* const body : {&hello, &verdict}) {
      std::string damaged = *body;
      damaged[random() % damaged.size()] = static_cast<char>(random());
      try {
        if (body == &hello) ToHello(damaged);
        if (body == &verdict) ToVerdict(damaged);
      } catch (const std::runtime_error&) {
        ++errors;
      }
    }
  }
  EXPECT_GT(errors, 0);
}

TEST(Messages, AReportIsWhole) {
  const StepReport report = ToReport(ToBody(StepReport{.round = 9,
                                                       .step = 7,
                                                       .loss = 1.5,
                                                       .gradient_norm = {},
                                                       .validation_loss = 2.5,
                                                       .wish = StepReport::Wish::kStop}));
  EXPECT_EQ(report.round, 9);
  EXPECT_EQ(report.step, 7);
  EXPECT_EQ(report.loss, 1.5);
  EXPECT_FALSE(report.gradient_norm);
  EXPECT_EQ(report.validation_loss, 2.5);
  EXPECT_EQ(report.wish, StepReport::Wish::kStop);
}

}  // namespace
}  // namespace pprun
