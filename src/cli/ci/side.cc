#include "cli/ci/side.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/pace.h"
#include "cli/table.h"
#include "pipelines/cache_key.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

namespace fs = std::filesystem;

constexpr auto kPollMax = std::chrono::milliseconds(200);  // between two looks at a run
// A server of an interrupted run needs a moment to let the folder go.
constexpr auto kFolderTime = std::chrono::seconds(15);
constexpr auto kTryEvery = std::chrono::milliseconds(200);
constexpr std::size_t kLogTailBytes = 3000;
constexpr std::uintmax_t kJsonBytesMax = 1 << 20;  // of a file whose numbers are compared

std::optional<double> number_at(const Json& value, std::string_view path) {
  const Json& found = member_at(value, path);
  return found.is_number() ? std::optional(found.to_number<double>()) : std::nullopt;
}

Result<Json> send_rows(Client& client, const std::string& name, const fs::path& file) {
  return base::parse_json(TRY(client.post_bytes(
      path_of("/slipway/v1/datasets/{}/rows?anew=true", {name}), TRY(store::read_file(file)))));
}

// A dataset that is refused says no to the change; everything else is an error. `rows`: null, or a
// file instead of the declared place.
Result<CiDataset> take_in(Client& client, const std::string& name, CiFollows follows,
                          const fs::path* rows) {
  CiDataset dataset{.name = name, .digest = "", .rows = 0, .quarantined = 0, .problem = ""};
  const auto reply = rows == nullptr
                         ? client.post(path_of("/slipway/v1/datasets/{}/ingest", {name}),
                                       {{"anew", follows == CiFollows::kNothing}})
                         : send_rows(client, name, *rows);
  if (!reply) {
    const Code code = reply.error().code;
    const bool says_no = code == Code::kFailedPrecondition || code == Code::kInvalidArgument ||
                         code == Code::kCorruption;
    if (!says_no) return Error(reply.error()).with_context("dataset " + name);
    dataset.problem = reply.error().message;
    return dataset;
  }
  dataset.digest = text_at(*reply, "snapshot.digest");
  dataset.rows = static_cast<std::int64_t>(number_at(*reply, "snapshot.rows").value_or(0));
  dataset.quarantined =
      static_cast<std::int64_t>(number_at(*reply, "snapshot.quarantined").value_or(0));
  return dataset;
}

void read_verdict(const Json& json, const std::string& where, CiRun& run) {
  const Json& checks = member_at(json, "checks");
  if (!member_at(json, "verdict").is_string() || !checks.is_array()) return;
  for (const Json& check : checks.get_array()) {
    run.gate.push_back({.name = where + ": " + text_at(check, "name"),
                        .text = text_at(check, "text"),
                        .ok = member_at(check, "ok") == Json(true),
                        .value = number_at(check, "value"),
                        .bound = number_at(check, "bound")});
  }
}

// Sizes of the files that a step has left, and the numbers in those of JSON.
void read_outputs(const Json& step, CiRun& run) {
  const fs::path folder = text_at(step, "folder");
  std::error_code failed;
  if (folder.empty() || !fs::is_directory(folder, failed)) return;
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    if (at->is_regular_file(failed) && !at->is_symlink(failed)) files.push_back(at->path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const std::string name =
        text_at(step, "name") + "/" + file.lexically_relative(folder).generic_string();
    const std::uintmax_t size = fs::file_size(file, failed);
    if (failed) continue;
    run.values[name] = static_cast<double>(size);
    if (file.extension() != ".json" || size > kJsonBytesMax) continue;
    const auto text = store::read_file(file);
    if (!text) continue;
    const auto json = base::parse_json(*text);
    if (!json) continue;
    std::map<std::string, double> numbers;
    collect_numbers(*json, "", numbers);
    for (const auto& [path, number] : numbers) run.values[name + "#" + path] = number;
    read_verdict(*json, name, run);
  }
}

CiStep read_step(Client& client, const std::string& run, const Json& step) {
  CiStep seen{.name = text_at(step, "name"),
              .state = text_at(step, "state"),
              .reason = text_at(step, "reason"),
              .folder = text_at(step, "folder"),
              .key = {},
              .log_tail = ""};
  if (member_at(step, "key").is_object()) seen.key = member_at(step, "key").get_object();
  if (seen.state != "failed" && seen.state != "refused") return seen;
  const auto log =
      client.fetch(path_of("/slipway/v1/pipeline-runs/{}/steps/{}/log", {run, seen.name}));
  if (log)
    seen.log_tail = log->body.substr(log->body.size() - std::min(log->body.size(), kLogTailBytes));
  return seen;
}

