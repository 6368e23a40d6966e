// What the conformance suites use of GoogleTest, for machines that have a GPU and no GoogleTest:
// found first, this header stands for the library's. Value-parameterised suites, expectations that
// print both sides, traces; nothing else. Tests run in the order in which they are written, each in
// a fixture of its own, and a failure never ends the program.
#pragma once

// Its expectations compare values of different types, as the library's do.
#pragma GCC system_header

#include <cmath>
#include <cstdio>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <ranges>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace testing {

class Message {
 public:
  template <class Value>
  Message& operator<<(const Value& value) {
    text_ << value;
    return *this;
  }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
};

// The run under way.
struct State {
  std::deque<std::function<void()>> suites;
  std::vector<std::string> traces;
  int failures = 0;
  int tests = 0;
};
inline State& Current() {
  static State state;
  return state;
}

class Trace {
 public:
  explicit Trace(const Message& message) { Current().traces.push_back(message.text()); }
  ~Trace() { Current().traces.pop_back(); }
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
};

// Told what an expectation was by an assignment, so that `return Failure(...) = ...` leaves a
// function that returns nothing.
class Failure {
 public:
  Failure(const char* file, int line, std::string what)
      : file_(file), line_(line), what_(std::move(what)) {}
  void operator=(const Message& message) const {
    ++Current().failures;
    std::printf("%s:%d: %s %s\n", file_, line_, what_.c_str(), message.text().c_str());
    for (const std::string& trace : Current().traces) std::printf("    in: %s\n", trace.c_str());
    std::fflush(stdout);
  }

 private:
  const char* file_;
  int line_;
  std::string what_;
};

template <class Value>
std::string Show(const Value& value) {
  if constexpr (requires(std::ostringstream & out) { out << value; }) {
    std::ostringstream out;
    out << value;
    return out.str();
  } else if constexpr (std::ranges::range<Value>) {
    // The first few of them.
    std::string text = "{";
    int shown = 0;
    for (const auto& element : value) {
      if (++shown > 16) return text + " ...}";
      text += " " + Show(element);
    }
    return text + " }";
  } else {
    return "(a value)";
  }
}

// Empty where it holds.
template <class A, class B, class Holds>
std::string Compare(const char* expression, const A& a, const B& b, const Holds& holds) {
  if (holds(a, b)) return "";
  return "expected " + std::string(expression) + ", which are " + Show(a) + " and " + Show(b) + ";";
}

struct Equal {
  bool operator()(const auto& a, const auto& b) const { return a == b; }
};
struct Other {
  bool operator()(const auto& a, const auto& b) const { return a != b; }
};
struct AtMost {
  bool operator()(const auto& a, const auto& b) const { return a <= b; }
};
struct Above {
  bool operator()(const auto& a, const auto& b) const { return a > b; }
};
struct Near {
  double most = 0;
  bool operator()(double a, double b) const { return std::abs(a - b) <= most; }
};
struct SameText {
  bool operator()(const char* a, const char* b) const { return std::strcmp(a, b) == 0; }
};

class Test {
 public:
  virtual ~Test() = default;
  virtual void TestBody() = 0;
};

template <class Param>
class TestWithParam : public Test {
 public:
  using ParamType = Param;
  static const Param& GetParam() { return *param; }
  static inline const Param* param = nullptr;
};

template <class Param>
struct TestParamInfo {
  Param param;
  size_t index = 0;
};

template <class... Value>
std::vector<std::common_type_t<Value...>> Values(Value... values) {
  return {std::move(values)...};
}

template <class Suite>
struct SuiteTests {
  struct One {
    std::string name;
    std::function<std::unique_ptr<Test>()> make;
  };
  static std::deque<One>& All() {
    static std::deque<One> all;
    return all;
  }
};

