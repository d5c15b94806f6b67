#include "cli/drill/staging.h"

#include <algorithm>
#include <set>

#include "cli/drill/logged_traffic.h"
#include "cli/drill/outage.h"
#include "cli/drill/server.h"
#include "cli/drill/wrong_model.h"
#include "cli/model_files.h"
#include "cli/table.h"
#include "store/file_system.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

using base::Timestamp;

Result<void> copy_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code failed;
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, failed);
  if (failed) {
    return base::error(Code::kInternal, "can't copy {} to {}: {}", from.string(), to.string(),
                       failed.message());
  }
  return {};
}

// An action has changed what answers.
bool has_remedied(const JsonArray& alerts) {
  return std::any_of(alerts.begin(), alerts.end(), [](const Json& alert) {
    const JsonArray& actions = member_at(alert, "actions").as_array();
    return std::any_of(actions.begin(), actions.end(), is_remedy);
  });
}

// A model is one file, or a folder of them.
std::vector<std::filesystem::path> files_of(const std::filesystem::path& model) {
  if (std::filesystem::is_regular_file(model)) return {model};
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(model)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// What the endpoint's log has of requests with from <= event time < until.
Result<AnswersById> read_answers(Client& client, const std::string& endpoint, Timestamp from,
                                 Timestamp until) {
  AnswersById answers;
  TRY(each_logged_request(client, endpoint, from, until, [&](const Json& request) -> Result<void> {
    const Json& answer = member_at(request, "prediction");
    if (answer.is_number()) answers[cell(member_at(request, "id"))] = answer.to_number<double>();
    return {};
  }));
  return answers;
}

std::string live_uri(const Json& revision) {
  const Json& variants = member_at(revision, "variants");
  if (!variants.is_array()) return {};
  for (const Json& variant : variants.get_array()) {
    if (cell(member_at(variant, "role")) != "live") continue;
    // Without what says which bytes were deployed: "x.ubj#sha256=0123456789abcdef".
    const std::string uri = cell(member_at(variant, "uri"));
    return uri.substr(0, uri.find("#sha256="));
  }
  return {};
}

}  // namespace

struct Staging::State {
  std::string endpoint;
  StagingOptions options;
  Scratch scratch;
  ProjectCopy project;
  std::string model, earlier;
  int plays = 0;

  std::filesystem::path models() const { return scratch.path() / "models"; }
  std::filesystem::path warm() const { return scratch.path() / "warm"; }
  // Of the project.
  std::string folder() const {
    return std::filesystem::absolute(options.project).parent_path().lexically_normal();
  }
  ServerOptions server() const {
    return {.models = models(), .python_models = options.python_models, .breakable = true};
  }

  // The model's files below models-root.
  Result<std::string> fetch(Client& production, const std::string& uri,
                            const std::string& name) const {
    const ModelFiles files = TRY(ModelFiles::fetch(production, uri));
    TRY(copy_folder(files.path(), models() / name));
    return (models() / name).string();
  }

  // A copy of the model, of which the first file that `change` can be made of is changed.
  Result<std::string> changed_model(const char* name,
                                    Result<std::string> (*change)(std::string_view)) const {
    const std::filesystem::path copy = models() / name;
    TRY(copy_folder(model, copy));
    for (const std::filesystem::path& file : files_of(copy)) {
      const auto changed = change(TRY(store::read_file(file)));
      if (!changed) continue;
      TRY(store::write_file(file, *changed));
      return copy.string();
    }
    return base::error(Code::kFailedPrecondition,
                       "only trees of XGBoost and LightGBM can be changed");
  }
};

Staging::Staging(std::unique_ptr<State> state) : state_(std::move(state)) {}
Staging::~Staging() = default;
Staging::Staging(Staging&&) noexcept = default;

