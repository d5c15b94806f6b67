#include "api/own/run_table_routes.h"

#include <cmath>

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Request;
using http::Response;
using tracking::RunTable;

constexpr std::size_t kRowsDefault = 100;
constexpr std::size_t kRowsMax = 1000;
constexpr std::size_t kListedDefault = 100;
constexpr std::size_t kListedMax = 20'000;

Json cell_json(const tracking::TableCell& cell) {
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return *whole;
  if (const auto* real = std::get_if<double>(&cell))
    return std::isnan(*real) ? Json("NaN") : Json(*real);
  if (const auto* text = std::get_if<std::string>(&cell)) return Json(*text);
  return nullptr;
}

// A list in one parameter: keys have no commas.
std::vector<std::string> query_list(const Request& request, std::string_view name) {
  std::vector<std::string> list;
  for (const std::string& text : request.query_all(name)) {
    for (std::size_t from = 0; from < text.size();) {
      const std::size_t to = std::min(text.find(',', from), text.size());
      if (to > from) list.push_back(text.substr(from, to - from));
      from = to + 1;
    }
  }
  return list;
}

Result<std::uint64_t> query_count(const Request& request, std::string_view name) {
  const std::int64_t value = TRY(query_integer(request, name)).value_or(0);
  if (value < 0)
    return base::error(Code::kInvalidArgument, "{} must not be below 0: {}", name, value);
  return static_cast<std::uint64_t>(value);
}

Result<RunTable::Query> read_query(const Request& request) {
  RunTable::Query query{.experiment_id = request.param("id"),
                        .filter = request.query("filter").value_or(""),
                        .order_by = request.query_all("order_by")};
  if (const auto column = request.query("group"))
    query.in = RunTable::Group{.column = *column, .value = request.query("value")};
  return query;
}

Result<Response> table(RunTable& table, const Request& request) {
  RunTable::PageQuery query;
  query.of = TRY(read_query(request));
  query.columns = query_list(request, "columns");
  query.offset = TRY(query_count(request, "offset"));
  query.view = TRY(query_count(request, "view"));
  query.count = TRY(query_limit(request, kRowsDefault, kRowsMax));
  const RunTable::Page page = TRY(table.page(query));
  JsonArray ids, columns;
  for (const std::string& id : page.ids) ids.emplace_back(id);
  for (std::size_t i = 0; i < query.columns.size(); ++i) {
    JsonArray values;
    for (const tracking::TableCell& cell : page.columns[i]) values.push_back(cell_json(cell));
    columns.push_back(JsonObject{{"name", query.columns[i]}, {"values", std::move(values)}});
  }
  return reply({{"total", page.total},
                {"offset", query.offset},
                {"view", page.view == 0 ? Json() : Json(page.view)},
                {"run_ids", std::move(ids)},
                {"columns", std::move(columns)}});
}

Result<Response> columns(RunTable& table, const Request& request) {
  const std::size_t most = TRY(query_limit(request, kListedDefault, kListedMax));
  const RunTable::Columns found =
      TRY(table.columns(request.param("id"), request.query("prefix").value_or(""),
                        request.query("contains").value_or(""), most));
  JsonArray array;
  for (const RunTable::Listed& one : found.columns)
    array.push_back(JsonObject{{"name", one.name}, {"runs", one.runs}});
  return reply({{"total", found.total}, {"columns", std::move(array)}});
}

Result<Response> groups(RunTable& table, const Request& request) {
  RunTable::GroupQuery query;
  query.of = TRY(read_query(request));
  query.by = request.query("by").value_or("");
  query.contains = request.query("contains").value_or("");
  query.metrics = query_list(request, "metrics");
  query.count = TRY(query_limit(request, kListedDefault, kListedMax));
  const RunTable::Groups found = TRY(table.groups(query));
  JsonArray array;
  for (const RunTable::CountedGroup& group : found.groups) {
    JsonObject metrics;
    for (std::size_t i = 0; i < query.metrics.size(); ++i) {
      const RunTable::Spread& spread = group.metrics[i];
      if (spread.runs == 0) continue;
      metrics[query.metrics[i]] = JsonObject{{"runs", spread.runs},
                                             {"mean", base::number_or_null(spread.mean)},
                                             {"min", spread.low},
                                             {"max", spread.high}};
    }
    array.push_back(JsonObject{{"value", group.value ? Json(*group.value) : Json()},
                               {"runs", group.runs},
                               {"metrics", std::move(metrics)}});
  }
  return reply({{"total", found.total}, {"runs", found.runs}, {"groups", std::move(array)}});
}

}  // namespace

std::vector<http::Route> run_table_routes(RunTable& table_of) {
  const auto route = [&table_of](std::string_view path, std::string summary, auto handle) {
    return http::Route{.method = http::Method::kGet,
                       .pattern = fmt::format("/slipway/v1/experiments/{{id}}/{}", path),
                       .summary = std::move(summary),
                       .handler = answering([&table_of, handle](const Request& request) {
                         return handle(table_of, request);
                       }),
                       .tag = "slipway"};
  };
  return {
      route("table",
            "Runs in the order of order_by (MLflow's words, the newest first without), from offset "
            "on at most limit of those that pass filter: their ids, the columns asked for "
            "(metrics.KEY, params.KEY, tags.KEY, attributes.NAME, with commas between) and how "
            "many pass in all. view, when it isn't null, is the order that was kept: given again "
            "it gives other pages of the same order. group and value: only runs that say value of "
            "the column group; without value those that don't have it.",
            table),
      route("columns",
            "Metrics, parameters and tags that runs have and in how many, the commonest first: "
            "those that begin with prefix (metrics.) and have the letters contains.",
            columns),
      route("groups",
            "How many of the runs that pass filter say which value of the column by (params.KEY, "
            "tags.KEY, attributes.status, .user_id or .run_name), the largest group first, with "
            "mean, least and greatest value of metrics; only values that have the letters "
            "contains.",
            groups)};
}

}  // namespace slipway::api::own
