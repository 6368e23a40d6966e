// `--set`: what can be set, how it is named, and that what depends on it follows.
#include <gtest/gtest.h>

#include "tests/dsl/test_support.h"

namespace pprun {
namespace {

std::string Plan() {
  return std::string("let scale = 2; mesh { pp = 2; }") + kSmallModel + kSmallTrain;
}

CheckedProgram With(const std::vector<Override>& overrides, const std::string& text = Plan()) {
  Checked checked = CheckText(text, overrides);
  EXPECT_TRUE(checked.program.has_value()) << checked.Messages();
  return checked.program.value_or(CheckedProgram{});
}

std::string Message(const std::vector<Override>& overrides, const std::string& text = Plan()) {
  return CheckText(text, overrides).Messages();
}

TEST(OverridesTest, Axes) {
  EXPECT_EQ(With({{"pp", "3"}}).AxisSize("pp"), 3);
  EXPECT_EQ(With({{"mesh.pp", "1"}}).AxisSize("pp"), 1);
  EXPECT_EQ(With({{"dp", "2"}}).AxisSize("dp"), 2) << "an axis that the file does not have";
}

TEST(OverridesTest, NothingIsSetTwice) {
  EXPECT_EQ(Message({{"pp", "3"}, {"pp", "4"}}),
            "command line: error: `--set pp`: it is set twice: `pp=3` and `pp=4`\n");
  EXPECT_EQ(Message({{"steps", "3"}, {"train.steps", "3"}}),
            "command line: error: `--set train.steps`: it is set twice: `steps=3` and "
            "`train.steps=3`\n");
  EXPECT_EQ(
      Message({{"train.optimizer.lr", "1"}, {"pp", "2"}, {"lr", "2"}}),
      "command line: error: `--set lr`: it is set twice: `train.optimizer.lr=1` and `lr=2`\n");
  EXPECT_EQ(With({{"pp", "3"}, {"dp", "2"}}).AxisSize("dp"), 2);
}

TEST(OverridesTest, NorBesideTheChoiceOfASchedule) {
  const auto chosen = [](const char* schedule, const char* parameter) {
    return CheckText(Plan(), {{parameter, "4"}}, {}, "plan.sched", schedule).Messages();
  };
  const std::string chunks =
      "command line: error: `--set chunks`: it is set twice: the schedule that was chosen beside "
      "it "
      "says `chunks` too\n";
  EXPECT_EQ(chosen("breadth_first(chunks = 2)", "chunks"), chunks);
  EXPECT_EQ(chosen("breadth_first(2)", "chunks"), chunks);
  EXPECT_EQ(chosen("breadth_first", "chunks"), "");
  EXPECT_EQ(chosen("interleaved_one_f_one_b(chunks = 2)", "group"), "");
  EXPECT_EQ(Message({{"chunks", "4"}}, Plan() + "schedule breadth_first(chunks = 2);"), "")
      << "what the file says gives way";
}

TEST(OverridesTest, AWordThatIsNoNumberIsSaidToBeOfItsFlag) {
  EXPECT_EQ(Message({{"pp", "two"}}), "command line: error: `--set pp`: unknown name `two`\n");
  EXPECT_EQ(With({{"pp", "scale"}}).AxisSize("pp"), 2) << "a name of the file";
  EXPECT_EQ(Message({{"dp", "1"}, {"train.steps", "two"}}),
            "command line: error: `--set train.steps`: unknown name `two`\n");
  EXPECT_EQ(Message({{"steps", "1.5"}}),
            "command line: error: `--set steps`: `steps` is a float, not an integer\n");
  EXPECT_EQ(Message({{"steps", "scale + two"}}),
            "command line: error: `--set steps`: unknown name `two`\n");
}

TEST(OverridesTest, TrainSettings) {
  EXPECT_EQ(With({{"train.steps", "7"}}).train->steps, 7);
  EXPECT_EQ(With({{"steps", "7"}}).train->steps, 7);
  EXPECT_EQ(With({{"seed", "5"}}).train->seed, 5u) << "one that the file does not have";
  EXPECT_EQ(With({{"batch", "8 * pp * scale"}, {"microbatches", "2"}}).train->batch, 32);
  EXPECT_EQ(With({{"optimizer", "adam(lr = 1)"}}).train->optimizer.kind,
            CheckedOptimizer::Kind::kAdam);
}

TEST(OverridesTest, ModelAndWhatDependsOnIt) {
  const CheckedProgram program = With({{"model.width", "32"}});
  EXPECT_EQ(program.model->layers[1].operations[0].body[1].width_out, 32);
  const std::string model =
      "model m(depth = 2) { let w = 2 * depth; layer a { embedding(4, w); } layer b repeat depth { "
      "relu; } }";
  EXPECT_EQ(With({{"depth", "5"}}, model).model->layers[0].operations[0].width_out, 10);
  EXPECT_EQ(With({{"depth", "5"}}, model + "model m(3);").model->layers[1].repeat, 5);
  EXPECT_EQ(With({{"depth", "5"}}, model + "model m(depth = 3);").model->layers[1].repeat, 5);
}

TEST(OverridesTest, ArgumentsOfTheOptimizer) {
  EXPECT_EQ(With({{"train.optimizer.lr", "0.5"}}).train->optimizer.lr, 0.5);
  EXPECT_EQ(With({{"optimizer.lr", "0.5"}}).train->optimizer.lr, 0.5);
  const CheckedOptimizer both =
      With({{"optimizer", "sgd(1)"}, {"lr", "0.25"}, {"momentum", "0.5"}}).train->optimizer;
  EXPECT_EQ(both.kind, CheckedOptimizer::Kind::kSgd);
  EXPECT_EQ(both.lr, 0.25) << "given by its place";
  EXPECT_EQ(both.momentum, 0.5) << "not given in the call";
  const CheckedProgram own =
      With({{"lr", "0.125"}, {"optimizer", "adam(lr = lr)"}}, "let lr = 1;" + Plan());
  EXPECT_EQ(own.train->optimizer.lr, 0.125) << "the file's own name comes first";
  EXPECT_EQ(Message({{"lr", "-1"}}),
            "command line: error: `--set lr`: `lr` is -1: it must be at least 0.0\n");
  EXPECT_EQ(Message({{"warmpu", "3"}}),
            "command line: error: `--set warmpu`: there is nothing of that name\n"
            "command line: note: did you mean `warmup`?\n");
}

TEST(OverridesTest, TheModelByItsOwnName) {
  const std::string model = "model tiny { let w = 2; layer a { embedding(4, w); } }";
  EXPECT_EQ(With({{"tiny.w", "5"}}, model).model->layers[0].operations[0].width_out, 5);
  EXPECT_EQ(Message({{"tiny.wdith", "5"}},
                    "model tiny { let width = 2; layer a { embedding(4, "
                    "width); } }"),
            "command line: error: `--set tiny.wdith`: there is nothing of that name\n"
            "command line: note: did you mean `model.width`?\n");
}

TEST(OverridesTest, AValueOfTheWrongKindIsSaidToBeSetThere) {
  const std::string model =
      "model m { let d = 2; layer a { embedding(4, 2); } layer b repeat d { relu; } }";
  EXPECT_NE(Message({{"d", "2.5"}}, model).find("`repeat` is a float, not an integer\n"),
            std::string::npos);
  EXPECT_NE(Message({{"d", "2.5"}}, model).find("command line: note: `d` is set here\n"),
            std::string::npos);
}

TEST(OverridesTest, LetsOfTheFile) {
  const CheckedProgram program = With({{"scale", "4"}, {"steps", "scale"}});
  EXPECT_EQ(program.train->steps, 4);
}

TEST(OverridesTest, ScheduleParameters) {
  const std::string text = "schedule own(lag = 1) { order on rank r { forward(0); } }\n";
  const auto lag = [](const CheckedProgram& program) {
    return std::get<int64_t>(program.schedule.parameters.at(0).second);
  };
  EXPECT_EQ(lag(With({{"schedule.lag", "3"}}, text)), 3);
  EXPECT_EQ(lag(With({{"lag", "3"}}, text + "schedule own(lag = 2);")), 3);
  EXPECT_EQ(lag(With({{"lag", "3"}}, text + "schedule own(2);")), 3);
}

TEST(OverridesTest, GradientsTransfersAndStages) {
  EXPECT_EQ(With({{"gradients", "naive"}}).gradients.kind, CheckedGradients::Kind::kNaive);
  EXPECT_EQ(With({{"gradients", "ddp(bucket = 1 KiB)"}}).gradients.bucket_bytes, 1024);
  EXPECT_EQ(With({{"transfers", "queue_per_rank"}}).transfers, TransferQueues::kPerRank);
  EXPECT_EQ(With({{"transfers", "queue_per_flow"}}, "transfers queue_per_rank; schedule gpipe;")
                .transfers,
            TransferQueues::kPerFlow);
  EXPECT_EQ(With({{"stages", "balance(layers)"}}).stages.balance, Balance::kLayers);
}

TEST(OverridesTest, AStudyTakesMicrobatches) {
  constexpr const char* kStudy = "mesh { pp = 4; } schedule gpipe;";
  constexpr const char* kWritten = "train { microbatches = 6; } schedule gpipe;";
  EXPECT_EQ(With({}, kWritten).microbatches, 6);
  EXPECT_EQ(With({{"train.microbatches", "3"}}, kWritten).microbatches, 3);
  EXPECT_EQ(With({{"microbatches", "12"}}, kStudy).microbatches, 12);
  EXPECT_EQ(With({}, kStudy).microbatches, 0);
  EXPECT_EQ(Message({{"steps", "3"}}, "mesh { }"),
            "command line: error: `--set steps`: there is no `train`\n");
  EXPECT_EQ(
      Message({{"microbatches", "0"}}, "mesh { }"),
      "command line: error: `--set microbatches`: `microbatches` is 0: it must be at least 1\n");
}

TEST(OverridesTest, UnknownAndAmbiguousNames) {
  EXPECT_EQ(Message({{"bacth", "3"}}),
            "command line: error: `--set bacth`: there is nothing of that name\n"
            "command line: note: did you mean `batch`?\n");
  EXPECT_EQ(Message({{"train.step", "3"}}),
            "command line: error: `--set train.step`: there is nothing of that name\n"
            "command line: note: did you mean `train.steps`?\n");
  const std::string both = "model m(batch = 2) { layer a { embedding(4, batch); } }";
  EXPECT_EQ(Message({{"batch", "3"}}, both),
            "command line: error: `--set batch`: several things have that name\n"
            "command line: note: it is `train.batch` or `model.batch`\n");
  EXPECT_EQ(With({{"model.batch", "3"}}, both).model->layers[0].operations[0].width_out, 3);
}

TEST(OverridesTest, ValuesThatAreWrong) {
  EXPECT_EQ(Message({{"pp", "3 +"}}),
            "command line: error: `--set pp`: expected an expression, found the end\n");
  EXPECT_EQ(Message({{"pp", ""}}),
            "command line: error: `--set pp`: expected an expression, found the end\n");
  EXPECT_EQ(Message({{"pp", "many"}}), "command line: error: `--set pp`: unknown name `many`\n");
  EXPECT_EQ(Message({{"pp", "3; dp = 2"}}),
            "command line: error: `--set pp`: expected the end, found `;`\n");
  EXPECT_EQ(Message({{"pp", "\xff"}}),
            "command line: error: `--set pp`: this byte is not valid UTF-8\n");
}

}  // namespace
}  // namespace pprun