Result<Staging> Staging::make(Client& production, const StagingOptions& options, const Tell& tell) {
  const std::string yaml = TRY(store::read_file(options.project));
  auto state = std::make_unique<State>(State{
      .endpoint = options.endpoint, .options = options, .scratch = TRY(Scratch::make("drill"))});
  TRY(store::make_folders(state->models()));
  const Json list = TRY(
      production.get(path_of("/slipway/v1/endpoints/{}/revisions?limit=1000", {options.endpoint})));
  std::vector<std::string> uris;  // newest first
  for (const Json& revision : member_at(list, "revisions").as_array()) {
    std::string uri = live_uri(revision);
    if (!uri.empty() && std::find(uris.begin(), uris.end(), uri) == uris.end())
      uris.push_back(std::move(uri));
  }
  if (uris.empty()) {
    return base::error(Code::kFailedPrecondition,
                       "no model is in charge of the endpoint yet: endpoint={}", options.endpoint);
  }
  tell("fetching " + uris.front());
  state->model = TRY(state->fetch(production, uris.front(), "live"));
  if (uris.size() > 1) state->earlier = TRY(state->fetch(production, uris[1], "earlier"));
  int spares = 0;
  const auto fetch_spare = [&](const std::string& uri) -> Result<std::string> {
    tell("fetching " + uri);
    return state->fetch(production, uri, fmt::format("spare-{}", ++spares));
  };
  state->project =
      TRY(copy_project(yaml, options.endpoint, state->model, options.from, fetch_spare));

  const Server server = TRY(Server::start(state->warm(), state->server()));
  Client client(server.context());
  const std::string folder = state->folder();
  TRY(client.post("/slipway/v1/apply", {{"yaml", state->project.data_only}, {"dir", folder}}));
  for (const std::string& dataset : state->project.datasets) {
    tell("reading " + dataset);
    TRY(client.post(path_of("/slipway/v1/datasets/{}/ingest", {dataset}), {}));
  }
  if (!state->project.views.empty()) {
    TRY(client.post("/slipway/v1/features/materialize",
                    {{"as_of", types::to_rfc3339(options.from)}}));
  }
  TRY(client.post("/slipway/v1/apply", {{"yaml", state->project.whole}, {"dir", folder}}));
  TRY(client.post(path_of("/slipway/v1/endpoints/{}/deploy", {options.endpoint}),
                  {{"model", state->model}, {"reason", "a drill"}}));
  return Staging(std::move(state));
}

Result<AnswersById> Staging::warm_up(const Recording& recording, const Tell& tell) {
  Server server = TRY(Server::start(state_->warm(), state_->server()));
  TRY(server.wait_for(state_->endpoint));
  const ReplayReport report = TRY(replay(server.context(), recording,
                                         {.endpoint = state_->endpoint,
                                          .from = state_->options.from,
                                          .until = state_->options.start,
                                          .stop = state_->options.stop},
                                         tell));
  if (report.requests > 0 && report.failed == report.requests) {
    return base::error(Code::kFailedPrecondition,
                       "every request of the recording fails, before anything is broken: {}",
                       report.first_failure);
  }
  Client client(server.context());
  return read_answers(client, state_->endpoint, state_->options.from, state_->options.start);
}

