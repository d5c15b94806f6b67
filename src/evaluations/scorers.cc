#include "evaluations/scorers.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"

namespace slipway::evaluations {
namespace {

constexpr std::string_view kGatewayPrefix = "gateway:/";
constexpr std::string_view kVersionColumns =
    "scorers.id, scorers.experiment, scorers.name, scorer_versions.version, "
    "scorer_versions.content, scorer_versions.created FROM scorers JOIN scorer_versions ON "
    "scorer_versions.scorer = scorers.id";
constexpr std::string_view kIsNewest =
    "scorer_versions.version = (SELECT MAX(version) FROM scorer_versions newer WHERE newer.scorer "
    "= scorers.id)";

ScorerVersion read_version(const store::Row& row) {
  ScorerVersion version;
  version.scorer_id = row.string(0);
  version.experiment_id = std::to_string(row.int64(1));
  version.name = row.string(2);
  version.version = row.int64(3);
  version.content = row.string(4);
  version.created = row.time(5);
  return version;
}

OnlineScoring read_online(const store::Row& row) {
  OnlineScoring online;
  online.id = row.string(0);
  online.scorer_id = row.string(1);
  online.experiment_id = std::to_string(row.int64(2));
  online.sample_rate = row.real(3);
  online.filter = row.maybe_string(4);
  return online;
}

Error no_scorer(const std::string& experiment_id, const std::string& name,
                std::optional<std::int64_t> version = std::nullopt) {
  if (version) {
    return base::error(Code::kNotFound,
                       "Scorer with name '{}' and version {} not found for experiment {}.", name,
                       *version, experiment_id);
  }
  return base::error(Code::kNotFound, "Scorer with name '{}' not found for experiment {}.", name,
                     experiment_id);
}

// Kinds of scorers that ask a language model say which in a part of that name. Nothing: it asks
// none.
Result<std::optional<std::string>> model_of(const JsonObject& scorer) {
  for (const std::string_view part :
       {"instructions_judge_pydantic_data", "builtin_scorer_pydantic_data",
        "memory_augmented_judge_data", "third_party_scorer_data"}) {
    const Json* data = scorer.if_contains(part);
    if (data == nullptr || !data->is_object() || data->get_object().empty()) continue;
    if (part == "memory_augmented_judge_data") {
      const Json* judge = data->get_object().if_contains("base_judge");
      if (judge == nullptr || !judge->is_object()) return std::optional<std::string>();
      return model_of(judge->get_object());
    }
    const Json* model = data->get_object().if_contains("model");
    if (model == nullptr || model->is_null()) return std::optional<std::string>();
    if (!model->is_string())
      return base::error(Code::kInvalidArgument, "Scorer model must be a string.");
    std::string name(std::string_view(model->get_string()));
    if (name.find_first_not_of(" \t\r\n") == std::string::npos) {
      return base::error(Code::kInvalidArgument,
                         "Scorer model cannot be empty or contain only whitespace.");
    }
    return std::optional(std::move(name));
  }
  return std::optional<std::string>();
}

Result<std::optional<std::string>> find_scorer(store::Reader& reader, std::int64_t experiment,
                                               const std::string& name) {
  return reader.find("SELECT id FROM scorers WHERE experiment = ? AND name = ?", {experiment, name},
                     [](const store::Row& row) { return row.string(0); });
}

}  // namespace

Result<ScorerVersion> Scorers::add(const std::string& experiment_id, const std::string& name,
                                   const std::string& content) {
  if (name.find_first_not_of(" \t\r\n") == std::string::npos) {
    return base::error(Code::kInvalidArgument,
                       "Scorer name cannot be empty or contain only whitespace.");
  }
  const Result<JsonObject> parsed = base::parse_json_object(content);
  if (!parsed) return base::error(Code::kInvalidArgument, "serialized_scorer must be valid JSON");
  if (const std::optional<std::string> model = TRY(model_of(*parsed));
      model && model->starts_with(kGatewayPrefix)) {
    return base::error(Code::kNotFound,
                       "GatewayEndpoint not found (name='{}'): this server has no gateway to "
                       "language models",
                       model->substr(kGatewayPrefix.size()));
  }
  const std::int64_t experiment = TRY(experiments_.number(experiment_id));
  const std::string new_id = random_.hex();
  ScorerVersion version;
  version.experiment_id = std::to_string(experiment);
  version.name = name;
  version.content = content;
  version.created = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<ScorerVersion> {
    TRY(experiments_.check_active(tx, experiment));
    ScorerVersion made = version;
    const std::optional<std::string> known = TRY(find_scorer(tx, experiment, name));
    made.scorer_id = known.value_or(new_id);
    if (!known) {
      TRY(tx.send("INSERT INTO scorers(id, experiment, name) VALUES(?, ?, ?)",
                  {made.scorer_id, experiment, name}));
    }
    made.version =
        1 + TRY(tx.find("SELECT MAX(version) FROM scorer_versions WHERE scorer = ?",
                        {made.scorer_id}, [](const store::Row& row) { return row.int64(0); }))
                .value_or(0);
    TRY(tx.send("INSERT INTO scorer_versions(scorer, version, content, created) VALUES(?, ?, ?, ?)",
                {made.scorer_id, made.version, content, made.created}));
    return made;
  });
}