Result<Json> wait_for(Client& client, const std::string& id, const std::string& pipeline) {
  std::map<std::string, std::string> told;
  for (const Pace pace(kPollMax);; pace.wait()) {
    Json run = TRY(client.get(path_of("/slipway/v1/pipeline-runs/{}", {id})));
    for (const Json& step : member_at(run, "steps").as_array()) {
      const std::string name = text_at(step, "name"), state = text_at(step, "state");
      if (std::exchange(told[name], state) == state || state == "pending") continue;
      std::fprintf(stderr, "  %s/%-20s %s\n", pipeline.c_str(), name.c_str(), state.c_str());
    }
    if (!member_at(run, "finished_at").is_null()) return run;
  }
}

Result<CiRun> run_pipeline(Client& client, const CiPipeline& pipeline) {
  JsonObject params;
  for (const auto& [name, value] : pipeline.params) params[name] = value;
  const Json begun = TRY(client.post(path_of("/slipway/v1/pipelines/{}/runs", {pipeline.name}),
                                     {{"params", std::move(params)}, {"reason", "slipway ci"}}));
  const std::string id = text_at(begun, "id");
  const Json run = TRY(wait_for(client, id, pipeline.name));
  CiRun seen{.pipeline = pipeline.name,
             .state = text_at(run, "state"),
             .reason = text_at(run, "reason"),
             .steps = {},
             .values = {},
             .gate = {}};
  for (const Json& step : member_at(run, "steps").as_array()) {
    seen.steps.push_back(read_step(client, id, step));
    read_outputs(step, seen);
    const Json& items = member_at(step, "items");
    if (!items.is_array()) continue;
    for (const Json& item : items.get_array()) {
      seen.steps.push_back(read_step(client, id, item));
      read_outputs(item, seen);
    }
  }
  return seen;
}

}  // namespace

Result<Server> start_ci_server(const fs::path& data) {
  TRY(store::make_folders(data));
  // It lies in the repository, and is none of it.
  std::error_code ignored;
  if (const fs::path own = data / ".gitignore"; !fs::exists(own, ignored))
    TRY(store::write_file(own, "*\n"));
  const auto end = std::chrono::steady_clock::now() + kFolderTime;
  for (;;) {
    auto server = Server::start(data / "server", {});
    if (server || std::chrono::steady_clock::now() > end) return server;
    std::this_thread::sleep_for(kTryEvery);
  }
}

Result<void> end_left_runs(Client& client) {
  const Json pipelines = TRY(client.get("/slipway/v1/pipelines"));
  for (const Json& pipeline : member_at(pipelines, "pipelines").as_array()) {
    for (const char* state : {"queued", "running"}) {
      const Json runs =
          TRY(client.get(path_of("/slipway/v1/pipelines/{}/runs", {text_at(pipeline, "name")}) +
                         "?state=" + state));
      for (const Json& run : member_at(runs, "runs").as_array()) {
        const std::string id = text_at(run, "id");
        (void)client.post(path_of("/slipway/v1/pipeline-runs/{}/cancel", {id}),
                          {});  // or it is over
        TRY(wait_for(client, id, text_at(pipeline, "name")));
      }
    }
  }
  return {};
}

Result<CiSide> run_side(Client& client, const CiProject& project, const fs::path& folder,
                        const std::string& commit, CiFollows follows,
                        const std::map<std::string, fs::path>& rows) {
  CiSide side;
  side.commit = commit;
  TRY(client.post("/slipway/v1/apply", {{"yaml", project.yaml}, {"dir", folder.string()}}));
  bool refused = false;
  for (const std::string& name : project.datasets) {
    const auto given = rows.find(name);
    side.datasets.push_back(
        TRY(take_in(client, name, follows, given == rows.end() ? nullptr : &given->second)));
    refused = refused || !side.datasets.back().problem.empty();
  }
  if (refused) return side;  // what was there before must not be judged instead
  for (const CiPipeline& pipeline : project.pipelines)
    side.runs.push_back(TRY(run_pipeline(client, pipeline)));
  return side;
}

void tell_why(CiSide& head, const CiSide& base) {
  for (CiRun& run : head.runs) {
    for (CiStep& step : run.steps) {
      if (step.state != "succeeded" && step.state != "cached") continue;
      const CiStep* before = nullptr;
      for (const CiRun& other : base.runs) {
        for (const CiStep& one : other.steps) {
          if (other.pipeline == run.pipeline && one.name == step.name) before = &one;
        }
      }
      if (before == nullptr || before->key.empty()) {
        step.reason = "the base has nothing to compare with";
        continue;
      }
      const std::string changed =
          pipelines::explain_differences(pipelines::differences(before->key, step.key));
      step.reason = !changed.empty()         ? changed
                    : step.state == "cached" ? "nothing it depends on has changed"
                                             : "it runs each time";
    }
  }
}

}  // namespace slipway::cli
