#include "tracking/experiments.h"

#include <charconv>
#include <unordered_map>

#include "base/hash.h"
#include "tracking/artifacts.h"
#include "tracking/limits.h"
#include "tracking/run_changes.h"
#include "tracking/search_grammars.h"
#include "types/key_rules.h"

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
    return base::error(Code::kInvalidArgument, "Invalid experiment name: '{}'", name);
  if (types::count_characters(name) > kExperimentNameLengthMax) {
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

Error not_active(const std::string& id) {
  return base::error(Code::kFailedPrecondition,
                     "The experiment {} must be in the 'active' state. Current state is deleted.",
                     id);
}

Result<void> check_tag(const KeyValue& tag) {
  TRY(check_key("tag", tag.key));
  if (types::count_characters(tag.value) > kExperimentTagValueLengthMax) {
    return base::error(Code::kInvalidArgument,
                       "'value' exceeds the maximum length of {} characters: key={}",
                       kExperimentTagValueLengthMax, tag.key);
  }
  return {};
}

Result<void> check_location(const std::string& location) {
  if (location.starts_with("runs:")) {
    return base::error(Code::kInvalidArgument,
                       "Artifact location cannot be a runs:/ URI. Given: '{}'", location);
  }
  if (location.find_first_of("#;") != std::string::npos) {
    return base::error(Code::kInvalidArgument,
                       "'artifact_location' URL can't include fragments or params.");
  }
  if (types::count_characters(location) > kArtifactLocationLengthMax) {
    return base::error(Code::kInvalidArgument,
                       "Invalid artifact path length. The length of the artifact path cannot be "
                       "greater than {} characters.",
                       kArtifactLocationLengthMax);
  }
  return {};
}

bool passes(const types::SearchClause& clause, const Experiment& experiment) {
  if (clause.entity == types::Entity::kTag) {
    const auto tag =
        std::find_if(experiment.tags.begin(), experiment.tags.end(),
                     [&](const KeyValue& candidate) { return candidate.key == clause.key; });
    return types::matches(clause, tag == experiment.tags.end()
                                      ? std::optional<std::string_view>()
                                      : std::optional<std::string_view>(tag->value));
  }
  if (clause.key == "name")
    return types::matches(clause, std::optional<std::string_view>(experiment.name));
  if (clause.key == "experiment_id")
    return types::matches(clause, std::optional<std::string_view>(experiment.id));
  const types::Timestamp time =
      clause.key == "creation_time" ? experiment.created : experiment.updated;
  return types::matches(clause, std::optional(static_cast<double>(time.millis())));
}

// Negative, zero or positive, as for std::string::compare.
int compare(const types::SearchOrder& order, const Experiment& left, const Experiment& right) {
  const auto numbers = [](std::int64_t a, std::int64_t b) { return a < b ? -1 : a > b ? 1 : 0; };
  if (order.key == "name") return left.name.compare(right.name);
  if (order.key == "creation_time") return numbers(left.created.millis(), right.created.millis());
  if (order.key == "last_update_time")
    return numbers(left.updated.millis(), right.updated.millis());
  return numbers(experiment_number(left.id).value(), experiment_number(right.id).value());
}

std::string_view view_condition(View view) {
  switch (view) {
    case View::kActive:
      return "deleted = 0";
    case View::kDeleted:
      return "deleted <> 0";
    case View::kAll:
      return "deleted >= 0";
  }
  return "";
}

// Everything in view with its tags, newest first.
Result<std::vector<Experiment>> read_all(store::Reader& reader, View view) {
  std::vector<Experiment> all;
  std::unordered_map<std::string, std::size_t> places;
  TRY(reader.query(fmt::format("SELECT {} FROM experiments WHERE {} ORDER BY created DESC, id DESC",
                               kColumns, view_condition(view)),
                   {}, [&](const store::Row& row) {
                     all.push_back(read_experiment(row));
                     places[all.back().id] = all.size() - 1;
                   }));
  TRY(reader.query("SELECT experiment, key, value FROM experiment_tags ORDER BY experiment, key",
                   {}, [&](const store::Row& row) {
                     const auto place = places.find(std::to_string(row.int64(0)));
                     if (place != places.end())
                       all[place->second].tags.push_back({row.string(1), row.string(2)});
                   }));
  return all;
}

}  // namespace

Result<std::int64_t> experiment_number(const std::string& id) {
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (ec == std::errc::invalid_argument || end != id.data() + id.size()) {
    return base::error(Code::kInvalidArgument,
                       "Invalid experiment ID '{}'. Experiment ID must be a valid integer.", id);
  }
  if (ec != std::errc()) return no_experiment(id);
  return number;
}

Result<std::vector<std::int64_t>> experiment_numbers(const std::vector<std::string>& ids) {
  std::vector<std::int64_t> numbers;
  for (const std::string& id : ids) {
    const Result<std::int64_t> number = experiment_number(id);
    if (number) {
      numbers.push_back(*number);
    } else if (number.error().code != Code::kNotFound) {
      return number.error();
    }
  }
  return numbers;
}

Result<std::string> active_artifact_location(store::Reader& reader, std::int64_t experiment) {
  struct Found {
    std::string location;
    bool deleted = false;
  };
  const std::optional<Found> found =
      TRY(reader.find("SELECT artifact_location, deleted FROM experiments WHERE id = ?",
                      {experiment}, [](const store::Row& row) {
                        return Found{row.string(0), row.int64(1) != 0};
                      }));
  if (!found) return no_experiment(std::to_string(experiment));
  if (found->deleted) return not_active(std::to_string(experiment));
  return found->location;
}