template <class Suite>
void RunSuite(const std::string& name, const typename Suite::ParamType& param) {
  Suite::param = &param;
  for (const auto& test : SuiteTests<Suite>::All()) {
    const int before = Current().failures;
    std::printf("%s.%s ", name.c_str(), test.name.c_str());
    std::fflush(stdout);
    try {
      test.make()->TestBody();
    } catch (const std::exception& error) {
      Failure(test.name.c_str(), 0, "threw: ") = Message() << error.what();
    }
    ++Current().tests;
    std::printf("%s\n", Current().failures == before ? "ok" : "FAILED");
    std::fflush(stdout);
  }
}

inline void InitGoogleTest(int*, char**) {}

}  // namespace testing

inline int RUN_ALL_TESTS() {
  testing::State& state = testing::Current();
  for (const auto& suite : state.suites) suite();
  std::printf("%d tests, %d failures\n", state.tests, state.failures);
  return state.failures == 0 && state.tests > 0 ? 0 : 1;
}

#define TEST_P(suite, name)                                                            \
  class suite##_##name : public suite {                                                \
    void TestBody() override;                                                          \
  };                                                                                   \
  [[maybe_unused]] static const auto& suite##_##name##_registered =                    \
      ::testing::SuiteTests<suite>::All().emplace_back(                                \
          #name, [] { return std::unique_ptr<::testing::Test>(new suite##_##name); }); \
  void suite##_##name::TestBody()

// What follows the values names them, which the prefix does here.
#define INSTANTIATE_TEST_SUITE_P(prefix, suite, values, ...)                                    \
  [[maybe_unused]] static const auto& prefix##_##suite##_registered =                           \
      ::testing::Current().suites.emplace_back([] {                                             \
        for (const auto& value : values) ::testing::RunSuite<suite>(#prefix "/" #suite, value); \
      })

#define PLAIN_JOIN_(a, b) a##b
#define PLAIN_JOIN(a, b) PLAIN_JOIN_(a, b)
#define SCOPED_TRACE(message) const ::testing::Trace PLAIN_JOIN(trace_, __LINE__)(message)

#define PLAIN_CHECK(leave, what)                                   \
  switch (0)                                                       \
  case 0:                                                          \
  default:                                                         \
    if (const std::string plain_what = (what); plain_what.empty()) \
      ;                                                            \
    else                                                           \
      leave ::testing::Failure(__FILE__, __LINE__, plain_what) = ::testing::Message()
#define PLAIN_COMPARE(leave, op, a, b, ...) \
  PLAIN_CHECK(leave, ::testing::Compare(#a " " op " " #b, a, b, ::testing::__VA_ARGS__))
#define PLAIN_FAILURE(what) ::testing::Failure(__FILE__, __LINE__, what) = ::testing::Message()

#define EXPECT_EQ(a, b) PLAIN_COMPARE(, "==", a, b, Equal())
#define ASSERT_EQ(a, b) PLAIN_COMPARE(return, "==", a, b, Equal())
#define EXPECT_NE(a, b) PLAIN_COMPARE(, "!=", a, b, Other())
#define EXPECT_LE(a, b) PLAIN_COMPARE(, "<=", a, b, AtMost())
#define EXPECT_GT(a, b) PLAIN_COMPARE(, ">", a, b, Above())
#define EXPECT_NEAR(a, b, most) PLAIN_COMPARE(, "near", a, b, Near{static_cast<double>(most)})
#define EXPECT_STREQ(a, b) PLAIN_COMPARE(, "==", a, b, SameText())
#define EXPECT_TRUE(a) PLAIN_CHECK(, (a) ? "" : #a " is false")
#define EXPECT_FALSE(a) PLAIN_CHECK(, (a) ? #a " is true" : "")
#define EXPECT_THROW(statement, type)                       \
  PLAIN_CHECK(, ([&]() -> std::string {                     \
                try {                                       \
                  statement;                                \
                } catch (const type&) {                     \
                  return "";                                \
                }                                           \
                return #statement " does not throw " #type; \
              }()))
#define ADD_FAILURE() PLAIN_FAILURE("failed")
#define FAIL() return PLAIN_FAILURE("failed")
