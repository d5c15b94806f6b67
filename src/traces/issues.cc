#include "traces/issues.h"

#include <algorithm>

#include "base/json.h"
#include "traces/values.h"
#include "types/search_filter.h"

namespace slipway::traces {
namespace {

using types::Comparison;

constexpr std::int64_t kIssuesPerPageMax = 1000;
constexpr std::string_view kStatuses[] = {"pending", "rejected", "resolved"};
constexpr std::string_view kSeverities[] = {"not_an_issue", "low", "medium", "high"};
constexpr std::string_view kColumns =
    "id, experiment, name, description, status, severity, source_run, created_by, root_causes, "
    "categories, created, updated";

constexpr std::string_view kWords[] = {"attribute", "attributes"};
constexpr types::Comparisons kEquality{Comparison::kEqual, Comparison::kNotEqual};
constexpr types::SearchKey kKeys[] = {
    {.word = "status", .name = "status", .comparisons = kEquality},
    {.word = "source_run_id", .name = "source_run", .comparisons = kEquality}};
constexpr types::SearchEntity kEntities[] = {
    {.entity = types::Entity::kAttribute, .words = kWords, .keys = kKeys}};
constexpr types::SearchGrammar kGrammar{kEntities};

Result<void> check_word(std::string_view what, std::span<const std::string_view> words,
                        const std::string& word) {
  if (std::find(words.begin(), words.end(), word) != words.end()) return {};
  std::string known;
  for (const std::string_view one : words)
    known += fmt::format("{}'{}'", known.empty() ? "" : ", ", one);
  return base::error(Code::kInvalidArgument, "Invalid issue {} '{}'. Valid values are [{}]", what,
                     word, known);
}

std::string list_json(const std::vector<std::string>& items) {
  JsonArray list;
  for (const std::string& item : items) list.emplace_back(item);
  return base::to_text(list);
}

std::vector<std::string> read_list(std::string_view json) {
  std::vector<std::string> items;
  const Result<Json> list = base::parse_json(json);
  if (!list || !list->is_array()) return items;
  for (const Json& item : list->get_array()) {
    if (item.is_string()) items.emplace_back(std::string_view(item.get_string()));
  }
  return items;
}

Issue read_issue(const store::Row& row) {
  Issue issue;
  issue.id = row.string(0);
  issue.experiment_id = std::to_string(row.int64(1));
  issue.name = row.string(2);
  issue.description = row.string(3);
  issue.status = row.string(4);
  issue.severity = row.string(5);
  issue.source_run_id = row.string(6);
  issue.created_by = row.string(7);
  issue.root_causes = read_list(row.text(8));
  issue.categories = read_list(row.text(9));
  issue.created = row.time(10);
  issue.updated = row.time(11);
  return issue;
}

Result<Issue> find(store::Reader& reader, const std::string& id) {
  std::optional<Issue> found = TRY(reader.find(
      fmt::format("SELECT {} FROM trace_issues WHERE id = ?", kColumns), {id}, read_issue));
  if (!found) return base::error(Code::kNotFound, "Issue with ID '{}' not found", id);
  return std::move(*found);
}

}  // namespace

Result<Issue> Issues::create(Issue issue) {
  TRY(check_word("status", kStatuses, issue.status));
  if (!issue.severity.empty()) TRY(check_word("severity", kSeverities, issue.severity));
  const std::int64_t experiment = TRY(experiments_.number(issue.experiment_id));
  issue.id = "iss-" + random_.hex();
  issue.created = issue.updated = clock_.now();
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(experiments_.trace_folder(tx, experiment));  // it is there, and not deleted
    TRY(tx.execute(
        fmt::format("INSERT INTO trace_issues({}) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                    "?, ?)",
                    kColumns),
        {issue.id, experiment, issue.name, issue.description, issue.status, issue.severity,
         issue.source_run_id, issue.created_by, list_json(issue.root_causes),
         list_json(issue.categories), issue.created, issue.updated}));
    return {};
  }));
  return issue;
}

Result<Issue> Issues::get(const std::string& id) {
  return db_.read([&](store::Reader& reader) { return find(reader, id); });
}

Result<Issue> Issues::update(const std::string& id, const IssuePatch& patch) {
  if (patch.status) TRY(check_word("status", kStatuses, *patch.status));
  if (patch.severity) TRY(check_word("severity", kSeverities, *patch.severity));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<Issue> {
    Issue issue = TRY(find(tx, id));
    issue.name = patch.name.value_or(issue.name);
    issue.description = patch.description.value_or(issue.description);
    issue.status = patch.status.value_or(issue.status);
    issue.severity = patch.severity.value_or(issue.severity);
    issue.updated = now;
    TRY(
        tx.execute("UPDATE trace_issues SET name = ?, description = ?, status = ?, severity = ?, "
                   "updated = ? WHERE id = ?",
                   {issue.name, issue.description, issue.status, issue.severity, now, id}));
    return issue;
  });
}

Result<IssuePage> Issues::search(const IssueQuery& query) {
  if (query.max_results < 1 || query.max_results > kIssuesPerPageMax) {
    return base::error(Code::kInvalidArgument,
                       "Invalid value {} for parameter 'max_results' supplied. It must be between "
                       "1 and {}",
                       query.max_results, kIssuesPerPageMax);
  }
  const std::vector<types::SearchClause> clauses =
      TRY(types::parse_search_filter(query.filter, kGrammar));
  std::string condition = "experiment >= 0";
  std::vector<store::Param> params;
  if (!query.experiment_id.empty()) {
    condition = "experiment = ?";
    params.emplace_back(TRY(experiments_.number(query.experiment_id)));
  }
  for (const types::SearchClause& clause : clauses) {
    condition += fmt::format(" AND {} {} ?", clause.key,
                             clause.comparison == Comparison::kEqual ? "=" : "<>");
    params.emplace_back(std::get<std::string>(clause.value));
  }
  params.insert(params.end(), {query.max_results + 1, query.offset});
  return db_.read([&](store::Reader& reader) -> Result<IssuePage> {
    IssuePage page;
    TRY(reader.query_span(
        fmt::format(
            "SELECT {} FROM trace_issues WHERE {} ORDER BY created DESC, id LIMIT ? OFFSET ?",
            kColumns, condition),
        params, [&](const store::Row& row) { page.items.push_back(read_issue(row)); }));
    page.has_more = std::ssize(page.items) > query.max_results;
    if (page.has_more) page.items.pop_back();
    if (!query.counts_traces) return page;
    for (Issue& issue : page.items) {
      issue.traces = TRY(reader.find(
          "SELECT COUNT(DISTINCT trace) FROM trace_assessments WHERE name = ? AND kind = ?",
          {issue.id, static_cast<int>(AssessmentKind::kIssue)},
          [](const store::Row& row) { return row.int64(0); }));
    }
    return page;
  });
}

Result<std::optional<std::string>> experiment_of_issue(store::Db& db, const std::string& id) {
  return db.read([&](store::Reader& reader) {
    return reader.find("SELECT experiment FROM trace_issues WHERE id = ?", {id},
                       [](const store::Row& row) { return std::to_string(row.int64(0)); });
  });
}

}  // namespace slipway::traces
