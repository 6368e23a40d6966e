// The text of a checked program.
#include <gtest/gtest.h>

#include "tests/dsl/test_support.h"

namespace pprun {
namespace {

TEST(CheckedTextTest, SaysWhatWasFound) {
  const Checked checked =
      CheckText(std::string("mesh { pp = 3; dp = 2; }") + kSmallModel + kSmallTrain +
                "stages { embed block[0] | block[1..4] | head }\n"
                "gradients ddp(bucket = 64 KiB, overlap = false);\n");
  ASSERT_TRUE(checked.program.has_value()) << checked.Messages();
  EXPECT_EQ(ToText(*checked.program),
            "mesh pp = 3 dp = 2\n"
            "model small\n"
            "  layer embed\n"
            "    embedding  tokens -> 8, vocabulary 16\n"
            "  layer block[0 .. 4]\n"
            "    residual  8 -> 8\n"
            "      layer_norm  8 -> 8, epsilon 1e-5\n"
            "      linear  8 -> 8, bias\n"
            "  layer head\n"
            "    linear  8 -> 16, bias\n"
            "    cross_entropy  16 -> loss\n"
            "stages\n"
            "  0: embed block[0]\n"
            "  1: block[1 .. 4]\n"
            "  2: head\n"
            "train\n"
            "  data synthetic, seed 1\n"
            "  sequence 4, batch 24 in 4 microbatches, 2 steps, seed 0\n"
            "  optimizer sgd, lr 0.1, momentum 0.0, weight_decay 0.0, warmup 0, no clip\n"
            "schedule one_f_one_b\n"
            "gradients ddp, bucket 64 KiB, not overlapped\ntransfers queue_per_peer\n");
}

TEST(CheckedTextTest, AStudyHasLittle) {
  const Checked checked =
      CheckText("mesh { pp = 4; }\nschedule gpipe;", {{"microbatches", "2 * pp"}});
  ASSERT_TRUE(checked.program.has_value()) << checked.Messages();
  EXPECT_EQ(ToText(*checked.program),
            "mesh pp = 4 dp = 1\nmicrobatches 8\nschedule gpipe\ngradients flat\ntransfers "
            "queue_per_peer\n");
}

}  // namespace
}  // namespace pprun