Result<ScorerVersion> Scorers::get(const std::string& experiment_id, const std::string& name,
                                   std::optional<std::int64_t> version) {
  const std::int64_t experiment = TRY(experiments_.number(experiment_id));
  return db_.read([&](store::Reader& reader) -> Result<ScorerVersion> {
    TRY(experiments_.check_active(reader, experiment));
    std::optional<ScorerVersion> found = TRY(
        version ? reader.find(fmt::format("SELECT {} WHERE scorers.experiment = ? AND scorers.name "
                                          "= ? AND scorer_versions.version = ?",
                                          kVersionColumns),
                              {experiment, name, *version}, read_version)
                : reader.find(fmt::format("SELECT {} WHERE scorers.experiment = ? AND scorers.name "
                                          "= ? AND {}",
                                          kVersionColumns, kIsNewest),
                              {experiment, name}, read_version));
    if (!found) return no_scorer(experiment_id, name, version);
    return std::move(*found);
  });
}

Result<std::vector<ScorerVersion>> Scorers::versions(const std::string& experiment_id,
                                                     const std::string& name) {
  const std::int64_t experiment = TRY(experiments_.number(experiment_id));
  return db_.read([&](store::Reader& reader) -> Result<std::vector<ScorerVersion>> {
    TRY(experiments_.check_active(reader, experiment));
    std::vector<ScorerVersion> found;
    TRY(reader.query(fmt::format("SELECT {} WHERE scorers.experiment = ? AND scorers.name = ? "
                                 "ORDER BY scorer_versions.version",
                                 kVersionColumns),
                     {experiment, name},
                     [&](const store::Row& row) { found.push_back(read_version(row)); }));
    if (found.empty()) return no_scorer(experiment_id, name);
    return found;
  });
}

Result<std::vector<ScorerVersion>> Scorers::list(const std::string& experiment_id) {
  const std::int64_t experiment = TRY(experiments_.number(experiment_id));
  TRY(db_.read(
      [&](store::Reader& reader) { return experiments_.check_active(reader, experiment); }));
  return list_of(std::vector{experiment_id});
}

