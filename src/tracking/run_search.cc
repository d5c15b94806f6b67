#include "tracking/run_search.h"

#include <deque>

#include "tracking/limits.h"
#include "tracking/search_grammars.h"
#include "tracking/sqlite_text.h"

namespace slipway::tracking {
namespace {

using types::Comparison;
using types::Entity;
using types::SearchClause;
using types::SearchOrder;

// SQL text and the values that go with it, in order. The texts live in a deque, so that views of
// them stay good.
struct Sql {
  std::string text;
  std::deque<std::string> texts;
  std::vector<store::Param> params;

  void bind(std::string value) { params.emplace_back(texts.emplace_back(std::move(value))); }
  void bind(double value) { params.emplace_back(value); }
};

std::string_view sql_comparison(Comparison op) {
  switch (op) {
    case Comparison::kEqual:
      return "=";
    case Comparison::kNotEqual:
      return "!=";
    case Comparison::kLess:
      return "<";
    case Comparison::kLessEqual:
      return "<=";
    case Comparison::kGreater:
      return ">";
    case Comparison::kGreaterEqual:
      return ">=";
    case Comparison::kLike:
      return "GLOB";
    case Comparison::kILike:
      return "LIKE";
    case Comparison::kIn:
      return "IN";
    case Comparison::kNotIn:
      return "NOT IN";
    case Comparison::kIsNull:
      return "IS NULL";
    case Comparison::kIsNotNull:
      return "IS NOT NULL";
  }
  return "=";
}

bool is_numeric_comparison(Comparison op) {
  switch (op) {
    case Comparison::kEqual:
    case Comparison::kNotEqual:
    case Comparison::kLess:
    case Comparison::kLessEqual:
    case Comparison::kGreater:
    case Comparison::kGreaterEqual:
      return true;
    case Comparison::kLike:
    case Comparison::kILike:
    case Comparison::kIn:
    case Comparison::kNotIn:
    case Comparison::kIsNull:
    case Comparison::kIsNotNull:
      return false;
  }
  return false;
}

Error wrong_comparison(const SearchClause& clause, std::string_view what) {
  return base::error(Code::kInvalidArgument, "Invalid comparator '{}' for {} '{}'",
                     sql_comparison(clause.comparison), what, clause.key);
}

// `column op value` for a text column: = != LIKE ILIKE IN NOT IN.
Result<void> compare_text(const SearchClause& clause, std::string_view column, Sql& sql) {
  if (const auto* list = std::get_if<std::vector<std::string>>(&clause.value)) {
    std::string marks;
    for (const std::string& item : *list) {
      marks += marks.empty() ? "?" : ", ?";
      sql.bind(item);
    }
    sql.text += fmt::format("{} {} ({})", column, sql_comparison(clause.comparison), marks);
    return {};
  }
  if (clause.comparison != Comparison::kEqual && clause.comparison != Comparison::kNotEqual &&
      clause.comparison != Comparison::kLike && clause.comparison != Comparison::kILike) {
    return wrong_comparison(clause, "the string");
  }
  const auto* text = std::get_if<std::string>(&clause.value);
  if (text == nullptr)
    return base::error(Code::kInvalidArgument, "Expected a quoted string value for '{}'",
                       clause.key);
  sql.text += fmt::format("{} {} ?", column, sql_comparison(clause.comparison));
  sql.bind(clause.comparison == Comparison::kLike ? like_to_glob(*text) : *text);
  return {};
}

Result<void> compare_number(const SearchClause& clause, std::string_view column, Sql& sql) {
  const auto* number = std::get_if<double>(&clause.value);
  if (!is_numeric_comparison(clause.comparison)) return wrong_comparison(clause, "the number");
  if (number == nullptr)
    return base::error(Code::kInvalidArgument, "Expected numeric value for '{}'", clause.key);
  sql.text += fmt::format("{} {} ?", column, sql_comparison(clause.comparison));
  sql.bind(*number);
  return {};
}

struct AttributeColumn {
  std::string_view name;
  std::string_view column;
  bool numeric;
};
constexpr AttributeColumn kAttributes[] = {
    {"run_id", "r.id", false},          {"id", "r.id", false},
    {"run_name", "r.name", false},      {"name", "r.name", false},
    {"run name", "r.name", false},      {"Run name", "r.name", false},
    {"user_id", "r.user", false},       {"artifact_uri", "r.artifact_uri", false},
    {"start_time", "r.start_ms", true}, {"created", "r.start_ms", true},
    {"Created", "r.start_ms", true},    {"end_time", "r.end_ms", true},
    {"status", "r.status", false}};

const AttributeColumn* find_attribute(const std::string& key) {
  for (const AttributeColumn& known : kAttributes) {
    if (known.name == key) return &known;
  }
  return nullptr;
}

Error unknown_attribute(const std::string& key) {
  return base::error(Code::kInvalidArgument,
                     "Invalid attribute key '{}' specified. Valid keys are run_id, run_name, "
                     "status, user_id, artifact_uri, start_time, end_time, created",
                     key);
}

// The status is a number in the table and a word outside.
constexpr std::string_view kStatusWord =
    "(CASE r.status WHEN 0 THEN 'RUNNING' WHEN 1 THEN 'SCHEDULED' WHEN 2 THEN 'FINISHED' WHEN 3 "
    "THEN 'FAILED' ELSE 'KILLED' END)";

Result<void> add_attribute(const SearchClause& clause, Sql& sql) {
  const AttributeColumn* attribute = find_attribute(clause.key);
  if (attribute == nullptr) return unknown_attribute(clause.key);
  if (attribute->numeric) return compare_number(clause, attribute->column, sql);
  const bool is_id = attribute->column == "r.id";
  if ((clause.comparison == Comparison::kIn || clause.comparison == Comparison::kNotIn) && !is_id) {
    return base::error(
        Code::kInvalidArgument,
        "Only the 'run_id' attribute supports comparison with a list of quoted string values.");
  }
  return compare_text(clause, attribute->name == "status" ? kStatusWord : attribute->column, sql);
}

Result<void> add_key_value(const SearchClause& clause, std::string_view table, Sql& sql) {
  if (clause.comparison == Comparison::kIsNull || clause.comparison == Comparison::kIsNotNull) {
    sql.text +=
        fmt::format("{} (SELECT 1 FROM {} x WHERE x.run = r.number AND x.key = ?)",
                    clause.comparison == Comparison::kIsNull ? "NOT EXISTS" : "EXISTS", table);
    sql.bind(clause.key);
    return {};
  }
  if (clause.comparison == Comparison::kIn || clause.comparison == Comparison::kNotIn)
    return wrong_comparison(clause, "the key");
  sql.text +=
      fmt::format("EXISTS (SELECT 1 FROM {} x WHERE x.run = r.number AND x.key = ? AND ", table);
  sql.bind(clause.key);
  TRY(compare_text(clause, "x.value", sql));
  sql.text += ")";
  return {};
}

Result<void> add_metric(const SearchClause& clause, Sql& sql) {
  // NaN is stored as NULL with a mark: it matches only !=.
  sql.text += "EXISTS (SELECT 1 FROM run_metrics x WHERE x.run = r.number AND x.key = ? AND (";
  sql.bind(clause.key);
  TRY(compare_number(clause, "x.value", sql));
  sql.text += clause.comparison == Comparison::kNotEqual ? " OR x.is_nan = 1))" : "))";
  return {};
}

Result<void> add_dataset(const SearchClause& clause, Sql& sql) {
  if (clause.key != "name" && clause.key != "digest" && clause.key != "context") {
    return base::error(Code::kInvalidArgument,
                       "Invalid dataset key '{}'. Valid keys are name, digest, context",
                       clause.key);
  }
  sql.text += "EXISTS (SELECT 1 FROM run_datasets x WHERE x.run = r.number AND ";
  if (clause.key == "context") {
    sql.text +=
        "EXISTS (SELECT 1 FROM json_each(x.tags) t WHERE json_extract(t.value, '$.key') = "
        "'mlflow.data.context' AND ";
    TRY(compare_text(clause, "json_extract(t.value, '$.value')", sql));
    sql.text += "))";
    return {};
  }
  TRY(compare_text(clause, "x." + clause.key, sql));
  sql.text += ")";
  return {};
}

Result<void> add_clause(const SearchClause& clause, Sql& sql) {
  sql.text += " AND ";
  switch (clause.entity) {
    case Entity::kMetric:
      return add_metric(clause, sql);
    case Entity::kParam:
      return add_key_value(clause, "run_params", sql);
    case Entity::kTag:
      return add_key_value(clause, "run_tags", sql);
    case Entity::kAttribute:
      return add_attribute(clause, sql);
    case Entity::kDataset:
      return add_dataset(clause, sql);
  }
  return {};
}

// `joins` and `order` grow by one key.
Result<void> add_order(const SearchOrder& key, std::size_t index, Sql& joins, std::string& order) {
  const std::string_view direction = key.ascending ? "ASC" : "DESC";
  std::string column;
  switch (key.entity) {
    case Entity::kAttribute: {
      const AttributeColumn* attribute = find_attribute(key.key);
      if (attribute == nullptr) return unknown_attribute(key.key);
      column = attribute->name == "status" ? kStatusWord : attribute->column;
      order += fmt::format("{0} IS NULL, {0} {1}, ", column, direction);
      return {};
    }
    case Entity::kMetric: {
      joins.text +=
          fmt::format(" LEFT JOIN run_metrics o{0} ON o{0}.run = r.number AND o{0}.key = ?", index);
      joins.bind(key.key);
      order += fmt::format(
          "(CASE WHEN o{0}.run IS NULL THEN 2 WHEN o{0}.is_nan = 1 THEN 1 ELSE 0 END), o{0}.value "
          "{1}, ",
          index, direction);
      return {};
    }
    case Entity::kParam:
    case Entity::kTag: {
      joins.text += fmt::format(" LEFT JOIN {1} o{0} ON o{0}.run = r.number AND o{0}.key = ?",
                                index, key.entity == Entity::kTag ? "run_tags" : "run_params");
      joins.bind(key.key);
      order += fmt::format("o{0}.value IS NULL, o{0}.value {1}, ", index, direction);
      return {};
    }
    case Entity::kDataset:
      break;
  }
  return base::error(Code::kInvalidArgument, "Invalid order_by entity: datasets");
}

}  // namespace

Result<Page<Run>> search_runs(store::Db& db, Runs& runs, const RunQuery& query) {
  if (query.max_results < 1 || query.max_results > kSearchPageMax) {
    return base::error(
        Code::kInvalidArgument,
        "Invalid value {} for parameter 'max_results' supplied. It must be between 1 and {}",
        query.max_results, kSearchPageMax);
  }
  const std::int64_t offset = TRY(parse_page_token(query.page_token));

  Sql joins;
  std::string order;
  std::size_t index = 0;
  for (const std::string& text : query.order_by)
    TRY(add_order(TRY(types::parse_search_order(text, run_grammar())), index++, joins, order));

  Sql where;
  std::string experiments;
  for (const std::string& id : query.experiment_ids) {
    const Result<std::int64_t> number = experiment_number(id);
    if (!number) continue;  // as for an experiment that doesn't exist: it has no runs
    experiments += (experiments.empty() ? "" : ", ") + std::to_string(*number);
  }
  where.text = fmt::format("r.experiment IN ({})", experiments);
  if (query.view == View::kActive) where.text += " AND r.deleted = 0";
  if (query.view == View::kDeleted) where.text += " AND r.deleted != 0";
  for (const SearchClause& clause : TRY(types::parse_search_filter(query.filter, run_grammar())))
    TRY(add_clause(clause, where));

  std::vector<store::Param> params = joins.params;
  params.insert(params.end(), where.params.begin(), where.params.end());
  params.emplace_back(query.max_results + 1);
  params.emplace_back(offset);
  std::vector<std::string> ids = TRY(db.read([&](store::Reader& reader)
                                                 -> Result<std::vector<std::string>> {
    std::vector<std::string> found;
    TRY(reader.query_span(
        fmt::format(
            "SELECT r.id FROM runs r{} WHERE {} ORDER BY {}r.start_ms DESC, r.id LIMIT ? OFFSET ?",
            joins.text, where.text, order),
        params, [&](const store::Row& row) { found.push_back(row.string(0)); }));
    return found;
  }));
  Page<Run> page;
  if (ids.size() > static_cast<std::size_t>(query.max_results)) {
    ids.pop_back();
    page.next = page_token(offset + query.max_results);
  }
  page.items = TRY(runs.get_many(ids));
  return page;
}

}  // namespace slipway::tracking
