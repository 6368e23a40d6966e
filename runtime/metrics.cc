#include "runtime/metrics.h"

#include <cerrno>
#include <stdexcept>

#include "compiler/plan/base/json.h"
#include "compiler/plan/base/system_error.h"

namespace pprun {
namespace {

void AppendMember(std::string& json, std::string_view name, double number) {
  json += ",\"";
  json += name;
  json += "\":";
  AppendJsonNumber(json, number);
}

}  // namespace

std::string ToJson(const StepMetrics& metrics) {
  std::string json = "{\"step\":";
  AppendJsonNumber(json, metrics.step);
  AppendMember(json, "loss", metrics.loss);
  AppendMember(json, "learning_rate", metrics.learning_rate);
  if (metrics.gradient_norm) AppendMember(json, "gradient_norm", *metrics.gradient_norm);
  AppendMember(json, "tokens_per_second", metrics.tokens_per_second);
  if (metrics.validation_loss) AppendMember(json, "validation_loss", *metrics.validation_loss);
  AppendMember(json, "seconds", metrics.seconds);
  return json + '}';
}

MetricsFile::MetricsFile(const std::string& path)
    : path_(path), file_(std::fopen(path.c_str(), "we")) {
  if (!file_) throw std::runtime_error("cannot write `" + path + "`: " + ErrorText(errno));
}

void MetricsFile::Write(const StepMetrics& metrics) {
  const std::string line = ToJson(metrics) + '\n';
  if (std::fwrite(line.data(), 1, line.size(), file_.get()) != line.size() ||
      std::fflush(file_.get()) != 0) {
    throw std::runtime_error("cannot write `" + path_ + "`: " + ErrorText(errno));
  }
}

}  // namespace pprun
