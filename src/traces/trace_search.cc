#include "traces/trace_search.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/json.h"
#include "traces/search_grammar.h"
#include "traces/trace_filter.h"

namespace slipway::traces {
namespace {

using types::Entity;
using types::SearchClause;
using types::SearchOrder;

constexpr std::size_t kRowsFirst = 256;  // that a search reads before it knows how many pass
constexpr std::size_t kRowsMax = 4096;   // and at a time

// Where a page ended: behind how many traces, and, when they come newest first, behind which.
struct Position {
  std::int64_t offset = 0;
  std::int64_t start_ms = std::numeric_limits<std::int64_t>::max();
  std::string id;
};

Result<Position> parse_token(const std::string& token) {
  Position position;
  if (token.empty()) return position;
  const Error wrong =
      base::error(Code::kInvalidArgument, "Invalid page token, could not base64-decode");
  const Result<std::string> text = base::from_base64(token);
  if (!text) return wrong;
  const Result<JsonObject> object = base::parse_json_object(*text);
  if (!object) return wrong;
  const auto offset = base::get_int(*object, "offset");
  if (!offset || *offset < 0) return wrong;
  position.offset = *offset;
  const auto start = base::find_int(*object, "after_ms");
  const auto id = base::find_string(*object, "after");
  if (!start || !id || start->has_value() != id->has_value()) return wrong;
  position.start_ms = start->value_or(position.start_ms);
  position.id = id->value_or("");
  return position;
}

std::string token_text(const Position& position, bool has_last) {
  JsonObject object{{"offset", position.offset}};
  if (has_last) {
    object["after_ms"] = position.start_ms;
    object["after"] = position.id;
  }
  return base::to_base64(base::to_text(object));
}

// Calls `each` with the traces that pass, newest first, until it says no or there are none left.
Result<void> scan(store::Reader& reader, const TraceFilter& filter, Position from,
                  const std::function<Result<bool>(StoredTrace&&)>& each) {
  const std::string sql = fmt::format(
      "SELECT {} FROM traces WHERE {} AND start_ms <= ? AND (start_ms < ? OR id > ?) ORDER BY "
      "start_ms DESC, id LIMIT ?",
      kTraceColumns, filter.condition());
  for (std::size_t rows = kRowsFirst;; rows = std::min(rows * 4, kRowsMax)) {
    std::vector<store::Param> params = filter.params();
    params.insert(params.end(), {from.start_ms, from.start_ms, from.id, rows});
    std::vector<StoredTrace> chunk;
    Result<void> readable;
    TRY(reader.query_span(sql, params, [&](const store::Row& row) {
      Result<StoredTrace> trace = read_stored(row);
      if (trace) {
        chunk.push_back(std::move(*trace));
      } else {
        readable = trace.error();
      }
    }));
    TRY(std::move(readable));
    if (chunk.empty()) return {};
    const bool is_last = chunk.size() < rows;
    from.start_ms = chunk.back().info.start_ms;
    from.id = chunk.back().info.id;
    for (StoredTrace& trace : chunk) {
      if (!TRY(filter.passes(reader, trace))) continue;
      if (!TRY(each(std::move(trace)))) return {};
    }
    if (is_last) return {};
  }
}

// What a trace is sorted by.
struct SortKey {
  bool is_missing = false;
  std::int64_t number = 0;
  std::string text;
};

SortKey text_key(const Labels& labels, std::string_view key) {
  const std::string* value = labels.find(key);
  if (value == nullptr) return {.is_missing = true};
  return {.text = *value};
}

SortKey sort_key(const SearchOrder& order, const TraceInfo& info) {
  if (order.entity == Entity::kTag) return text_key(info.tags, order.key);
  if (order.entity == Entity::kMetadata) return text_key(info.metadata, order.key);
  if (order.key == kNameKey) return text_key(info.tags, kNameTag);
  if (order.key == kRunKey) return text_key(info.metadata, kRunMetadata);
  if (order.key == kIdKey) return {.text = info.id};
  if (order.key == kStateKey) return {.text = std::string(state_name(info.state))};
  if (order.key == kExperimentKey) return {.number = info.experiment};
  if (order.key == kStartKey) return {.number = info.start_ms};
  if (order.key == kEndKey) return {.number = info.start_ms + info.duration_ms.value_or(0)};
  return {.is_missing = !info.duration_ms, .number = info.duration_ms.value_or(0)};
}

struct Sorted {
  std::vector<SortKey> keys;
  std::int64_t number = 0;
};

// Traces in an order of the caller's own: all that pass are looked at, with their keys in memory.
Result<TracePage> search_sorted(store::Reader& reader, const TraceFilter& filter,
                                const std::vector<SearchOrder>& orders, const TraceQuery& query,
                                const Position& from) {
  std::vector<Sorted> found;  // newest first, which is the order among equals
  TRY(scan(reader, filter, {}, [&](StoredTrace&& trace) -> Result<bool> {
    Sorted& sorted = found.emplace_back();
    sorted.number = trace.number;
    for (const SearchOrder& order : orders) sorted.keys.push_back(sort_key(order, trace.info));
    return true;
  }));
  std::stable_sort(found.begin(), found.end(), [&](const Sorted& a, const Sorted& b) {
    for (std::size_t i = 0; i < orders.size(); ++i) {
      const SortKey &left = a.keys[i], &right = b.keys[i];
      if (left.is_missing != right.is_missing) return right.is_missing;
      if (left.number != right.number) return (left.number < right.number) == orders[i].ascending;
      if (left.text != right.text) return (left.text < right.text) == orders[i].ascending;
    }
    return false;
  });
  const auto begin = static_cast<std::size_t>(from.offset);
  const std::size_t end =
      std::min(found.size(), begin + static_cast<std::size_t>(query.max_results));
  const std::string sql = fmt::format("SELECT {} FROM traces WHERE number = ?", kTraceColumns);
  std::vector<StoredTrace> traces;
  for (std::size_t i = begin; i < end; ++i) {
    std::optional<Result<StoredTrace>> trace =
        TRY(reader.find(sql, {found[i].number}, read_stored));
    if (trace) traces.push_back(TRY(std::move(*trace)));
  }
  TRY(load_assessments(reader, traces));
  TracePage page;
  for (StoredTrace& trace : traces) page.items.push_back(std::move(trace.info));
  if (begin < end && end < found.size())
    page.next = token_text({.offset = static_cast<std::int64_t>(end)}, false);
  return page;
}

Result<TracePage> search_newest(store::Reader& reader, const TraceFilter& filter,
                                const TraceQuery& query, const Position& from) {
  std::vector<StoredTrace> traces;
  bool has_more = false;
  TRY(scan(reader, filter, from, [&](StoredTrace&& trace) -> Result<bool> {
    has_more = traces.size() == static_cast<std::size_t>(query.max_results);
    if (!has_more) traces.push_back(std::move(trace));
    return !has_more;
  }));
  TRY(load_assessments(reader, traces));
  TracePage page;
  if (has_more) {
    const TraceInfo& last = traces.back().info;
    page.next = token_text(
        {.offset = from.offset + query.max_results, .start_ms = last.start_ms, .id = last.id},
        true);
  }
  for (StoredTrace& trace : traces) page.items.push_back(std::move(trace.info));
  return page;
}

Result<std::unordered_set<std::int64_t>> numbers_that_pass(
    store::Reader& reader, const std::string& text, const std::vector<std::int64_t>& experiments) {
  const std::vector<SearchClause> clauses = TRY(types::parse_search_filter(text, trace_grammar()));
  const TraceFilter filter = TRY(TraceFilter::prepare(reader, clauses, experiments));
  std::unordered_set<std::int64_t> numbers;
  TRY(scan(reader, filter, {}, [&](StoredTrace&& trace) -> Result<bool> {
    numbers.insert(trace.number);
    return true;
  }));
  return numbers;
}

// Of a table of two by two: both, only the first, only the second, neither.
double npmi_of(double both, double first, double second, double neither) {
  const double total = both + first + second + neither;
  if (total <= 0 || both + first <= 0 || both + second <= 0) return std::nan("");
  if (both <= 0) return -1;
  if (both == total) return 1;
  const double joint = both / total;
  const double pmi = std::log(joint / ((both + first) / total) / ((both + second) / total));
  return std::clamp(pmi / -std::log(joint), -1.0, 1.0);
}

}  // namespace

FilterCorrelation correlate(std::int64_t first, std::int64_t second, std::int64_t joint,
                            std::int64_t total) {
  constexpr double kJeffreys = 0.5;
  FilterCorrelation result{.first = first, .second = second, .joint = joint, .total = total};
  const std::int64_t neither = total - first - second + joint;
  if (first <= 0 || second <= 0 || joint > first || joint > second || neither < 0) {
    result.npmi = result.npmi_smoothed = std::nan("");
    return result;
  }
  const auto both = static_cast<double>(joint), one = static_cast<double>(first - joint),
             two = static_cast<double>(second - joint), none = static_cast<double>(neither);
  result.npmi = npmi_of(both, one, two, none);
  result.npmi_smoothed =
      npmi_of(both + kJeffreys, one + kJeffreys, two + kJeffreys, none + kJeffreys);
  return result;
}

Result<TracePage> TraceSearch::search(const TraceQuery& query) {
  if (query.max_results < 1 || query.max_results > kTracesPerPageMax) {
    return base::error(Code::kInvalidArgument,
                       "Invalid value {} for parameter 'max_results' supplied. It must be a "
                       "positive integer not above {}",
                       query.max_results, kTracesPerPageMax);
  }
  const Position from = TRY(parse_token(query.page_token));
  std::vector<SearchOrder> orders;
  for (const std::string& text : query.order_by) {
    SearchOrder order = TRY(types::parse_search_order(text, trace_grammar()));
    for (const SearchOrder& known : orders) {
      if (known.entity == order.entity && known.key == order.key)
        return base::error(Code::kInvalidArgument, "`order_by` contains duplicate fields: {}",
                           text);
    }
    orders.push_back(std::move(order));
  }
  const bool is_newest_first =
      orders.empty() || (orders.size() == 1 && orders[0].key == kStartKey && !orders[0].ascending &&
                         orders[0].entity == Entity::kAttribute);
  const std::vector<SearchClause> clauses =
      TRY(types::parse_search_filter(query.filter, trace_grammar()));
  const std::vector<std::int64_t> experiments = TRY(experiments_.numbers(query.experiments));
  return db_.read([&](store::Reader& reader) -> Result<TracePage> {
    const TraceFilter filter = TRY(TraceFilter::prepare(reader, clauses, experiments));
    if (is_newest_first) return search_newest(reader, filter, query, from);
    return search_sorted(reader, filter, orders, query, from);
  });
}

Result<FilterCorrelation> TraceSearch::correlation(const std::vector<std::string>& experiments,
                                                   const std::string& first,
                                                   const std::string& second,
                                                   const std::string& base) {
  const std::vector<std::int64_t> in = TRY(experiments_.numbers(experiments));
  const auto within = [&](const std::string& filter) {
    return base.empty() ? filter : fmt::format("{} AND {}", base, filter);
  };
  return db_.read([&](store::Reader& reader) -> Result<FilterCorrelation> {
    const auto all = TRY(numbers_that_pass(reader, base, in));
    const auto one = TRY(numbers_that_pass(reader, within(first), in));
    const auto two = TRY(numbers_that_pass(reader, within(second), in));
    const std::int64_t joint = std::count_if(
        one.begin(), one.end(), [&](std::int64_t number) { return two.contains(number); });
    return correlate(std::ssize(one), std::ssize(two), joint, std::ssize(all));
  });
}

}  // namespace slipway::traces
