#include "cli/run_reproduce.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <set>

#include "base/hash.h"
#include "base/random.h"
#include "cli/difference.h"
#include "cli/run_restore.h"
#include "cli/scratch.h"
#include "cli/table.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kLogTailBytes = 2000;
constexpr std::size_t kComparedBytesMax = 64 << 20;  // of larger files it isn't said where

// (step, value) of every point, in the order of steps; times are never the same twice.
using Curve = std::vector<std::pair<std::int64_t, double>>;
// What is called otherwise now -> what it was called.
using Names = std::map<std::string, std::string>;

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

Comparison compare_curves(const Curve& before, const Curve& now, double tolerance) {
  Comparison found;
  for (std::size_t i = 0; i < std::min(before.size(), now.size()); ++i) {
    if (before[i].first != now[i].first) {
      found.add({Sameness::kDifferent, fmt::format("point {}", i),
                 Json(fmt::format("step {}", before[i].first)),
                 Json(fmt::format("step {}", now[i].first))});
      return found;
    }
    Comparison values = compare_numbers(before[i].second, now[i].second, tolerance);
    values.where = fmt::format("step {}", before[i].first);
    found.add(values);
  }
  if (before.size() != now.size())
    found.add({Sameness::kDifferent, "points", Json(before.size()), Json(now.size())});
  return found;
}

Json last_value(const Curve& curve) {
  return curve.empty() ? Json(nullptr) : base::number_or_null(curve.back().second);
}

// Adds to the verdict what is said of one metric or file.
JsonObject judged(JsonObject row, const Comparison& comparison, Sameness& verdict) {
  for (auto& [key, value] : comparison.to_json()) row[key] = value;
  verdict = std::max(verdict, comparison.sameness);
  return row;
}

Result<JsonArray> compare_metrics(Client& client, const RunRecord& before, const RunRecord& now,
                                  double tolerance, Sameness& verdict) {
  std::map<std::string, double> keys = before.metrics();
  for (const auto& [key, value] : now.metrics()) keys.emplace(key, value);
  JsonArray rows;
  for (const auto& [key, ignored] : keys) {
    if (key.starts_with("system/")) continue;  // of the machine, not of the run
    const Curve a = TRY(curve_of(client, before.id(), key));
    const Curve b = TRY(curve_of(client, now.id(), key));
    JsonObject row{{"key", key},
                   {"points", a.size()},
                   {"last_before", last_value(a)},
                   {"last_now", last_value(b)}};
    if (a.empty() || b.empty()) {
      row["state"] = a.empty() ? "new" : "missing";
      if (b.empty()) verdict = Sameness::kDifferent;
      rows.push_back(std::move(row));
    } else {
      rows.push_back(judged(std::move(row), compare_curves(a, b, tolerance), verdict));
    }
  }
  return rows;
}

// An MLmodel without what is another one in every run.
std::string without_times(const std::string& path, const std::string& text) {
  if (path != "MLmodel" && !path.ends_with("/MLmodel")) return text;
  std::string kept;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string_view line = std::string_view(text).substr(at, end - at);
    if (!line.starts_with("utc_time_created:") && !line.starts_with("model_uuid:")) kept += line;
    at = end;
  }
  return kept;
}

// Two files whose bytes are not the same: maybe they only call things by the names of their runs.
JsonObject judged_files(JsonObject row, const std::string& path, const std::string& before,
                        const std::string& now, const Names& names, double tolerance,
                        Sameness& verdict) {
  const Comparison comparison = compare_bytes(without_times(path, before),
                                              renamed(without_times(path, now), names), tolerance);
  if (comparison.sameness != Sameness::kBitEqual)
    return judged(std::move(row), comparison, verdict);
  row["state"] = before == now ? "bit-equal" : "names its run";
  return row;
}

// A file that the server keeps; nothing: it is too large to be looked into.
Result<std::optional<std::string>> stored_bytes(Client& client, const std::string& path) {
  std::string bytes;
  TRY(client.stream(artifact_route(path), {}, [&](std::string_view piece) {
    bytes += piece;
    return bytes.size() <= kComparedBytesMax;
  }));
  if (bytes.size() > kComparedBytesMax) return std::optional<std::string>();
  return std::optional(std::move(bytes));
}

