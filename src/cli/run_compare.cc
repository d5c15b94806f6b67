#include "cli/run_compare.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "cli/table.h"

namespace slipway::cli {
namespace {

constexpr std::size_t kShownLength = 40;
constexpr std::size_t kDigestShown = 12;

// Tags that say the same as another row, or are long and for machines.
bool is_noise(const std::string& tag) {
  return tag == "mlflow.runName" || tag == "mlflow.log-model.history" ||
         tag == "mlflow.source.git.commit" || tag == "mlflow.source.name" ||
         tag.starts_with("slipway.");
}

using Values = std::map<std::string, std::string>;

// Commit, script, and what a pipeline has recorded of the step.
Result<void> add_code(Client& client, const RunRecord& run, Values& code, Values& datasets,
                      Values& environment) {
  if (const std::string commit = run.tag("mlflow.source.git.commit"); !commit.empty())
    code["commit"] = commit;
  if (const std::string script = run.tag("mlflow.source.name"); !script.empty())
    code["script"] = script;
  auto origin = run.origin(client);
  if (!origin && origin.error().code == Code::kNotFound) return {};
  const auto found = TRY(std::move(origin));
  if (!found) return {};
  if (const Json& commit = member_at(found->run, "source.commit"); commit.is_string())
    code["commit"] = cell(commit);
  code["step"] = cell(member_at(found->run, "pipeline")) + "/" + run.tag("slipway.step");
  const Json& parts = member_at(found->step, "key.parts");
  if (!parts.is_object()) return {};
  for (const auto& [name, digest] : parts.get_object()) {
    const std::string part(name), value = cell(digest);
    if (part.starts_with("code/")) code[part.substr(5)] = value.substr(0, kDigestShown);
    if (part.starts_with("env/")) environment[part.substr(4)] = value.substr(0, kDigestShown);
    if (part.starts_with("input/")) datasets[part.substr(6)] = value.substr(0, kDigestShown);
    if (part.starts_with("step/"))
      datasets["outputs of " + part.substr(5)] = value.substr(0, kDigestShown);
  }
  return {};
}

// Packages of the environment that was logged with a model.
Result<void> add_environment(Client& client, const RunRecord& run, Values& environment) {
  for (const auto& [name, path] : TRY(run.artifacts(client))) {
    if (name.ends_with("/requirements.txt")) {
      for (auto& [package, version] : parse_requirements(TRY(stored_text(client, path))))
        environment[package] = version.empty() ? "any" : version;
    } else if (name.ends_with("/python_env.yaml")) {
      const std::string text = TRY(stored_text(client, path));
      const std::size_t at = text.find("python: ");
      if (at != std::string::npos)
        environment["python"] = text.substr(at + 8, text.find('\n', at) - at - 8);
    }
  }
  return {};
}

Json delta_of(const std::vector<std::optional<double>>& numbers) {
  std::vector<double> known;
  for (const auto& number : numbers) {
    if (number && std::isfinite(*number)) known.push_back(*number);
  }
  if (known.size() != numbers.size()) return nullptr;
  if (known.size() == 2) return known[1] - known[0];
  return *std::max_element(known.begin(), known.end()) -
         *std::min_element(known.begin(), known.end());
}

// Rows of one kind, a row for each key that any run has.
void add_rows(JsonArray& rows, std::string_view what, const std::vector<Values>& values,
              Rows wanted) {
  std::map<std::string, bool> keys;
  for (const Values& one : values) {
    for (const auto& [key, value] : one) keys[key];
  }
  for (const auto& [key, ignored] : keys) {
    JsonArray cells;
    bool differs = false;
    for (const Values& one : values) {
      const auto found = one.find(key);
      cells.push_back(found == one.end() ? Json(nullptr) : Json(found->second));
      differs = differs || cells.back() != cells.front();
    }
    if (!differs && wanted == Rows::kDifferent) continue;
    rows.push_back(JsonObject{{"what", what},
                              {"key", key},
                              {"values", std::move(cells)},
                              {"delta", nullptr},
                              {"differs", differs}});
  }
}

void add_metric_rows(JsonArray& rows, const std::vector<RunRecord>& runs, Rows wanted) {
  std::map<std::string, std::vector<std::optional<double>>> metrics;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (const auto& [key, value] : runs[i].metrics()) {
      metrics[key].resize(runs.size());
      metrics[key][i] = value;
    }
  }
  for (const auto& [key, numbers] : metrics) {
    const bool differs = std::any_of(numbers.begin(), numbers.end(), [&](const auto& number) {
      return number.has_value() != numbers.front().has_value() ||
             (number && *number != *numbers.front() &&
              !(std::isnan(*number) && std::isnan(*numbers.front())));
    });
    if (!differs && wanted == Rows::kDifferent) continue;
    JsonArray cells;
    for (const auto& number : numbers)
      cells.push_back(!number ? Json(nullptr) : std::isnan(*number) ? Json("NaN") : Json(*number));
    rows.push_back(JsonObject{{"what", "metric"},
                              {"key", key},
                              {"values", std::move(cells)},
                              {"delta", delta_of(numbers)},
                              {"differs", differs}});
  }
}

}  // namespace

