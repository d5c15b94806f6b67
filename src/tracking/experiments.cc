#include "tracking/experiments.h"

#include <charconv>

#include "base/hash.h"
#include "tracking/limits.h"
#include "tracking/search_grammars.h"
#include "tracking/sqlite_text.h"

namespace slipway::tracking {
namespace {

constexpr std::string_view kColumns = "id, name, artifact_location, deleted, created, updated";

Experiment read_experiment(const store::Row& row) {
  return {.id = std::to_string(row.int64(0)),
          .name = row.string(1),
          .artifact_location = row.string(2),
          .stage = row.int64(3) != 0 ? Stage::kDeleted : Stage::kActive,
          .created = row.time(4),
          .updated = row.time(5)};
}

Result<void> read_tags(store::Reader& reader, Experiment& experiment) {
  return reader.query("SELECT key, value FROM experiment_tags WHERE experiment = ? ORDER BY key",
                      {experiment.id}, [&](const store::Row& row) {
                        experiment.tags.push_back({row.string(0), row.string(1)});
                      });
}

Error no_experiment(const std::string& id) {
  return base::error(Code::kNotFound, "No Experiment with id={} exists", id);
}

Result<void> check_name(const std::string& name) {
  if (name.empty())
    return base::error(Code::kInvalidArgument,
                       "Invalid experiment name: '{}'. Name must not be empty", name);
  if (name.size() > kExperimentNameLengthMax) {
    return base::error(Code::kInvalidArgument, "'name' exceeds the maximum length of {} characters",
                       kExperimentNameLengthMax);
  }
  return {};
}

Error name_taken(const std::string& name) {
  return base::error(Code::kAlreadyExists,
                     "Experiment(name={}) already exists. Error: the name is taken, perhaps by a "
                     "deleted experiment",
                     name);
}

// `AND` clauses over name and tags as SQL over experiments e; parameters go to `texts`.
Result<std::string> filter_sql(const std::string& filter, std::vector<std::string>& texts) {
  std::string sql;
  for (const types::SearchClause& clause :
       TRY(types::parse_search_filter(filter, experiment_grammar()))) {
    const auto* text = std::get_if<std::string>(&clause.value);
    const std::string compare = TRY(text_comparison(clause));
    if (text == nullptr)
      return base::error(Code::kInvalidArgument, "Expected a quoted string value for {}",
                         clause.key);
    if (clause.entity == types::Entity::kTag) {
      sql +=
          " AND EXISTS(SELECT 1 FROM experiment_tags t WHERE t.experiment = e.id AND t.key = ? AND "
          "t.value " +
          compare + ")";
      texts.push_back(clause.key);
    } else if (clause.entity == types::Entity::kAttribute && clause.key == "name") {
      sql += " AND e.name " + compare;
    } else {
      return base::error(Code::kInvalidArgument, "Invalid attribute key '{}' for experiments",
                         clause.key);
    }
    texts.push_back(clause.comparison == types::Comparison::kLike ? like_to_glob(*text) : *text);
  }
  return sql;
}

}  // namespace

Result<std::int64_t> experiment_number(const std::string& id) {
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (ec != std::errc() || end != id.data() + id.size() || id.empty()) return no_experiment(id);
  return number;
}

Result<std::int64_t> parse_page_token(const std::string& token) {
  if (token.empty()) return 0;
  const Result<std::string> text = base::from_base64(token);
  if (text) {
    const Result<JsonObject> object = base::parse_json_object(*text);
    if (object) {
      const Result<std::int64_t> offset = base::get_int(*object, "offset");
      if (offset && *offset >= 0) return *offset;
    }
  }
  return base::error(Code::kInvalidArgument, "Invalid page token, could not base64-decode");
}

std::string page_token(std::int64_t offset) {
  return base::to_base64(fmt::format("{{\"offset\": {}}}", offset));
}

Result<void> Experiments::ensure_default() {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("INSERT INTO experiments(id, name, artifact_location, created, updated) "
                   "VALUES(0, 'Default', 'mlflow-artifacts:/0', ?, ?) "
                   "ON CONFLICT DO NOTHING",
                   {now, now}));
    return {};
  });
}

Result<std::string> Experiments::create(const std::string& name,
                                        const std::string& artifact_location,
                                        const std::vector<KeyValue>& tags) {
  TRY(check_name(name));
  const base::Timestamp now = clock_.now();
  Result<std::string> created = db_.write([&](store::Tx& tx) -> Result<std::string> {
    const std::int64_t id =
        TRY(tx.find("INSERT INTO experiments(name, artifact_location, created, updated) VALUES(?, "
                    "?, ?, ?) RETURNING id",
                    {name, artifact_location, now, now},
                    [](const store::Row& row) { return row.int64(0); }))
            .value();
    if (artifact_location.empty()) {
      TRY(tx.execute(
          "UPDATE experiments SET artifact_location = 'mlflow-artifacts:/' || id WHERE id = ?",
          {id}));
    }
    for (const KeyValue& tag : tags) {
      TRY(
          tx.execute("INSERT INTO experiment_tags(experiment, key, value) VALUES(?, ?, ?) ON "
                     "CONFLICT(experiment, key) DO UPDATE SET value = excluded.value",
                     {id, tag.key, tag.value}));
    }
    TRY(tx.append_event({.kind = "experiment.created",
                         .subject = fmt::format("experiments/{}", id),
                         .payload = {{"name", name}}}));
    return std::to_string(id);
  });
  if (!created && created.error().code == Code::kAlreadyExists) return name_taken(name);
  return created;
}

