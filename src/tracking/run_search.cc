#include "tracking/run_search.h"

#include "tracking/limits.h"
#include "tracking/search_grammars.h"

namespace slipway::tracking {

Result<Page<Run>> search_runs(RunIndex& index, Runs& runs, const RunQuery& query) {
  if (query.max_results < 1 || query.max_results > kSearchPageMax) {
    return base::error(
        Code::kInvalidArgument,
        "Invalid value {} for parameter 'max_results' supplied. It must be between 1 and {}",
        query.max_results, kSearchPageMax);
  }
  const std::int64_t offset = TRY(parse_page_token(query.page_token));
  RunSelection selection{.view = query.view,
                         .offset = static_cast<std::size_t>(offset),
                         .count = static_cast<std::size_t>(query.max_results)};
  selection.clauses = TRY(types::parse_search_filter(query.filter, run_grammar()));
  for (const std::string& text : query.order_by)
    selection.order.push_back(TRY(types::parse_search_order(text, run_grammar())));
  selection.experiments = TRY(experiment_numbers(query.experiment_ids));
  const SelectedRuns selected = TRY(index.select(selection));
  Page<Run> page;
  if (selected.more) page.next = page_token(offset + query.max_results);
  page.items = TRY(runs.get_many(selected.numbers));
  return page;
}

}  // namespace slipway::tracking
