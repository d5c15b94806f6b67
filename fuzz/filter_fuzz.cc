// The search filter and order of every kind of thing. The first byte chooses: '^' reads an order.
#include "base/check.h"
#include "evaluations/dataset_search.h"
#include "fuzz.h"
#include "registry/search_grammars.h"
#include "traces/search_grammar.h"
#include "tracking/search_grammars.h"

namespace {

using namespace slipway;
using types::Comparison;

// A parsed clause fits its grammar, so whoever evaluates it needs no further checks.
void check_clause(const types::SearchClause& clause) {
  const bool none = types::kNullComparisons.contains(clause.comparison);
  const bool list = types::kListComparisons.contains(clause.comparison);
  CHECK(std::holds_alternative<std::monostate>(clause.value) == none);
  CHECK(std::holds_alternative<std::vector<std::string>>(clause.value) == list);
  CHECK(!clause.key.empty());
  const bool absent = types::matches(clause, std::optional<std::string_view>());
  CHECK(absent == (clause.comparison == Comparison::kIsNull));
  if (const auto* text = std::get_if<std::string>(&clause.value)) {
    if (clause.comparison == Comparison::kEqual || clause.comparison == Comparison::kLike)
      CHECK(types::matches(clause, std::string_view(*text)) || text->find('_') != text->npos);
    if (clause.comparison == Comparison::kNotEqual)
      CHECK(!types::matches(clause, std::string_view(*text)));
  }
  CHECK(std::holds_alternative<types::TextPattern>(clause.value) ==
        (clause.comparison == Comparison::kRLike));
  if (list) {
    const auto& items = std::get<std::vector<std::string>>(clause.value);
    CHECK(!items.empty());
    CHECK(types::matches(clause, std::string_view(items[0])) ==
          (clause.comparison == Comparison::kIn));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  for (const types::SearchGrammar* grammar :
       {&tracking::run_grammar(), &tracking::experiment_grammar(),
        &tracking::logged_model_grammar(), &registry::model_grammar(), &registry::version_grammar(),
        &traces::trace_grammar(), &evaluations::dataset_grammar()}) {
    if (text.starts_with('^')) {
      const auto order = types::parse_search_order(text.substr(1), *grammar);
      if (!order) CHECK(order.error().code == Code::kInvalidArgument);
      continue;
    }
    const auto clauses = types::parse_search_filter(text, *grammar);
    if (!clauses) {
      CHECK(clauses.error().code == Code::kInvalidArgument);
      continue;
    }
    for (const types::SearchClause& clause : *clauses) check_clause(clause);
  }
  return 0;
}
