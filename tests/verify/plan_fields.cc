#include "tests/verify/plan_fields.h"

#include <limits>
#include <type_traits>

#include "compiler/plan/file_sections.h"

namespace pprun {
namespace {

// The n-th of the values that are not what the field was.
template <typename T>
bool SetToOther(T& field, const T& was, const std::vector<T>& values, int n) {
  for (const T& value : values) {
    if (value == was || n-- > 0) continue;
    field = value;
    return true;
  }
  return false;
}

// An archive, as the writer and the reader of plan files are.
class Visitor {
 public:
  template <typename T>
  using Value = T;

  explicit Visitor(std::vector<PlanField>& fields) : fields_(fields) {}

  template <typename T>
  void Number(T& number) {
    Field(PlanField::Kind::kNumber, number, [&number, was = number](int n) {
      constexpr T kMost = std::numeric_limits<T>::max();
      constexpr T kLeast = std::numeric_limits<T>::lowest();
      std::vector<T> values = {T{0}, T{1}, T{2}, kMost, kLeast, static_cast<T>(was / 2)};
      if (was < kMost) values.push_back(static_cast<T>(was + T{1}));
      if (was > kLeast) values.push_back(static_cast<T>(was - T{1}));
      if constexpr (std::is_signed_v<T>) values.push_back(T{-1});
      if constexpr (std::is_floating_point_v<T>) {
        values.push_back(std::numeric_limits<T>::quiet_NaN());
        values.push_back(std::numeric_limits<T>::infinity());
        values.push_back(T{0.5});
      }
      return SetToOther(number, was, values, n);
    });
  }
  void Rank(int8_t& rank) {
    Field(PlanField::Kind::kNumber, rank, [&rank, was = rank](int n) {
      return SetToOther(rank, was, {0, 1, 2, 3, 4}, n);
    });
  }
  template <typename Enumeration>
  void Enum(Enumeration& value, int count) {
    Field(PlanField::Kind::kEnumeration, value, [&value, count, was = value](int n) {
      std::vector<Enumeration> values;
      for (int i = 0; i < count; ++i) values.push_back(static_cast<Enumeration>(i));
      return SetToOther(value, was, values, n);
    });
    fields_.back().beyond = [&value, count] { value = static_cast<Enumeration>(count); };
  }
  template <typename Tag>
  void Id(pprun::Id<Tag>& id) {
    Number(id.value);
  }
  void String(std::string& text) {
    Field(PlanField::Kind::kText, text, [&text, was = text](int n) {
      return SetToOther(text, was, {"", was + "x", std::string(1, '\0')}, n);
    });
  }
  template <typename T>
  void List(std::vector<T>& list) {
    for (T& element : list) Record(element);
  }
  template <typename T>
  void Integers(std::vector<T>& list) {
    // All elements are one kind of field.
    const int ordinal = ordinal_;
    for (T& element : list) {
      ordinal_ = ordinal;
      if constexpr (std::is_same_v<T, int32_t>) {
        Number(element);
      } else {
        Number(element.value);
      }
    }
    ordinal_ = ordinal + 1;
  }
  void Strings(std::vector<std::string>& list) {
    const int ordinal = ordinal_;
    for (std::string& element : list) {
      ordinal_ = ordinal;
      String(element);
    }
    ordinal_ = ordinal + 1;
  }

  // Fields of instructions of different kinds are different fields.
  void BeginOperands(Operands& operands) {
    ordinal_ = 10 * (1 + static_cast<int>(operands.index()));
  }
  template <typename Enumeration>
  void OperandEnum(Enumeration& value, int count) {
    Enum(value, count);
  }
  void Operand(int32_t& number) { Number(number); }
  template <typename... Ids>
  void OperandIds(Ids&... ids) {
    (Operand(ids.value), ...);
  }
  void EndOperands() {}

  template <typename T>
  void Record(T& record) {
    const auto section = static_cast<size_t>(file_detail::kSectionOf<T>);
    const std::string outer = std::exchange(record_, file_detail::kSections[section].name);
    const int ordinal = std::exchange(ordinal_, 0);
    file_detail::Describe(*this, record);
    record_ = outer;
    ordinal_ = ordinal;
  }

 private:
  template <typename T>
  void Field(PlanField::Kind kind, T& value, std::function<bool(int)> damage) {
    fields_.push_back(
        {record_, ordinal_++, kind, std::move(damage), {}, [&value, was = value] { value = was; }});
  }

  std::vector<PlanField>& fields_;
  std::string record_;
  int ordinal_ = 0;
};

}  // namespace

std::vector<PlanField> FieldsOf(Plan& plan) {
  std::vector<PlanField> fields;
  Visitor(fields).Record(plan);
  return fields;
}

}  // namespace pprun
