// The built-in schedules' orders: equal to the published ones, the same as yesterday, complete, and
// free of deadlock wherever they claim to be.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/schedule/library.h"

namespace pprun {
namespace {

std::string FileText(const std::string& name) {
  std::ifstream file(std::string(PPRUN_TEST_FOLDER) + "/" + name);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(Library, PublishedOrders) {
  const Library library;
  std::map<std::string, std::string> golden;
  std::string name;
  for (const std::string& line : Lines(FileText("golden_orders.txt"))) {
    if (line.starts_with("## ")) {
      name = line.substr(3);
    } else if (!line.starts_with("#")) {
      golden[name] += line + "\n";
    }
  }
  for (const std::string& schedule : library.Names()) {
    // It is found, not published.
    if (schedule == "automatic") continue;
    const LibraryOrder evaluated = library.Evaluate(schedule, {.pp = 2, .microbatches = 4});
    ASSERT_EQ(evaluated.outcome, Outcome::kRuns) << evaluated.errors;
    EXPECT_EQ(ToText(evaluated.order), golden[schedule]) << schedule;
  }
  EXPECT_EQ(golden.size() + 1, library.Names().size());
}

// Evaluation finds what an order misses, prediction finds circles: what has a digest has neither.
TEST(Library, OrdersStayAsTheyAre) {
  const std::vector<std::string> expected = Lines(FileText("order_digests.txt"));
  const std::vector<std::string> actual = Lines(OrderDigests(Library()));
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_EQ(actual[i], expected[i]) << "print_order_digests.cc says how to accept a change";
  }
}

// What of m < pp, of what is not even, or not a multiple of anything.
TEST(Library, RunsWhereverItClaimsTo) {
  const Library library;
  for (const std::string& name : library.Names()) {
    // These group microbatches, and have a test of their own.
    if (name.starts_with("interleaved")) continue;
    for (int64_t pp = 1; pp <= 8; ++pp) {
      for (int64_t microbatches = 1; microbatches <= 24; ++microbatches) {
        const bool enough = microbatches >= 2 * pp;
        const bool even = pp % 2 == 0 && microbatches % 2 == 0;
        const bool refused =
            (name == "dualpipe_v" && !enough) || (name == "dualpipe" && !(enough && even));
        LibrarySetting setting{.pp = pp, .microbatches = microbatches};
        if (library.HasChunks(name)) setting.chunks = 1 + microbatches % 4;
        const LibraryOrder evaluated = library.Evaluate(name, setting);
        EXPECT_EQ(evaluated.outcome, refused ? Outcome::kRefused : Outcome::kRuns)
            << name << " pp " << pp << " microbatches " << microbatches << "\n"
            << evaluated.errors;
      }
    }
  }
}

TEST(Library, InterleavedWithGroupsThatAreNotFull) {
  const Library library;
  for (const bool zero_bubble : {false, true}) {
    const std::string name = zero_bubble ? "interleaved_zero_bubble" : "interleaved_one_f_one_b";
    int runs = 0, deadlocks = 0;
    for (int64_t pp = 1; pp <= 8; ++pp) {
      for (int64_t microbatches = 1; microbatches <= 24; ++microbatches) {
        for (int64_t chunks = 1; chunks <= 4; ++chunks) {
          const LibrarySetting setting{.pp = pp, .microbatches = microbatches, .chunks = chunks};
          const LibraryOrder evaluated = library.Evaluate(name, setting);
          ASSERT_NE(evaluated.outcome, Outcome::kRefused) << evaluated.errors;
          const bool deadlocks_here = evaluated.outcome == Outcome::kDeadlock;
          if (microbatches % pp == 0 || chunks == 1) {
            EXPECT_FALSE(deadlocks_here) << evaluated.errors;
          } else {
            ++(deadlocks_here ? deadlocks : runs);
          }
          if (pp == 4 && chunks == 3 && microbatches == 5) {
            EXPECT_EQ(deadlocks_here, !zero_bubble);
          }
        }
      }
    }
    EXPECT_EQ(runs, zero_bubble ? 384 : 272) << name;
    EXPECT_EQ(deadlocks, zero_bubble ? 0 : 112) << name;
  }
}

TEST(Library, ACircleNamesItsMembersAndTheirChunks) {
  const LibraryOrder evaluated =
      Library().Evaluate("interleaved_one_f_one_b", {.pp = 4, .microbatches = 5, .chunks = 3});
  EXPECT_NE(evaluated.errors.find("error: this schedule deadlocks"), std::string::npos);
  EXPECT_NE(
      evaluated.errors.find("note: rank 0 at `forward(4, chunk = 2)` waits for the activation "
                            "of microbatch 4 from rank 3\n"),
      std::string::npos)
      << evaluated.errors;
  EXPECT_NE(evaluated.errors.find("note: rank 3 runs `forward(4, chunk = 1)` only after "
                                  "`backward(0, chunk = 1)`; move it before\n"),
            std::string::npos)
      << evaluated.errors;
}

}  // namespace
}  // namespace pprun
