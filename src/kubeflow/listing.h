// Lists of things in pages, filtered and sorted as Kubeflow's clients ask for them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace slipway::kubeflow {

struct ListQuery {
  std::int64_t page_size = 0;  // 0: as many as usual
  std::string page_token;
  std::string sort_by;  // "created_at desc"
  std::string filter;   // {"predicates": [{"operation", "key", "string_value"}]}
};

struct Listed {
  std::string id;
  JsonObject fields;  // texts; numbers, times as microseconds
};

struct ListPage {
  std::vector<std::size_t> positions;  // in the order asked for
  std::string next_page_token;         // empty: it was the last
  std::size_t total = 0;               // over all pages
};

inline constexpr std::int64_t kPageSize = 20, kPageSizeMax = 200;

// All of `things` have the same fields. kInvalidArgument: a query that can't be read, a field that
// they don't have, a token of another query.
Result<ListPage> select(const std::vector<Listed>& things, const std::vector<std::string>& fields,
                        const ListQuery& query);

}  // namespace slipway::kubeflow
