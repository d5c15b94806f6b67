// MLflow's search filter and order_by. The first byte chooses: '^' reads an order_by.
#include "base/check.h"
#include "fuzz.h"
#include "tracking/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway::tracking;
  const std::string_view text = slipway::fuzz::text_of(data, size);
  if (text.starts_with('^')) {
    const auto order = parse_order_by(text.substr(1));
    if (!order) CHECK(order.error().code == slipway::Code::kInvalidArgument);
    return 0;
  }
  const auto clauses = parse_filter(text);
  if (!clauses) {
    CHECK(clauses.error().code == slipway::Code::kInvalidArgument);
    return 0;
  }
  for (const Clause& clause : *clauses) {
    const bool none = clause.op == Operator::kIsNull || clause.op == Operator::kIsNotNull;
    const bool list = clause.op == Operator::kIn || clause.op == Operator::kNotIn;
    CHECK(std::holds_alternative<std::monostate>(clause.value) == none);
    CHECK(std::holds_alternative<std::vector<std::string>>(clause.value) == list);
    const auto comparison = text_comparison(clause);
    CHECK(comparison || comparison.error().code == slipway::Code::kInvalidArgument);
    if (const auto* pattern = std::get_if<std::string>(&clause.value))
      CHECK(like_to_glob(*pattern).size() >= pattern->size());
  }
  return 0;
}
