// Every number, enumeration, id and string of a plan, one after the other, by the descriptions that
// the file format has of its records: what these forget, no file holds. For tests that damage one
// field at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/plan/file_records.h"
#include "compiler/plan/plan.h"

namespace pprun {

struct PlanField {
  std::string record;  // the section of the record that it is in: "plan", "buffers"
  int ordinal = 0;     // among the fields of that record, lists not counted
  enum class Kind : uint8_t { kNumber, kEnumeration, kText } kind = Kind::kNumber;
  // Sets the field to the n-th value worth trying; false if there are no more.
  std::function<bool(int n)> damage;
  // Of an enumeration: sets it to what it does not have.
  std::function<void()> beyond;
  // To what it was when it was listed.
  std::function<void()> restore;
};

// Valid as long as the plan's lists are what they are.
std::vector<PlanField> FieldsOf(Plan& plan);

}  // namespace pprun