Result<Experiment> Experiments::get(const std::string& id) {
  const std::int64_t number = TRY(experiment_number(id));
  return db_.read([&](store::Reader& reader) -> Result<Experiment> {
    std::optional<Experiment> found =
        TRY(reader.find(fmt::format("SELECT {} FROM experiments WHERE id = ?", kColumns), {number},
                        read_experiment));
    if (!found) return no_experiment(id);
    TRY(read_tags(reader, *found));
    return std::move(*found);
  });
}

Result<Experiment> Experiments::get_by_name(const std::string& name) {
  return db_.read([&](store::Reader& reader) -> Result<Experiment> {
    std::optional<Experiment> found =
        TRY(reader.find(fmt::format("SELECT {} FROM experiments WHERE name = ?", kColumns), {name},
                        read_experiment));
    if (!found)
      return base::error(Code::kNotFound, "Could not find experiment with name '{}'", name);
    TRY(read_tags(reader, *found));
    return std::move(*found);
  });
}

Result<void> Experiments::rename(const std::string& id, const std::string& name) {
  TRY(check_name(name));
  const Experiment experiment = TRY(get(id));
  if (experiment.stage == Stage::kDeleted)
    return base::error(Code::kFailedPrecondition, "Cannot rename a non-active experiment.");
  const base::Timestamp now = clock_.now();
  Result<void> renamed = db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE experiments SET name = ?, updated = ? WHERE id = ?",
                   {name, now, experiment.id}));
    return tx.append_event({.kind = "experiment.renamed",
                            .subject = "experiments/" + id,
                            .payload = {{"from", experiment.name}, {"to", name}}});
  });
  if (!renamed && renamed.error().code == Code::kAlreadyExists) return name_taken(name);
  return renamed;
}

Result<void> Experiments::remove(const std::string& id) {
  const Experiment experiment = TRY(get(id));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE experiments SET deleted = 1, updated = ? WHERE id = ?",
                   {now, experiment.id}));
    // 2: deleted with its experiment, so that restoring brings back only those.
    TRY(tx.execute("UPDATE runs SET deleted = 2 WHERE experiment = ? AND deleted = 0",
                   {experiment.id}));
    return tx.append_event({.kind = "experiment.deleted", .subject = "experiments/" + id});
  });
}

Result<void> Experiments::restore(const std::string& id) {
  const Experiment experiment = TRY(get(id));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute("UPDATE experiments SET deleted = 0, updated = ? WHERE id = ?",
                   {now, experiment.id}));
    TRY(tx.execute("UPDATE runs SET deleted = 0 WHERE experiment = ? AND deleted = 2",
                   {experiment.id}));
    return tx.append_event({.kind = "experiment.restored", .subject = "experiments/" + id});
  });
}

Result<void> Experiments::set_tag(const std::string& id, const KeyValue& tag) {
  TRY(check_key("tag", tag.key));
  if (tag.value.size() > kExperimentTagValueLengthMax) {
    return base::error(Code::kInvalidArgument,
                       "Tag value exceeds the maximum length of {} characters: key={}",
                       kExperimentTagValueLengthMax, tag.key);
  }
  const Experiment experiment = TRY(get(id));
  if (experiment.stage == Stage::kDeleted) {
    return base::error(Code::kFailedPrecondition,
                       "The experiment {} must be in the 'active' state. Current state is deleted.",
                       id);
  }
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(
        tx.execute("INSERT INTO experiment_tags(experiment, key, value) VALUES(?, ?, ?) ON "
                   "CONFLICT(experiment, key) DO UPDATE SET value = excluded.value",
                   {experiment.id, tag.key, tag.value}));
    return {};
  });
}

Result<void> Experiments::delete_tag(const std::string& id, const std::string& key) {
  const Experiment experiment = TRY(get(id));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    if (TRY(tx.execute("DELETE FROM experiment_tags WHERE experiment = ? AND key = ?",
                       {experiment.id, key})) == 0) {
      return base::error(Code::kNotFound, "No tag with name: {} in experiment with id {}", key, id);
    }
    return {};
  });
}

Result<Page<Experiment>> Experiments::search(View view, const std::string& filter,
                                             std::int64_t max_results, const std::string& token) {
  if (max_results < 1 || max_results > kSearchPageMax) {
    return base::error(
        Code::kInvalidArgument,
        "Invalid value {} for parameter 'max_results' supplied. It must be between 1 and {}",
        max_results, kSearchPageMax);
  }
  const std::int64_t offset = TRY(parse_page_token(token));
  std::vector<std::string> texts;
  std::string where = TRY(filter_sql(filter, texts));
  if (view == View::kActive) where += " AND e.deleted = 0";
  if (view == View::kDeleted) where += " AND e.deleted = 1";
  return db_.read([&](store::Reader& reader) -> Result<Page<Experiment>> {
    std::vector<store::Param> params(texts.begin(), texts.end());
    params.emplace_back(max_results + 1);
    params.emplace_back(offset);
    Page<Experiment> page;
    TRY(reader.query_span(
        fmt::format("SELECT {} FROM experiments e WHERE 1 = 1{} ORDER BY created DESC, id DESC "
                    "LIMIT ? OFFSET ?",
                    kColumns, where),
        params, [&](const store::Row& row) { page.items.push_back(read_experiment(row)); }));
    if (page.items.size() > static_cast<std::size_t>(max_results)) {
      page.items.pop_back();
      page.next = page_token(offset + max_results);
    }
    for (Experiment& experiment : page.items) TRY(read_tags(reader, experiment));
    return page;
  });
}

}  // namespace slipway::tracking
