#include "runtime/weights.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "compiler/plan/base/check.h"
#include "runtime/float_conversion.h"

namespace pprun {
namespace {

std::string Quoted(const std::string& text) { return "`" + text + "`"; }

// How a parameter lies in the file. A plan file may say anything: what holds after this is that the
// parts take the parameter's rows in order, each once, and that only matrices are transposed.
std::vector<ExportPart> PartsOf(const Parameter& parameter) {
  const Shape& shape = parameter.type.shape;
  const int64_t rows = shape.rank == 0 ? 1 : shape[0];
  if (parameter.exports.empty()) return {{.name = parameter.name, .row_begin = 0, .row_end = rows}};
  int64_t row = 0;
  for (const ExportPart& part : parameter.exports) {
    const bool transposed = part.layout == ExportPart::Layout::kTransposed;
    if (part.row_begin != row || part.row_end <= row || (transposed && shape.rank != 2)) {
      throw std::runtime_error("the plan does not say how parameter " + Quoted(parameter.name) +
                               " is saved as " + Quoted(part.name));
    }
    row = part.row_end;
  }
  if (row != rows) {
    throw std::runtime_error("the plan does not say how all of parameter " +
                             Quoted(parameter.name) + " is saved");
  }
  return parameter.exports;
}

int64_t RowElements(const Parameter& parameter) {
  const Shape& shape = parameter.type.shape;
  return shape.rank == 0 ? 1 : shape.Elements() / shape[0];
}

// The shape of a part in the file.
Shape SavedShape(const Parameter& parameter, const ExportPart& part) {
  Shape shape = parameter.type.shape;
  if (shape.rank > 0) shape.extents[0] = part.row_end - part.row_begin;
  if (part.layout == ExportPart::Layout::kTransposed) std::swap(shape.extents[0], shape.extents[1]);
  return shape;
}

bool SameShape(const std::vector<int64_t>& saved, const Shape& shape) {
  return std::equal(saved.begin(), saved.end(), shape.extents.begin(),
                    shape.extents.begin() + shape.rank);
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (const int64_t extent : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(extent);
  }
  return text + "]";
}

// target[c][r] = source[r][c]
template <typename Value>
void Transpose(std::span<const Value> source, int64_t rows, std::span<Value> target) {
  const int64_t columns = static_cast<int64_t>(source.size()) / rows;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      target[static_cast<size_t>(c * rows + r)] = source[static_cast<size_t>(r * columns + c)];
    }
  }
}

std::span<float> RowsOf(std::span<float> values, const ExportPart& part, int64_t row_elements) {
  return values.subspan(static_cast<size_t>(part.row_begin * row_elements),
                        static_cast<size_t>((part.row_end - part.row_begin) * row_elements));
}

struct PartToSave {
  ParameterId parameter;
  ExportPart part;
};

// The parameter whose parts are being written: its values are asked for once.
struct CurrentParameter {
  ParameterId id;
  std::vector<float> values;
};

void CheckType(const std::string& path, const SavedTensor& tensor) {
  if (IsSavedFloat(tensor.dtype)) return;
  throw std::runtime_error(Quoted(path) + ": tensor " + Quoted(tensor.name) + " has type " +
                           tensor.dtype + ", not one of F32, BF16, F16 and F64");
}

std::string UnusedNotice(const std::string& path, const std::vector<std::string>& unused) {
  constexpr size_t kNamed = 3;
  std::string names;
  for (size_t i = 0; i < std::min(kNamed, unused.size()); ++i) {
    names += (i == 0 ? "" : ", ") + Quoted(unused[i]);
  }
  if (unused.size() > kNamed) names += ", ...";
  return Quoted(path) + " has " + std::to_string(unused.size()) +
         (unused.size() == 1 ? " tensor" : " tensors") + " that the model does not use: " + names;
}

}  // namespace

