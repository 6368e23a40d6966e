// The profile as a file. Tests: profile_test.cc.
#include <fstream>
#include <stdexcept>

#include "compiler/plan/base/input_file.h"
#include "compiler/plan/base/json.h"
#include "compiler/simulate/profile.h"

namespace pprun {
namespace {

constexpr std::string_view kFormat = "pprun profile";

[[noreturn]] void Fail(const std::string& path, const std::string& what) {
  throw std::runtime_error(path + ": " + what);
}

const JsonValue& Member(const JsonValue& value, const char* name, JsonValue::Kind kind,
                        const std::string& path) {
  const JsonValue* member = value.Find(name);
  if (member == nullptr) Fail(path, "`" + std::string(name) + "` is missing");
  if (member->kind != kind) Fail(path, "`" + std::string(name) + "` is of the wrong type");
  return *member;
}

int64_t Integer(const JsonValue& value, const char* name, const std::string& path) {
  const auto number = Member(value, name, JsonValue::Kind::kNumber, path).Integer();
  if (!number || *number < 0) Fail(path, "`" + std::string(name) + "` is not a count");
  return *number;
}

}  // namespace

std::string ToJson(const Profile& profile) {
  std::string json =
      "{\"format\": \"" + std::string(kFormat) + "\", \"version\": 2, \"entries\": [";
  bool first = true;
  for (const auto& [key, entry] : profile.entries) {
    json += first ? "\n  {\"kind\": " : ",\n  {\"kind\": ";
    first = false;
    AppendJsonString(json, key.kind);
    json += ", \"name\": ";
    AppendJsonString(json, key.name);
    json += ", \"bytes\": ";
    AppendJsonNumber(json, key.bytes);
    json += ", \"seconds\": ";
    AppendJsonNumber(json, entry.seconds);
    json += ", \"count\": ";
    AppendJsonNumber(json, entry.count);
    json += "}";
  }
  return json + "\n]}\n";
}

Profile ParseProfile(std::string_view json, const std::string& path) {
  JsonValue document;
  try {
    document = ParseJson(json);
  } catch (const JsonError& error) {
    Fail(path, error.what());
  }
  if (Member(document, "format", JsonValue::Kind::kString, path).string != kFormat) {
    Fail(path, "not a profile");
  }
  if (Integer(document, "version", path) != 2) {
    Fail(path, "a profile of another version: measure it again");
  }
  Profile profile;
  for (const JsonValue& item : Member(document, "entries", JsonValue::Kind::kArray, path).items) {
    const ProfileKey key{Member(item, "kind", JsonValue::Kind::kString, path).string,
                         Member(item, "name", JsonValue::Kind::kString, path).string,
                         Integer(item, "bytes", path)};
    const double seconds = Member(item, "seconds", JsonValue::Kind::kNumber, path).number;
    if (seconds < 0) Fail(path, "`" + key.kind + "` takes less than no time");
    const ProfileEntry entry{seconds, Integer(item, "count", path)};
    if (!profile.entries.emplace(key, entry).second) {
      Fail(path, "`" + key.kind + " " + key.name + "` is there twice");
    }
  }
  return profile;
}

void WriteProfile(const std::string& path, const Profile& profile) {
  std::ofstream file(path, std::ios::binary);
  file << ToJson(profile);
  file.close();
  if (!file) throw std::runtime_error("cannot write `" + path + "`");
}

Profile ReadProfile(const std::string& path) { return ParseProfile(ReadFile(path), path); }

}  // namespace pprun
