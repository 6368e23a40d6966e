#include "runtime/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "compiler/plan/base/check.h"
#include "compiler/plan/base/json.h"
#include "compiler/plan/base/output_file.h"

namespace pprun {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr size_t kLengthBytes = 8;
// Data begins at a multiple of this, so that a mapped file can be read in place.
constexpr size_t kAlignment = 64;
// The header, a tensor's record, a list of it.
constexpr int kHeaderDepth = 3;

constexpr std::array<std::pair<std::string_view, uint64_t>, 17> kTypeBytes = {{{"BOOL", 1},
                                                                               {"U8", 1},
                                                                               {"I8", 1},
                                                                               {"F8_E5M2", 1},
                                                                               {"F8_E4M3", 1},
                                                                               {"F8_E8M0", 1},
                                                                               {"I16", 2},
                                                                               {"U16", 2},
                                                                               {"F16", 2},
                                                                               {"BF16", 2},
                                                                               {"I32", 4},
                                                                               {"U32", 4},
                                                                               {"F32", 4},
                                                                               {"C64", 8},
                                                                               {"F64", 8},
                                                                               {"I64", 8},
                                                                               {"U64", 8}}};

// A name of the file's in a message of one line, whatever is in it.
std::string Quoted(std::string_view text) {
  constexpr size_t kLongest = 100;
  std::string json;
  AppendJsonString(json, text.substr(0, kLongest));
  const std::string name = json.substr(1, json.size() - 2);
  return "`" + name + (text.size() > kLongest ? "...`" : "`");
}

uint64_t TypeBytes(const SavedTensor& tensor) {
  for (const auto& [name, bytes] : kTypeBytes) {
    if (name == tensor.dtype) return bytes;
  }
  throw std::runtime_error("tensor " + Quoted(tensor.name) + " has the unknown type " +
                           Quoted(tensor.dtype));
}

// Bytes that the shape needs, or a refusal if no file could hold them.
uint64_t NeededBytes(const SavedTensor& tensor) {
  uint64_t bytes = TypeBytes(tensor);
  for (const int64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes)) {
      throw std::runtime_error("tensor " + Quoted(tensor.name) + " has a shape that no file holds");
    }
  }
  return bytes;
}

// A member of a tensor's record that is an array of integers that are not negative.
std::vector<int64_t> Integers(const JsonValue& record, const std::string& tensor,
                              std::string_view member) {
  const JsonValue* const value = record.Find(member);
  if (value == nullptr || value->kind != JsonValue::Kind::kArray) {
    throw std::runtime_error("tensor " + Quoted(tensor) + " has no array " + Quoted(member));
  }
  std::vector<int64_t> integers;
  for (const JsonValue& item : value->items) {
    const std::optional<int64_t> integer = item.Integer();
    if (!integer || *integer < 0) {
      throw std::runtime_error("tensor " + Quoted(tensor) + " has an entry in " + Quoted(member) +
                               " that is no size");
    }
    integers.push_back(*integer);
  }
  return integers;
}

SavedTensor ReadTensor(const std::string& name, const JsonValue& record, uint64_t data_begin) {
  if (record.kind != JsonValue::Kind::kObject) {
    throw std::runtime_error("tensor " + Quoted(name) + " is no object");
  }
  for (const auto& [member, value] : record.members) {
    if (member != "dtype" && member != "shape" && member != "data_offsets") {
      throw std::runtime_error("tensor " + Quoted(name) + " has the unknown member " +
                               Quoted(member));
    }
  }
  const JsonValue* const dtype = record.Find("dtype");
  if (dtype == nullptr || dtype->kind != JsonValue::Kind::kString) {
    throw std::runtime_error("tensor " + Quoted(name) + " has no `dtype`");
  }
  SavedTensor tensor{.name = name, .dtype = dtype->string};
  tensor.shape = Integers(record, name, "shape");
  const std::vector<int64_t> offsets = Integers(record, name, "data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1]) {
    throw std::runtime_error("tensor " + Quoted(name) + " has no begin and end in `data_offsets`");
  }
  // Below 2^53 each, so the sums cannot overflow.
  tensor.begin = data_begin + static_cast<uint64_t>(offsets[0]);
  tensor.end = data_begin + static_cast<uint64_t>(offsets[1]);
  if (tensor.end - tensor.begin != NeededBytes(tensor)) {
    throw std::runtime_error(
        "tensor " + Quoted(name) + " has " + std::to_string(tensor.end - tensor.begin) +
        " bytes where its shape and type need " + std::to_string(NeededBytes(tensor)));
  }
  return tensor;
}

