// Feature expressions: whatever is accepted is also evaluated, with every value there and with
// none, and gives what its type says.
#include "base/check.h"
#include "features/expression.h"
#include "fuzz.h"

namespace {

using slipway::features::Value;
using slipway::features::ValueType;

bool has_type(const Value& value, ValueType type) {
  switch (type) {
    case ValueType::kNumber:
    case ValueType::kBool:
      return std::holds_alternative<double>(value);
    case ValueType::kText:
      return std::holds_alternative<std::string>(value);
    case ValueType::kTime:
      return std::holds_alternative<slipway::types::Timestamp>(value);
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using slipway::features::Expression;
  static const std::vector<slipway::features::NamedColumn> columns = {
      {"n", ValueType::kNumber}, {"m", ValueType::kNumber}, {"b", ValueType::kBool},
      {"s", ValueType::kText},   {"t", ValueType::kTime},   {"u", ValueType::kTime}};
  const auto expression = Expression::parse(slipway::fuzz::text_of(data, size), columns);
  if (!expression) {
    CHECK(expression.error().code == slipway::Code::kInvalidArgument);
    return 0;
  }
  static const std::vector<std::vector<Value>> rows = {
      {2.5, -1e300, 1.0, std::string("JFK"), slipway::types::Timestamp{1'370'059'200'000'000},
       slipway::types::Timestamp{-1}},
      {0.0, 0.0, 0.0, std::string(), slipway::types::Timestamp{}, slipway::types::Timestamp{}},
      std::vector<Value>(columns.size())};
  for (const auto& row : rows) {
    const Value value = expression->evaluate(row);
    CHECK(slipway::features::is_null(value) || has_type(value, expression->type()));
  }
  return 0;
}