Result<Observed> Staging::play(const Recording& recording, const Fault& fault, const Dose& dose,
                               Timestamp until, const Tell& tell) {
  const std::filesystem::path data =
      state_->scratch.path() / fmt::format("play-{}", ++state_->plays);
  TRY(copy_folder(state_->warm(), data));
  Observed observed;
  {
    Server server = TRY(Server::start(data, state_->server()));
    TRY(server.wait_for(state_->endpoint));
    Client client(server.context());
    const std::string& deploy = fault.deploy;
    if (!deploy.empty()) {
      const auto deployed =
          client.post(path_of("/slipway/v1/endpoints/{}/deploy", {state_->endpoint}),
                      {{"model", deploy}, {"reason", "a drill"}});
      if (!deployed) observed.refused = deployed.error().message;
    }
    ReplayOptions options{.endpoint = state_->endpoint,
                          .from = state_->options.start,
                          .until = until,
                          .asked_since = state_->options.from,
                          .stop = state_->options.stop};
    std::optional<PipelineTrouble> trouble;
    if (fault.pipeline) {
      const ProjectCopy& project = state_->project;
      const bool is_stuck = fault.pipeline == PipelineFault::kStuck;
      TRY(client.post("/slipway/v1/apply", {{"yaml", is_stuck ? project.stuck : project.slow},
                                            {"dir", state_->folder()}}));
      trouble.emplace(server.context(), *fault.pipeline, *project.retraining);
      options.at_wait = [&] { return trouble->at_wait(); };
    }
    std::optional<Outage> outage;
    if (fault.breakage) {
      outage.emplace(server, *fault.breakage, state_->endpoint, recording, dose, tell);
      options.at_tick = [&](Timestamp now) { return outage->at(now); };
    }
    observed.replay = TRY(replay(server.context(), recording, options, tell));
    if (outage) observed.outage = TRY(outage->end());
    if (trouble) observed.pipeline = TRY(trouble->end());
    for (const std::string& monitor : state_->project.monitors) {
      const Json alerts = TRY(client.get(path_of("/slipway/v1/alerts?monitor={}", {monitor})));
      const JsonArray& newest_first = member_at(alerts, "alerts").as_array();
      observed.alerts.insert(observed.alerts.end(), newest_first.rbegin(), newest_first.rend());
      const Json windows = TRY(
          client.get(path_of("/slipway/v1/monitors/{}/windows?variant=live&drift=0", {monitor})));
      for (const Json& window : member_at(windows, "windows").as_array()) {
        if (!member_at(window, "judged").as_bool()) continue;
        observed.windows.push_back(window);
        observed.windows.back().as_object()["monitor"] = monitor;
      }
    }
    // Of the control as well: what it is compared with.
    if (has_remedied(observed.alerts) ||
        (state_->project.has_remedy && fault.group == FaultGroup::kControl)) {
      const AnswersById answers =
          TRY(read_answers(client, state_->endpoint, dose.start, dose.until));
      observed.answered = answered(recording, answers, dose.start, dose.until);
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(data, ignored);
  return observed;
}

Result<Staging::Made> Staging::look() {
  Made made;
  Server server = TRY(Server::start(state_->warm(), state_->server()));
  TRY(server.wait_for(state_->endpoint));
  Client client(server.context());
  const Json shape = TRY(client.get(path_of("/v2/models/{}", {state_->endpoint})));
  made.runs_python = cell(member_at(shape, "platform")) == "python";
  if (state_->project.service.empty()) return made;
  const Json reply = TRY(client.get("/slipway/v1/features"));
  std::set<std::string> deduplicated;
  for (const Json& source : member_at(reply, "sources").as_array()) {
    if (!member_at(source, "deduplication_key").as_array().empty())
      deduplicated.insert(cell(member_at(source, "name")));
  }
  for (const Json& service : member_at(reply, "services").as_array()) {
    if (cell(member_at(service, "name")) != state_->project.service) continue;
    for (const Json& output : member_at(service, "outputs").as_array()) {
      const std::string name = cell(member_at(output, "name"));
      for (const LookedUp& view : state_->project.views) {
        if (!name.starts_with(view.feature)) continue;
        made.looked_up.push_back({.feature = name,
                                  .source = view.source,
                                  .window = view.window,
                                  .is_number = cell(member_at(output, "type")) == "number",
                                  .is_deduplicated = deduplicated.contains(view.source)});
      }
    }
  }
  return made;
}

const std::optional<Retraining>& Staging::retraining() const { return state_->project.retraining; }

const std::string& Staging::earlier_model() const { return state_->earlier; }

Result<std::string> Staging::damaged_model() const {
  const std::filesystem::path damaged = state_->models() / "damaged";
  TRY(copy_folder(state_->model, damaged));
  std::filesystem::path largest;
  std::uintmax_t bytes = 0;
  for (const std::filesystem::path& file : files_of(damaged)) {
    if (!largest.empty() && std::filesystem::file_size(file) <= bytes) continue;
    largest = file;
    bytes = std::filesystem::file_size(file);
  }
  std::filesystem::resize_file(largest, bytes / 2);
  return damaged.string();
}

Result<std::string> Staging::wrong_model() const {
  return state_->changed_model("wrong", turn_leaves);
}

Result<std::string> Staging::moved_model() const {
  return state_->changed_model("moved", move_bar);
}

}  // namespace slipway::cli
