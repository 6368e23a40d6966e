// What is known of a step when it is over, and the file of them: one JSON object a line, written
// through after each step, so that a run can be watched and an interrupted one keeps what it had.
//
//   {"step":1,"loss":5.54,"learning_rate":1e-05,"gradient_norm":2.1,"tokens_per_second":31000,
//    "seconds":0.13}
//
// `gradient_norm` is there when the plan clips, `validation_loss` at the steps that validate. A
// number that is not finite is `null`. Tests: metrics_test.cc.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

namespace pprun {

struct StepMetrics {
  int64_t step = 0;  // steps done: 1 after the first
  double loss = 0;   // mean over the batch's tokens, nats
  double learning_rate = 0;
  std::optional<double> gradient_norm;  // before clipping
  double tokens_per_second = 0;         // of this step
  std::optional<double> validation_loss;
  double seconds = 0;  // since the first step began
};

// Without the end of line.
std::string ToJson(const StepMetrics& metrics);

class MetricsFile {
 public:
  // Truncates. Throws std::runtime_error that names the file, as does Write.
  explicit MetricsFile(const std::string& path);
  void Write(const StepMetrics& metrics);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace pprun
