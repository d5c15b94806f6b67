#include "cli/run_reproduce.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "base/random.h"
#include "cli/run_restore.h"
#include "cli/scratch.h"
#include "cli/table.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kLogTailBytes = 2000;

// (step, value) of every point, in the order of steps; times are never the same twice.
using Curve = std::vector<std::pair<std::int64_t, double>>;

Result<Curve> curve_of(Client& client, const std::string& run, const std::string& key) {
  Curve curve;
  std::string next;
  do {
    const Json reply = TRY(client.get(
        path_of("/api/2.0/mlflow/metrics/get-history?run_id={}&metric_key={}&max_results=25000",
                {run, key}) +
        (next.empty() ? "" : "&page_token=" + base::percent_encode(next))));
    if (const Json& points = member_at(reply, "metrics"); points.is_array()) {
      for (const Json& point : points.get_array()) {
        const Json &step = member_at(point, "step"), &value = member_at(point, "value");
        curve.emplace_back(step.is_int64() ? step.get_int64() : 0,
                           value.is_number() ? value.to_number<double>() : std::nan(""));
      }
    }
    const Json& token = member_at(reply, "next_page_token");
    next = token.is_string() ? cell(token) : "";
  } while (!next.empty());
  std::stable_sort(curve.begin(), curve.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return curve;
}

std::string compare_curves(const Curve& before, const Curve& now, double tolerance) {
  if (now.empty()) return "missing";
  if (before.empty()) return "new";
  if (before.size() != now.size()) return "different";
  std::string state = "equal";
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double a = before[i].second, b = now[i].second;
    if (before[i].first != now[i].first) return "different";
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (!(std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b)))) return "different";
    state = "within tolerance";
  }
  return state;
}

bool is_difference(const std::string& state) { return state == "different" || state == "missing"; }

Json last_value(const Curve& curve) {
  return curve.empty() ? Json(nullptr) : base::number_or_null(curve.back().second);
}

Result<JsonArray> compare_metrics(Client& client, const RunRecord& before, const RunRecord& now,
                                  double tolerance, bool& equal) {
  std::map<std::string, double> keys = before.metrics();
  for (const auto& [key, value] : now.metrics()) keys.emplace(key, value);
  JsonArray rows;
  for (const auto& [key, ignored] : keys) {
    if (key.starts_with("system/")) continue;  // of the machine, not of the run
    const Curve a = TRY(curve_of(client, before.id(), key));
    const Curve b = TRY(curve_of(client, now.id(), key));
    const std::string state = compare_curves(a, b, tolerance);
    equal = equal && !is_difference(state);
    rows.push_back(JsonObject{{"key", key},
                              {"points", a.size()},
                              {"before", last_value(a)},
                              {"now", last_value(b)},
                              {"state", state}});
  }
  return rows;
}

// Files that name their run, their id and when they were written.
bool names_its_run(const std::string& path) {
  return path == "MLmodel" || path.ends_with("/MLmodel") || path.ends_with("registered_model_meta");
}

Result<JsonArray> compare_artifacts(Client& client, const RunRecord& before, const RunRecord& now,
                                    bool& equal) {
  const auto a = TRY(before.artifacts(client)), b = TRY(now.artifacts(client));
  std::map<std::string, std::string> all = a;
  all.insert(b.begin(), b.end());
  JsonArray rows;
  for (const auto& [name, ignored] : all) {
    const auto old_file = a.find(name), new_file = b.find(name);
    std::string state = old_file == a.end() ? "new" : "missing", digest;
    if (old_file != a.end()) digest = TRY(stored_digest(client, old_file->second));
    if (old_file != a.end() && new_file != b.end()) {
      const bool same = TRY(stored_digest(client, new_file->second)) == digest;
      state = same ? "bit-equal" : names_its_run(name) ? "names its run" : "different";
    }
    equal = equal && !is_difference(state);
    rows.push_back(JsonObject{{"path", name}, {"sha256", digest}, {"state", state}});
  }
  return rows;
}

std::string tail_of(const fs::path& log) {
  const std::string text = store::read_file(log).value_or("");
  return text.substr(text.size() - std::min(text.size(), kLogTailBytes));
}