void SaveWeights(const std::string& path, const Plan& plan, const GiveValues& values) {
  std::vector<TensorToSave> tensors;
  std::vector<PartToSave> parts;
  std::unordered_set<std::string> names;
  for (size_t i = 0; i < plan.parameters.size(); ++i) {
    const Parameter& parameter = plan.parameters[i];
    for (const ExportPart& part : PartsOf(parameter)) {
      if (!names.insert(part.name).second) {
        throw std::runtime_error("the plan saves two parameters as " + Quoted(part.name));
      }
      tensors.push_back({part.name, {DType::kF32, SavedShape(parameter, part)}});
      parts.push_back({ParameterId(static_cast<int64_t>(i)), part});
    }
  }
  CurrentParameter current;
  const auto fill = [&](size_t i, std::span<std::byte> bytes) {
    const Parameter& parameter = plan.parameters[parts[i].parameter.index()];
    if (current.id != parts[i].parameter) {
      current.id = parts[i].parameter;
      current.values.resize(static_cast<size_t>(parameter.type.shape.Elements()));
      values(current.id, current.values);
    }
    const ExportPart& part = parts[i].part;
    const std::span<const float> rows = RowsOf(current.values, part, RowElements(parameter));
    const std::span<float> target(reinterpret_cast<float*>(bytes.data()), rows.size());
    if (part.layout == ExportPart::Layout::kTransposed) {
      Transpose<float>(rows, part.row_end - part.row_begin, target);
    } else {
      std::copy(rows.begin(), rows.end(), target.begin());
    }
  };
  // Readers of the families' checkpoints ask for this entry.
  const std::vector<std::pair<std::string, std::string>> metadata = {{"format", "pt"}};
  WriteSafetensors(path, tensors, metadata, fill);
}

WeightsFile::WeightsFile(const std::string& path, const Plan& plan) : file_(path) {
  SafetensorsContents contents;
  try {
    contents = ReadSafetensors(file_.bytes());
  } catch (const std::runtime_error& error) {
    throw std::runtime_error("cannot read " + Quoted(path) + ": " + error.what());
  }
  std::unordered_map<std::string, const SavedTensor*> by_name;
  for (const SavedTensor& tensor : contents.tensors) by_name.emplace(tensor.name, &tensor);
  std::unordered_set<std::string> used;
  for (const Parameter& parameter : plan.parameters) {
    std::vector<Piece>& pieces = pieces_.emplace_back();
    row_elements_.push_back(RowElements(parameter));
    for (const ExportPart& part : PartsOf(parameter)) {
      const auto found = by_name.find(part.name);
      if (found == by_name.end()) {
        throw std::runtime_error(Quoted(path) + " has no tensor " + Quoted(part.name) +
                                 " for parameter " + Quoted(parameter.name));
      }
      const SavedTensor& tensor = *found->second;
      const Shape wanted = SavedShape(parameter, part);
      if (!SameShape(tensor.shape, wanted)) {
        throw std::runtime_error(Quoted(path) + ": tensor " + Quoted(part.name) + " has shape " +
                                 ShapeText(tensor.shape) + " where the model has " +
                                 ToString(wanted));
      }
      CheckType(path, tensor);
      used.insert(part.name);
      pieces.push_back({tensor, part});
    }
  }
  std::vector<std::string> unused;
  for (const SavedTensor& tensor : contents.tensors) {
    if (!used.contains(tensor.name)) unused.push_back(tensor.name);
  }
  if (!unused.empty()) notices_.push_back(UnusedNotice(path, unused));
}

void WeightsFile::Read(ParameterId parameter, std::span<float> values) const {
  std::vector<float> transposed;
  for (const Piece& piece : pieces_[parameter.index()]) {
    const std::span<float> rows = RowsOf(values, piece.part, row_elements_[parameter.index()]);
    const std::span<const std::byte> bytes =
        file_.bytes().subspan(piece.tensor.begin, piece.tensor.end - piece.tensor.begin);
    if (piece.part.layout == ExportPart::Layout::kAsIs) {
      ReadSavedFloats(piece.tensor.dtype, bytes, rows);
      continue;
    }
    transposed.resize(rows.size());
    ReadSavedFloats(piece.tensor.dtype, bytes, transposed);
    Transpose<float>(transposed, row_elements_[parameter.index()], rows);
  }
}

}  // namespace pprun