void ReadMetadata(const JsonValue& record, SafetensorsContents& contents) {
  if (record.kind != JsonValue::Kind::kObject)
    throw std::runtime_error("`__metadata__` is no object");
  for (const auto& [name, value] : record.members) {
    if (value.kind != JsonValue::Kind::kString) {
      throw std::runtime_error("`__metadata__` has " + Quoted(name) + ", which is no text");
    }
    contents.metadata.emplace_back(name, value.string);
  }
}

// Tensors cover the data from its first byte to the file's last, each byte once.
void CheckCover(SafetensorsContents& contents, uint64_t data_begin, uint64_t file_end) {
  std::stable_sort(contents.tensors.begin(), contents.tensors.end(),
                   [](const SavedTensor& a, const SavedTensor& b) {
                     return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
                   });
  uint64_t covered = data_begin;
  for (const SavedTensor& tensor : contents.tensors) {
    if (tensor.begin != covered) {
      throw std::runtime_error("tensor " + Quoted(tensor.name) + " begins at byte " +
                               std::to_string(tensor.begin) + " of the file where byte " +
                               std::to_string(covered) + " comes next");
    }
    covered = tensor.end;
  }
  if (covered != file_end) {
    throw std::runtime_error("the file has " + std::to_string(file_end) +
                             " bytes where its tensors end at " + std::to_string(covered));
  }
}

std::string Header(std::span<const TensorToSave> tensors,
                   std::span<const std::pair<std::string, std::string>> metadata) {
  std::string json = "{";
  if (!metadata.empty()) {
    json += "\"__metadata__\":{";
    for (const auto& [name, text] : metadata) {
      if (json.back() != '{') json += ',';
      AppendJsonString(json, name);
      json += ':';
      AppendJsonString(json, text);
    }
    json += '}';
  }
  int64_t offset = 0;
  for (const TensorToSave& tensor : tensors) {
    if (json.back() != '{') json += ',';
    AppendJsonString(json, tensor.name);
    json += ":{\"dtype\":\"" + std::string(SafetensorsName(tensor.type.dtype)) + "\",\"shape\":[";
    for (int8_t i = 0; i < tensor.type.shape.rank; ++i) {
      if (i > 0) json += ',';
      json += std::to_string(tensor.type.shape[i]);
    }
    json += "],\"data_offsets\":[" + std::to_string(offset) + ',';
    offset += tensor.type.Bytes();
    json += std::to_string(offset) + "]}";
  }
  json += '}';
  json.append((kAlignment - (kLengthBytes + json.size()) % kAlignment) % kAlignment, ' ');
  return json;
}

}  // namespace

std::string_view SafetensorsName(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF64:
      return "F64";
    case DType::kBF16:
      return "BF16";
    case DType::kI32:
      return "I32";
  }
  CHECK(false);
}

SafetensorsContents ReadSafetensors(std::span<const std::byte> file) {
  if (file.size() < kLengthBytes) {
    throw std::runtime_error("it is no safetensors file: it has " + std::to_string(file.size()) +
                             " bytes");
  }
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof(length));
  if (length > kSafetensorsHeaderLimit) {
    throw std::runtime_error("it is no safetensors file: a header of " + std::to_string(length) +
                             " bytes is beyond the limit of " +
                             std::to_string(kSafetensorsHeaderLimit));
  }
  if (length > file.size() - kLengthBytes) {
    throw std::runtime_error("the file is cut short: a header of " + std::to_string(length) +
                             " bytes does not fit in its " + std::to_string(file.size()));
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + kLengthBytes, length);
  if (text.empty() || text[0] != '{') {
    throw std::runtime_error("it is no safetensors file: the header does not begin with `{`");
  }
  JsonValue header;
  try {
    header = ParseJson(text, kHeaderDepth);
  } catch (const JsonError& error) {
    throw std::runtime_error(std::string("the header is no JSON: ") + error.what());
  }
  SafetensorsContents contents;
  const uint64_t data_begin = kLengthBytes + length;
  for (const auto& [name, record] : header.members) {
    if (name == "__metadata__") {
      ReadMetadata(record, contents);
    } else {
      contents.tensors.push_back(ReadTensor(name, record, data_begin));
    }
  }
  CheckCover(contents, data_begin, file.size());
  return contents;
}

void WriteSafetensors(const std::string& path, std::span<const TensorToSave> tensors,
                      std::span<const std::pair<std::string, std::string>> metadata,
                      const std::function<void(size_t, std::span<std::byte>)>& fill) {
  const std::string header = Header(tensors, metadata);
  OutputFile file(path);
  const uint64_t length = header.size();
  file.Write(std::as_bytes(std::span(&length, 1)));
  file.Write(header);
  std::vector<std::byte> data;
  for (size_t i = 0; i < tensors.size(); ++i) {
    data.resize(static_cast<size_t>(tensors[i].type.Bytes()));
    fill(i, data);
    file.Write(data);
  }
  file.Commit();
}

}  // namespace pprun