Result<RunRecord> find_new_run(Client& client, const RunRecord& before, const std::string& mark) {
  const Json reply = TRY(client.post("/api/2.0/mlflow/runs/search",
                                     {{"experiment_ids", JsonArray{before.info("experiment_id")}},
                                      {"filter", "tags.`slipway.reproduction` = '" + mark + "'"},
                                      {"max_results", 100}}));
  const Json& runs = member_at(reply, "runs");
  if (!runs.is_array() || runs.get_array().empty())
    return base::error(Code::kFailedPrecondition,
                       "the command ended well but logged no run in the experiment: experiment={}",
                       before.info("experiment_id"));
  std::string id = cell(member_at(runs.get_array().front(), "info.run_id"));
  for (const Json& run : runs.get_array()) {
    if (cell(member_at(run, "info.run_name")) == before.name())
      id = cell(member_at(run, "info.run_id"));
  }
  return RunRecord::load(client, id);
}

Result<Json> run_and_compare(Client& client, const Context& context, const RunRecord& before,
                             RestoredRun& restored, const ReproduceOptions& options,
                             const fs::path& work) {
  base::SystemRandom random;
  const std::string mark = random.hex(8);
  auto environment = restored.environment;
  environment["SLIPWAY_URL"] = context.url;
  environment["MLFLOW_TRACKING_URI"] = context.url;
  environment["MLFLOW_EXPERIMENT_ID"] = before.info("experiment_id");
  // What a script registers goes into a registry of its own: a reproduction is no new version.
  environment["MLFLOW_REGISTRY_URI"] = (work / "registry").string();
  environment["MLFLOW_ALLOW_FILE_STORE"] = "true";
  // The mlflow client puts these on every run it starts.
  environment["MLFLOW_RUN_CONTEXT"] = base::to_text(
      JsonObject{{"slipway.reproduces", before.id()}, {"slipway.reproduction", mark}});
  if (!context.token.empty()) environment["MLFLOW_TRACKING_TOKEN"] = context.token;
  for (const Json& item : restored.restored)
    std::fprintf(stderr, "  %-12s %s\n", cell(member_at(item, "what")).c_str(),
                 cell(member_at(item, "detail")).c_str());
  const auto start = std::chrono::steady_clock::now();
  const fs::path log = work / "command.log";
  const int exit = TRY(run_command(restored.command, restored.folder, environment, log));
  if (exit != 0)
    return base::error(Code::kFailedPrecondition, "the command failed: exit={} it wrote: {}", exit,
                       tail_of(log));
  const RunRecord now = TRY(find_new_run(client, before, mark));
  bool equal = true;
  JsonArray metrics = TRY(compare_metrics(client, before, now, options.tolerance, equal));
  JsonArray artifacts = TRY(compare_artifacts(client, before, now, equal));
  TRY(client.post("/api/2.0/mlflow/runs/set-tag", {{"run_id", now.id()},
                                                   {"key", "slipway.reproduction"},
                                                   {"value", equal ? "equal" : "different"}}));
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return Json(JsonObject{{"run", before.id()},
                         {"reproduction", now.id()},
                         {"restored", restored.restored},
                         {"metrics", std::move(metrics)},
                         {"artifacts", std::move(artifacts)},
                         {"seconds", seconds},
                         {"equal", equal}});
}

// A folder of the user's own, which stays.
Result<fs::path> own_folder(const fs::path& given) {
  std::error_code ec;
  const fs::path folder = fs::absolute(given);
  if (fs::exists(folder, ec) && !fs::is_empty(folder, ec))
    return base::error(Code::kInvalidArgument, "the folder is not empty: folder={}",
                       folder.string());
  TRY(store::make_folders(folder));
  return folder;
}

}  // namespace

Result<Json> reproduce_run(Client& client, const Context& context,
                           const ReproduceOptions& options) {
  const RunRecord before = TRY(RunRecord::load(client, options.run));
  std::optional<Scratch> scratch;
  if (options.folder.empty()) scratch.emplace(TRY(Scratch::make("reproduce")));
  const fs::path work = scratch ? scratch->path() : TRY(own_folder(options.folder));
  auto restored = restore_run(client, before, options, work);
  auto report = restored ? run_and_compare(client, context, before, *restored, options, work)
                         : Result<Json>(restored.error());
  if (scratch && restored) discard_checkout(*restored, work);
  return report;
}

std::string reproduction_table(const Json& report) {
  std::string out = table(member_at(report, "metrics").as_array(), {{"METRIC", "key"},
                                                                    {"POINTS", "points"},
                                                                    {"BEFORE", "before"},
                                                                    {"NOW", "now"},
                                                                    {"STATE", "state"}});
  out += "\n" + table(member_at(report, "artifacts").as_array(),
                      {{"ARTIFACT", "path"}, {"STATE", "state"}});
  return out + fmt::format("run {} reproduces {}: {}\n", cell(member_at(report, "reproduction")),
                           cell(member_at(report, "run")),
                           member_at(report, "equal").as_bool() ? "equal" : "it differs");
}

}  // namespace slipway::cli