Result<JsonObject> compare_runs(Client& client, const std::vector<std::string>& ids, Rows wanted) {
  std::vector<RunRecord> runs;
  for (const std::string& id : ids) runs.push_back(TRY(RunRecord::load(client, id)));
  std::vector<Values> heads(runs.size()), params, tags(runs.size()), code(runs.size()),
      datasets(runs.size()), environment(runs.size());
  JsonArray named;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunRecord& run = runs[i];
    named.push_back(JsonObject{{"id", run.id()}, {"name", run.name()}});
    heads[i] = {{"status", run.info("status")}, {"user", run.info("user_id")}};
    params.push_back(run.params());
    for (const auto& [key, value] : run.tags()) {
      if (!is_noise(key)) tags[i][key] = value;
    }
    datasets[i] = run.datasets();
    TRY(add_code(client, run, code[i], datasets[i], environment[i]));
    TRY(add_environment(client, run, environment[i]));
  }
  JsonArray rows;
  add_rows(rows, "run", heads, wanted);
  add_metric_rows(rows, runs, wanted);
  add_rows(rows, "parameter", params, wanted);
  add_rows(rows, "tag", tags, wanted);
  add_rows(rows, "code", code, wanted);
  add_rows(rows, "data", datasets, wanted);
  add_rows(rows, "environment", environment, wanted);
  return JsonObject{{"runs", std::move(named)}, {"rows", std::move(rows)}};
}

std::string comparison_table(const Json& comparison) {
  const JsonArray& runs = member_at(comparison, "runs").as_array();
  std::vector<TableColumn> columns = {{"WHAT", "what"}, {"KEY", "key"}};
  for (std::size_t i = 0; i < runs.size(); ++i)
    columns.push_back({cell(member_at(runs[i], "name")), fmt::format("v{}", i)});
  columns.push_back({runs.size() == 2 ? "DELTA" : "SPREAD", "delta"});
  JsonArray rows;
  for (const Json& row : member_at(comparison, "rows").as_array()) {
    JsonObject shown{{"what", member_at(row, "what")}, {"key", member_at(row, "key")}};
    const JsonArray& values = member_at(row, "values").as_array();
    for (std::size_t i = 0; i < values.size(); ++i) {
      Json value = values[i];
      if (value.is_string()) {
        std::string text = cell(value).substr(0, kShownLength);
        std::replace(text.begin(), text.end(), '\n', ' ');
        value = text;
      }
      shown[fmt::format("v{}", i)] = value;
    }
    const Json& delta = member_at(row, "delta");
    shown["delta"] = delta.is_null() ? Json("") : delta;
    rows.push_back(std::move(shown));
  }
  std::string out;
  for (const Json& run : runs)
    out += fmt::format("{}  {}\n", cell(member_at(run, "id")), cell(member_at(run, "name")));
  if (rows.empty()) return out + "nothing differs\n";
  return out + "\n" + table(rows, columns);
}

}  // namespace slipway::cli