Result<JsonArray> compare_artifacts(Client& client, const RunRecord& before, const RunRecord& now,
                                    const Names& names, double tolerance, Sameness& verdict) {
  const auto a = TRY(before.artifacts(client)), b = TRY(now.artifacts(client));
  std::map<std::string, std::string> all = a;
  all.insert(b.begin(), b.end());
  JsonArray rows;
  for (const auto& [name, ignored] : all) {
    const auto old_file = a.find(name), new_file = b.find(name);
    JsonObject row{{"path", name}, {"sha256", ""}};
    if (old_file == a.end()) {
      row["state"] = "new";
    } else {
      const std::string digest = TRY(stored_digest(client, old_file->second));
      row["sha256"] = digest;
      if (new_file == b.end()) {
        row["state"] = "missing";
        verdict = Sameness::kDifferent;
      } else if (TRY(stored_digest(client, new_file->second)) == digest) {
        row["state"] = "bit-equal";
      } else {
        const auto old_bytes = TRY(stored_bytes(client, old_file->second)),
                   new_bytes = TRY(stored_bytes(client, new_file->second));
        row = old_bytes && new_bytes
                  ? judged_files(std::move(row), name, *old_bytes, *new_bytes, names, tolerance,
                                 verdict)
                  : judged(std::move(row), {Sameness::kDifferent, "its bytes", nullptr, nullptr},
                           verdict);
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

// What a step has written, beside what it wrote before.
Result<JsonArray> compare_outputs(const RestoredCommand& step, const Names& names, double tolerance,
                                  Sameness& verdict) {
  JsonArray rows;
  for (const auto& [file, digest] : step.outputs) {
    JsonObject row{{"path", file}, {"sha256", digest}};
    const auto now = store::read_file(step.out / file);
    const auto before = store::read_file(step.before / file);
    if (!now) {
      row["state"] = "missing";
      verdict = Sameness::kDifferent;
    } else if (base::sha256_hex(*now) == digest) {
      row["state"] = "bit-equal";
    } else if (before && base::sha256_hex(*before) == digest) {
      row = judged_files(std::move(row), file, *before, *now, names, tolerance, verdict);
    } else {
      row =
          judged(std::move(row),
                 {Sameness::kDifferent, "its bytes (those from before are gone)", nullptr, nullptr},
                 verdict);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string tail_of(const fs::path& log) {
  const std::string text = store::read_file(log).value_or("");
  return text.substr(text.size() - std::min(text.size(), kLogTailBytes));
}

// What a run and its models are called, and what those of the run that it reproduces are.
Result<void> add_names(Client& client, const RunRecord& before, const RunRecord& now,
                       Names& names) {
  names[now.id()] = before.id();
  const auto old_models = TRY(before.models(client)), new_models = TRY(now.models(client));
  for (const auto& [name, id] : new_models) {
    const auto old_model = old_models.find(name);
    if (old_model != old_models.end()) names[id] = old_model->second;
  }
  return {};
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

// One reproduction: where it works, and by what its runs are known.
class Reproduction {
 public:
  Reproduction(Client& client, const Context& context, const ReproduceOptions& options)
      : client_(client), context_(context), options_(options) {
    base::SystemRandom random;
    mark_ = random.hex(8);
  }
  ~Reproduction() { discard_checkout(restored, work_); }
  Reproduction(const Reproduction&) = delete;
  Reproduction& operator=(const Reproduction&) = delete;

  Result<fs::path> open() {
    if (options_.folder.empty()) scratch_.emplace(TRY(Scratch::make("reproduce")));
    work_ = scratch_ ? scratch_->path() : TRY(own_folder(options_.folder));
    return work_;
  }

  // Runs what was restored for `of`, a run's id; `experiment`: where a script logs by default.
  Result<void> run(const std::string& of, const std::string& experiment) {
    for (const Json& item : restored.restored)
      std::fprintf(stderr, "  %-12s %s\n", cell(member_at(item, "what")).c_str(),
                   cell(member_at(item, "detail")).c_str());
    for (const RestoredCommand& command : restored.commands) TRY(run(command, of, experiment));
    return {};
  }

  // Those that a step has started, or the script, oldest first.
  Result<std::vector<RunRecord>> runs_of(const std::string& step) {
    return RunRecord::find(
        client_, fmt::format("tags.`slipway.reproduction` = '{}'", mark_) +
                     (step.empty() ? "" : fmt::format(" AND tags.`slipway.step` = '{}'", step)));
  }

  Result<JsonObject> compare(const RunRecord& before, const RunRecord& now) {
    TRY(add_names(client_, before, now, names));
    Sameness sameness = Sameness::kBitEqual;
    JsonArray metrics = TRY(compare_metrics(client_, before, now, options_.tolerance, sameness));
    JsonArray artifacts =
        TRY(compare_artifacts(client_, before, now, names, options_.tolerance, sameness));
    if (!metrics.empty() || !artifacts.empty()) {
      TRY(client_.post("/api/2.0/mlflow/runs/set-tag",
                       {{"run_id", now.id()},
                        {"key", "slipway.reproduction"},
                        {"value", sameness == Sameness::kDifferent ? "different" : "equal"}}));
    }
    verdict = std::max(verdict, sameness);
    compared_ += metrics.size() + artifacts.size();
    return JsonObject{{"run", before.id()},
                      {"reproduction", now.id()},
                      {"metrics", std::move(metrics)},
                      {"artifacts", std::move(artifacts)}};
  }

  // After compare(), which learns what things are called now.
  Result<JsonObject> compare(const RestoredCommand& step) {
    JsonArray files = TRY(compare_outputs(step, names, options_.tolerance, verdict));
    compared_ += files.size();
    return JsonObject{{"step", step.step}, {"files", std::move(files)}};
  }

  // How it went, beside what was compared. kFailedPrecondition: there was nothing to compare.
  Result<Json> ended(JsonObject report) {
    if (compared_ == 0)
      return base::error(Code::kFailedPrecondition,
                         "it ran again, and nothing can be said of it: neither metrics nor files "
                         "were kept of it then or now");
    report["restored"] = restored.restored;
    report["seconds"] =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    report["verdict"] = sameness_word(verdict);
    report["equal"] = verdict != Sameness::kDifferent;
    return Json(std::move(report));
  }

  RestoredRun restored;
  Names names;
  Sameness verdict = Sameness::kBitEqual;

 private:
  Result<void> run(const RestoredCommand& command, const std::string& of,
                   const std::string& experiment) {
    auto environment = command.environment;
    environment["SLIPWAY_URL"] = restored.data ? restored.data->context().url : context_.url;
    environment["MLFLOW_TRACKING_URI"] = context_.url;
    if (!experiment.empty()) environment["MLFLOW_EXPERIMENT_ID"] = experiment;
    // What a script registers goes into a registry of its own: a reproduction is no new version.
    environment["MLFLOW_REGISTRY_URI"] = restored.registry.string();
    environment["MLFLOW_ALLOW_FILE_STORE"] = "true";
    // The mlflow client puts these on every run it starts.
    JsonObject tags{{"slipway.reproduces", of}, {"slipway.reproduction", mark_}};
    if (!command.step.empty()) tags["slipway.step"] = command.step;
    environment["MLFLOW_RUN_CONTEXT"] = base::to_text(tags);
    if (!context_.token.empty()) environment["MLFLOW_TRACKING_TOKEN"] = context_.token;
    const fs::path log = work_ / "command.log";
    const int exit = TRY(run_command(command.text, command.folder, environment, log));
    if (exit == 0) return {};
    return base::error(Code::kFailedPrecondition, "the command failed: {}exit={} it wrote: {}",
                       command.step.empty() ? "" : fmt::format("step={} ", command.step), exit,
                       tail_of(log));
  }

  Client& client_;
  const Context& context_;
  const ReproduceOptions& options_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::string mark_;
  std::size_t compared_ = 0;  // metrics and files
  std::optional<Scratch> scratch_;
  fs::path work_;
};

// Runs that a step of a pipeline's run started, oldest first.
Result<std::vector<RunRecord>> tracked_runs(Client& client, const std::string& pipeline_run,
                                            const std::string& step) {
  return RunRecord::find(
      client, fmt::format("tags.`slipway.run_id` = '{}'", pipeline_run) +
                  (step.empty() ? "" : fmt::format(" AND tags.`slipway.step` = '{}'", step)));
}

// The new one that stands for `before`: at the same place when there are as many, or else of the
// same name, or else the first.
Result<RunRecord> find_new_run(Client& client, const RunRecord& before,
                               const std::vector<RunRecord>& now) {
  if (now.empty())
    return base::error(Code::kFailedPrecondition,
                       "the command ended well but logged no run in the experiment: experiment={}",
                       before.info("experiment_id"));
  const std::string pipeline_run = before.tag("slipway.run_id");
  if (!pipeline_run.empty()) {
    const auto all = TRY(tracked_runs(client, pipeline_run, before.tag("slipway.step")));
    for (std::size_t i = 0; i < all.size() && all.size() == now.size(); ++i) {
      if (all[i].id() == before.id()) return now[i];
    }
  }
  for (const RunRecord& one : now) {
    if (one.name() == before.name()) return one;
  }
  return now.front();
}

// The rows of one table, each with its place and values where it differs.
std::string differences(const Json& rows, const std::string& heading, const std::string& member) {
  JsonArray shown;
  for (const Json& row : rows.as_array()) {
    JsonObject object = row.as_object();
    for (const char* key : {"where", "before", "now"}) object.emplace(key, "");
    shown.push_back(std::move(object));
  }
  return table(shown, {{heading, member},
                       {"STATE", "state"},
                       {"WHERE", "where"},
                       {"BEFORE", "before"},
                       {"NOW", "now"}});
}

std::string run_tables(const Json& report) {
  std::string out;
  if (!member_at(report, "metrics").as_array().empty())
    out += differences(member_at(report, "metrics"), "METRIC", "key") + "\n";
  if (!member_at(report, "artifacts").as_array().empty())
    out += differences(member_at(report, "artifacts"), "ARTIFACT", "path") + "\n";
  return out;
}

std::string step_tables(const Json& report) {
  JsonArray files;
  for (const Json& step : member_at(report, "steps").as_array()) {
    for (const Json& file : member_at(step, "files").as_array()) {
      JsonObject row = file.as_object();
      row["path"] = cell(member_at(step, "step")) + "/" + cell(row["path"]);
      files.push_back(std::move(row));
    }
  }
  return files.empty() ? "" : differences(files, "FILE", "path") + "\n";
}

}  // namespace

Result<Json> reproduce_run(Client& client, const Context& context, const std::string& run,
                           const ReproduceOptions& options) {
  const RunRecord before = TRY(RunRecord::load(client, run));
  Reproduction reproduction(client, context, options);
  const fs::path work = TRY(reproduction.open());
  reproduction.restored = TRY(restore_run(client, context, before, options, work));
  TRY(reproduction.run(before.id(), before.info("experiment_id")));
  const auto& commands = reproduction.restored.commands;
  const RunRecord now =
      TRY(find_new_run(client, before, TRY(reproduction.runs_of(commands.back().step))));
  JsonObject report = TRY(reproduction.compare(before, now));
  JsonArray steps;
  for (std::size_t i = 0; i + 1 < commands.size(); ++i)
    steps.push_back(TRY(reproduction.compare(commands[i])));
  report["steps"] = std::move(steps);
  return reproduction.ended(std::move(report));
}

Result<Json> reproduce_pipeline_run(Client& client, const Context& context, const Json& run,
                                    const ReproduceOptions& options) {
  const std::string id = cell(member_at(run, "id"));
  std::map<std::string, std::vector<RunRecord>> tracked;  // by step
  std::set<std::string> steps_tracked;
  for (RunRecord& one : TRY(tracked_runs(client, id, ""))) {
    const std::string step = one.tag("slipway.step");
    steps_tracked.insert(step);
    tracked[step].push_back(std::move(one));
  }
  Reproduction reproduction(client, context, options);
  const fs::path work = TRY(reproduction.open());
  ReproduceOptions whole = options;
  whole.from_data = true;
  JsonArray left, runs, steps;
  reproduction.restored =
      TRY(restore_pipeline_run(client, context, run, whole, work, steps_tracked, left));
  TRY(reproduction.run(id, ""));
  for (const RestoredCommand& command : reproduction.restored.commands) {
    for (const RunRecord& before : tracked[command.step]) {
      const RunRecord now =
          TRY(find_new_run(client, before, TRY(reproduction.runs_of(command.step))));
      JsonObject compared = TRY(reproduction.compare(before, now));
      compared["step"] = command.step;
      runs.push_back(std::move(compared));
    }
  }
  for (const RestoredCommand& command : reproduction.restored.commands)
    steps.push_back(TRY(reproduction.compare(command)));
  JsonObject report{{"pipeline_run", id}, {"pipeline", member_at(run, "pipeline")}};
  report["left"] = std::move(left);
  report["steps"] = std::move(steps);
  report["runs"] = std::move(runs);
  return reproduction.ended(std::move(report));
}

std::string run_reproduction_text(const Json& report) {
  return run_tables(report) + step_tables(report) +
         fmt::format("run {} reproduces {}: {}\n", cell(member_at(report, "reproduction")),
                     cell(member_at(report, "run")), cell(member_at(report, "verdict")));
}

std::string pipeline_reproduction_text(const Json& report) {
  std::string out = step_tables(report);
  for (const Json& run : member_at(report, "runs").as_array())
    out += fmt::format("run {} of step {}, again as {}\n", cell(member_at(run, "run")),
                       cell(member_at(run, "step")), cell(member_at(run, "reproduction"))) +
           run_tables(run);
  for (const Json& step : member_at(report, "left").as_array())
    out += fmt::format("step {} was not run again: {}\n", cell(member_at(step, "step")),
                       cell(member_at(step, "why")));
  return out + fmt::format("run {} of {}, again: {}\n", cell(member_at(report, "pipeline_run")),
                           cell(member_at(report, "pipeline")), cell(member_at(report, "verdict")));
}

}  // namespace slipway::cli
