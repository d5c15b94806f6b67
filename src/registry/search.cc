// Search over models and versions. A registry is small, so heads are read after a rough SQL
// filter, and the clauses are decided here, where LIKE means one thing.
#include <algorithm>
#include <map>
#include <set>

#include "registry/names.h"
#include "registry/records.h"
#include "registry/registry.h"
#include "registry/search_grammars.h"

namespace slipway::registry {
namespace {

using types::Comparison;
using types::Entity;
using types::SearchClause;
using types::SearchOrder;

// By model and version (0 for a model), the value of one tag.
using TagValues = std::map<std::pair<std::string, std::int64_t>, std::string>;

struct Search {
  std::vector<SearchClause> clauses;
  std::vector<SearchOrder> order;
  bool prompts = false;  // only prompts, or none
};

// `tags.mlflow.prompt.is_prompt = 'true'`: who writes it asks for prompts.
bool asks_for_prompts(const SearchClause& clause) {
  const auto* text = std::get_if<std::string>(&clause.value);
  return text != nullptr && ((clause.comparison == Comparison::kEqual && *text == "true") ||
                             (clause.comparison == Comparison::kNotEqual && *text == "false"));
}

Result<Search> parse(const SearchQuery& query, const types::SearchGrammar& grammar) {
  Search search;
  search.clauses = TRY(types::parse_search_filter(query.filter, grammar));
  for (const std::string& text : query.order_by) {
    SearchOrder order = TRY(types::parse_search_order(text, grammar));
    const bool repeated =
        std::any_of(search.order.begin(), search.order.end(),
                    [&](const SearchOrder& known) { return known.key == order.key; });
    if (repeated) {
      return base::error(Code::kInvalidArgument, "`order_by` contains duplicate fields: {}",
                         order.key);
    }
    search.order.push_back(std::move(order));
  }
  const auto is_prompt_clause = [](const SearchClause& clause) {
    return clause.entity == Entity::kTag && clause.key == kPromptTag;
  };
  const auto first = std::find_if(search.clauses.begin(), search.clauses.end(), is_prompt_clause);
  search.prompts = first != search.clauses.end() && asks_for_prompts(*first);
  std::erase_if(search.clauses, is_prompt_clause);
  return search;
}

// Names of the models that are prompts.
Result<std::set<std::string>> read_prompts(store::Reader& reader) {
  std::set<std::string> prompts;
  TRY(reader.query("SELECT model, value FROM registered_model_tags WHERE key = ?", {kPromptTag},
                   [&](const store::Row& row) {
                     if (is_prompt({{std::string(kPromptTag), row.string(1)}}))
                       prompts.insert(row.string(0));
                   }));
  return prompts;
}

Result<std::map<std::string, TagValues>> read_tags(store::Reader& reader, const Search& search,
                                                   std::string_view sql) {
  std::map<std::string, TagValues> tags;
  for (const SearchClause& clause : search.clauses) {
    if (clause.entity != Entity::kTag) continue;
    const auto [entry, is_new] = tags.try_emplace(clause.key);
    if (!is_new) continue;
    TRY(reader.query(sql, {clause.key}, [&](const store::Row& row) {
      entry->second[{row.string(0), row.int64(1)}] = row.string(2);
    }));
  }
  return tags;
}

bool tag_matches(const SearchClause& clause, const std::map<std::string, TagValues>& tags,
                 const std::string& model, std::int64_t version) {
  const TagValues& values = tags.at(clause.key);
  const auto found = values.find({model, version});
  if (found == values.end()) return types::matches(clause, std::optional<std::string_view>());
  return types::matches(clause, std::string_view(found->second));
}

// Below 0, 0 or above 0 like a - b.
template <typename T>
int compare(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

// Cuts one page out of what was found, in order.
template <typename T>
Page<T> page_of(std::vector<T> found, const SearchQuery& query) {
  Page<T> page;
  const auto size = static_cast<std::int64_t>(found.size());
  const std::int64_t first = std::min(query.offset, size);
  const std::int64_t end = std::min(size - first, query.max_results) + first;
  page.items.assign(std::make_move_iterator(found.begin() + first),
                    std::make_move_iterator(found.begin() + end));
  if (end < size) page.next_offset = end;
  return page;
}

bool head_matches(const SearchClause& clause, const ModelVersion& version) {
  if (clause.key == "name") return types::matches(clause, std::string_view(version.model));
  if (clause.key == "run_id") return types::matches(clause, std::string_view(version.run_id));
  if (clause.key == "source_path") return types::matches(clause, std::string_view(version.source));
  return types::matches(clause, static_cast<double>(version.version));
}

int compare_by(const std::string& key, const ModelVersion& a, const ModelVersion& b) {
  if (key == "name") return compare(a.model, b.model);
  if (key == "version_number") return compare(a.version, b.version);
  if (key == "creation_timestamp") return compare(a.created.micros, b.created.micros);
  return compare(a.updated.micros, b.updated.micros);
}

int compare_by(const std::string& key, const RegisteredModel& a, const RegisteredModel& b) {
  if (key == "name") return compare(a.name, b.name);
  if (key == "creation_timestamp") return compare(a.created.micros, b.created.micros);
  return compare(a.updated.micros, b.updated.micros);
}

template <typename T>
void sort_by(const std::vector<SearchOrder>& order, std::vector<T>& found) {
  std::sort(found.begin(), found.end(), [&](const T& a, const T& b) {
    for (const SearchOrder& key : order) {
      const int difference = compare_by(key.key, a, b);
      if (difference != 0) return key.ascending ? difference < 0 : difference > 0;
    }
    return false;
  });
}

// Adds the keys that decide between equals, unless they are there.
void break_ties(std::vector<SearchOrder>& order, std::initializer_list<SearchOrder> ties) {
  for (const SearchOrder& tie : ties) {
    if (std::none_of(order.begin(), order.end(),
                     [&](const SearchOrder& known) { return known.key == tie.key; }))
      order.push_back(tie);
  }
}

}  // namespace

Result<Page<RegisteredModel>> Registry::search_models(const SearchQuery& query) {
  Search search = TRY(parse(query, model_grammar()));
  break_ties(search.order, {{.key = "name"}});
  const std::string name = types::required_text(search.clauses, "name").value_or("");
  return db_.read([&](store::Reader& reader) -> Result<Page<RegisteredModel>> {
    const std::set<std::string> prompts = TRY(read_prompts(reader));
    const auto tags = TRY(read_tags(
        reader, search, "SELECT model, 0, value FROM registered_model_tags WHERE key = ?"));
    std::vector<RegisteredModel> found;
    TRY(reader.query(
        "SELECT name, created, updated FROM registered_models WHERE (? = '' OR name = "
        "?) ORDER BY name",
        {name, name}, [&](const store::Row& row) {
          RegisteredModel head{
              .name = row.string(0), .created = row.time(1), .updated = row.time(2)};
          if (prompts.contains(head.name) != search.prompts) return;
          for (const SearchClause& clause : search.clauses) {
            const bool fits = clause.entity == Entity::kTag
                                  ? tag_matches(clause, tags, head.name, 0)
                                  : types::matches(clause, std::string_view(head.name));
            if (!fits) return;
          }
          found.push_back(std::move(head));
        }));
    sort_by(search.order, found);
    Page<RegisteredModel> page = page_of(std::move(found), query);
    for (RegisteredModel& model : page.items) model = TRY(find_model(reader, model.name));
    return page;
  });
}

Result<std::optional<std::string>> Registry::find_made_from(const std::string& run_id,
                                                            const std::string& model_id) {
  const bool by_run = !run_id.empty();
  return db_.read([&](store::Reader& reader) {
    return reader.find(
        fmt::format("SELECT model, version FROM model_versions WHERE {} = ? ORDER BY version DESC "
                    "LIMIT 1",
                    by_run ? "run_id" : "model_id"),
        {by_run ? run_id : model_id}, [](const store::Row& row) {
          return fmt::format("models:/{}/{}", row.text(0), row.int64(1));
        });
  });
}

Result<Page<ModelVersion>> Registry::search_versions(const SearchQuery& query) {
  Search search = TRY(parse(query, version_grammar()));
  if (search.order.empty())
    search.order.push_back({.key = "last_updated_timestamp", .ascending = false});
  break_ties(search.order, {{.key = "name"}, {.key = "version_number", .ascending = false}});
  const std::string model = types::required_text(search.clauses, "name").value_or("");
  const std::string run = types::required_text(search.clauses, "run_id").value_or("");
  return db_.read([&](store::Reader& reader) -> Result<Page<ModelVersion>> {
    const std::set<std::string> prompts = TRY(read_prompts(reader));
    const auto tags = TRY(read_tags(
        reader, search, "SELECT model, version, value FROM model_version_tags WHERE key = ?"));
    std::vector<ModelVersion> found;
    TRY(reader.query(
        fmt::format("SELECT {} FROM model_versions WHERE (? = '' OR model = ?) AND (? = '' OR "
                    "run_id = ?) ORDER BY model, version",
                    kVersionColumns),
        {model, model, run, run}, [&](const store::Row& row) {
          ModelVersion version = read_version(row);
          if (prompts.contains(version.model) != search.prompts) return;
          for (const SearchClause& clause : search.clauses) {
            const bool fits = clause.entity == Entity::kTag
                                  ? tag_matches(clause, tags, version.model, version.version)
                                  : head_matches(clause, version);
            if (!fits) return;
          }
          found.push_back(std::move(version));
        }));
    sort_by(search.order, found);
    Page<ModelVersion> page = page_of(std::move(found), query);
    for (ModelVersion& version : page.items) TRY(read_version_details(reader, version));
    return page;
  });
}

}  // namespace slipway::registry