Result<std::optional<std::string>> find_artifact_location(store::Reader& reader,
                                                          std::int64_t experiment) {
  return reader.find("SELECT artifact_location FROM experiments WHERE id = ?", {experiment},
                     [](const store::Row& row) { return row.string(0); });
}

Result<void> check_experiment_exists(store::Reader& reader, std::int64_t experiment) {
  if (!TRY(find_artifact_location(reader, experiment)))
    return no_experiment(std::to_string(experiment));
  return {};
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
                   "VALUES(0, 'Default', ?, ?, ?) ON CONFLICT DO NOTHING",
                   {join_location(options_.artifact_root, "0"), now, now}));
    return {};
  });
}

Result<std::string> Experiments::create(const std::string& name,
                                        const std::string& artifact_location,
                                        const std::vector<KeyValue>& tags) {
  TRY(check_name(name));
  TRY(check_location(artifact_location));
  for (const KeyValue& tag : tags) TRY(check_tag(tag));
  const base::Timestamp now = clock_.now();
  const std::string location = absolute_location(artifact_location, options_.working_folder);
  Result<std::string> created = db_.write([&](store::Tx& tx) -> Result<std::string> {
    const std::int64_t id =
        TRY(tx.insert(
                "INSERT INTO experiments(name, artifact_location, created, updated) VALUES(?, "
                "?, ?, ?)",
                "id", {name, location, now, now}))
            .value();
    if (location.empty()) {
      TRY(tx.execute("UPDATE experiments SET artifact_location = ? WHERE id = ?",
                     {join_location(options_.artifact_root, std::to_string(id)), id}));
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
    std::int64_t change = 0;
    TRY(next_change(tx, change));
    TRY(tx.execute("UPDATE experiments SET deleted = 1, updated = ? WHERE id = ? AND deleted <> 4",
                   {now, experiment.id}));
    TRY(note_change(tx, change, TRY(experiment_number(id)), kChangedExperiment));
    // 2: deleted with its experiment, so that restoring brings back only those.
    TRY(tx.execute(
        "UPDATE runs SET deleted = 2, deleted_ms = ? WHERE experiment = ? AND deleted = 0",
        {now.millis(), experiment.id}));
    return tx.append_event({.kind = "experiment.deleted", .subject = "experiments/" + id});
  });
}

Result<void> Experiments::restore(const std::string& id) {
  const Experiment experiment = TRY(get(id));
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<void> {
    std::int64_t change = 0;
    TRY(next_change(tx, change));
    // 4: it is being taken away for good (reclaim.h).
    if (TRY(tx.execute("UPDATE experiments SET deleted = 0, updated = ? WHERE id = ? AND deleted "
                       "<> 4",
                       {now, experiment.id})) == 0)
      return base::error(Code::kFailedPrecondition,
                         "The experiment {} cannot be restored: it is being deleted for good.", id);
    TRY(note_change(tx, change, TRY(experiment_number(id)), kChangedExperiment));
    TRY(tx.execute(
        "UPDATE runs SET deleted = 0, deleted_ms = 0 WHERE experiment = ? AND deleted = 2",
        {experiment.id}));
    return tx.append_event({.kind = "experiment.restored", .subject = "experiments/" + id});
  });
}

Result<void> Experiments::set_tag(const std::string& id, const KeyValue& tag) {
  TRY(check_tag(tag));
  const Experiment experiment = TRY(get(id));
  if (experiment.stage == Stage::kDeleted) return not_active(id);
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

Result<Page<Experiment>> Experiments::search(const Query& query) {
  if (query.max_results < 1 || query.max_results > kSearchPageMax) {
    return base::error(
        Code::kInvalidArgument,
        "Invalid value {} for parameter 'max_results' supplied. It must be between 1 and {}",
        query.max_results, kSearchPageMax);
  }
  const std::int64_t offset = TRY(parse_page_token(query.page_token));
  const std::vector<types::SearchClause> clauses =
      TRY(types::parse_search_filter(query.filter, experiment_grammar()));
  std::vector<types::SearchOrder> orders;
  for (const std::string& text : query.order_by)
    orders.push_back(TRY(types::parse_search_order(text, experiment_grammar())));
  std::vector<Experiment> found =
      TRY(db_.read([&](store::Reader& reader) { return read_all(reader, query.view); }));
  std::erase_if(found, [&](const Experiment& experiment) {
    return !std::all_of(clauses.begin(), clauses.end(), [&](const types::SearchClause& clause) {
      return passes(clause, experiment);
    });
  });
  std::stable_sort(found.begin(), found.end(), [&](const Experiment& a, const Experiment& b) {
    for (const types::SearchOrder& order : orders) {
      if (const int sign = compare(order, a, b); sign != 0) return (sign < 0) == order.ascending;
    }
    return false;
  });
  Page<Experiment> page;
  const std::int64_t count = std::ssize(found);
  const std::int64_t end = std::min(count, offset + query.max_results);
  for (std::int64_t i = offset; i < end; ++i)
    page.items.push_back(std::move(found[static_cast<std::size_t>(i)]));
  if (end < count) page.next = page_token(end);
  return page;
}

}  // namespace slipway::tracking