Result<std::vector<ScorerVersion>> Scorers::list_of(
    const std::optional<std::vector<std::string>>& experiment_ids) {
  std::string condition(kIsNewest);
  if (experiment_ids) {
    const std::vector<std::int64_t> numbers = TRY(experiments_.numbers(*experiment_ids));
    if (numbers.empty()) return std::vector<ScorerVersion>();
    condition += fmt::format(" AND scorers.experiment IN ({})", fmt::join(numbers, ", "));
  }
  return db_.read([&](store::Reader& reader) -> Result<std::vector<ScorerVersion>> {
    std::vector<ScorerVersion> all;
    TRY(reader.query(fmt::format("SELECT {} WHERE {} ORDER BY scorers.experiment, scorers.name",
                                 kVersionColumns, condition),
                     {}, [&](const store::Row& row) { all.push_back(read_version(row)); }));
    std::vector<ScorerVersion> found;
    std::string experiment;
    bool is_active = false;
    for (ScorerVersion& version : all) {
      if (version.experiment_id != experiment) {
        experiment = version.experiment_id;
        is_active =
            experiments_.check_active(reader, TRY(experiments_.number(experiment))).has_value();
      }
      if (is_active) found.push_back(std::move(version));
    }
    return found;
  });
}

Result<void> Scorers::remove(const std::string& experiment_id, const std::string& name,
                             std::optional<std::int64_t> version) {
  const std::int64_t experiment = TRY(experiments_.number(experiment_id));
  return db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(experiments_.check_active(tx, experiment));
    const std::optional<std::string> scorer = TRY(find_scorer(tx, experiment, name));
    if (!scorer) return no_scorer(experiment_id, name);
    const std::int64_t removed =
        TRY(version ? tx.execute("DELETE FROM scorer_versions WHERE scorer = ? AND version = ?",
                                 {*scorer, *version})
                    : tx.execute("DELETE FROM scorer_versions WHERE scorer = ?", {*scorer}));
    if (removed == 0) return no_scorer(experiment_id, name, version);
    return tx.send(
        "DELETE FROM scorers WHERE id = ? AND NOT EXISTS(SELECT 1 FROM scorer_versions WHERE "
        "scorer = ?)",
        {*scorer, *scorer});
  });
}

Result<OnlineScoring> Scorers::set_online(const std::string& experiment_id, const std::string& name,
                                          double sample_rate,
                                          const std::optional<std::string>& filter) {
  if (!(sample_rate >= 0 && sample_rate <= 1)) {
    return base::error(Code::kInvalidArgument, "sample_rate must be between 0.0 and 1.0, got {}",
                       sample_rate);
  }
  if (filter && !filter->empty()) TRY(filters_.check(*filter));
  const std::int64_t experiment = TRY(experiments_.number(experiment_id));
  const std::string id = random_.hex();
  return db_.write([&](store::Tx& tx) -> Result<OnlineScoring> {
    TRY(experiments_.check_active(tx, experiment));
    const std::optional<std::string> scorer = TRY(find_scorer(tx, experiment, name));
    if (!scorer) return no_scorer(experiment_id, name);
    if (sample_rate > 0) {
      return base::error(Code::kInvalidArgument,
                         "Scorer '{}' does not use a gateway model. Automatic evaluation is only "
                         "supported for scorers that use gateway models.",
                         name);
    }
    TRY(tx.send("UPDATE scorers SET online_id = ?, sample_rate = ?, trace_filter = ? WHERE id = ?",
                {id, sample_rate, filter, *scorer}));
    OnlineScoring online;
    online.id = id;
    online.scorer_id = *scorer;
    online.experiment_id = std::to_string(experiment);
    online.sample_rate = sample_rate;
    online.filter = filter;
    return online;
  });
}

Result<std::vector<OnlineScoring>> Scorers::online(const std::vector<std::string>& scorer_ids) {
  return db_.read([&](store::Reader& reader) -> Result<std::vector<OnlineScoring>> {
    std::vector<OnlineScoring> found;
    for (const std::string& id : scorer_ids) {
      TRY(reader.ask(
          "SELECT online_id, id, experiment, sample_rate, trace_filter FROM scorers WHERE id = ? "
          "AND sample_rate IS NOT NULL",
          {id}, [&](const store::Row& row) { found.push_back(read_online(row)); }));
    }
    TRY(reader.settle());
    return found;
  });
}

}  // namespace slipway::evaluations
