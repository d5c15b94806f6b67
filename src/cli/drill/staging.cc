#include "cli/drill/staging.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>
#include <thread>

#include "base/process.h"
#include "cli/model_files.h"
#include "cli/table.h"
#include "store/file_system.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

using base::Timestamp;

constexpr auto kStartTime = std::chrono::seconds(60);
constexpr auto kStopTime = std::chrono::seconds(20);
constexpr auto kLookEvery = std::chrono::milliseconds(10);

// Without the settings of the server that runs here, its database above all.
std::vector<std::string> own_environment() {
  std::vector<std::string> kept;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (!text.starts_with("SLIPWAY_") && !text.starts_with("MLFLOW_")) kept.emplace_back(text);
  }
  return kept;
}

Result<int> free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return store::errno_error(errno, "socket", "127.0.0.1");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const bool bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  ::close(socket);
  if (!bound) return store::errno_error(errno, "bind", "127.0.0.1");
  return ntohs(address.sin_port);
}

// `slipway server` on a folder, for as long as the object lives.
class Server {
 public:
  static Result<Server> start(const std::filesystem::path& data,
                              const std::filesystem::path& models) {
    Server server;
    const int port = TRY(free_port());
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
    server.context_.url = fmt::format("http://127.0.0.1:{}", port);
    const std::filesystem::path log = data.string() + ".log";
    TRY(store::write_file(log, ""));
    server.process_ = TRY(base::start_process(
        {.words = {self, "server", "--host", "127.0.0.1", "--port", std::to_string(port),
                   "--grpc-port", "0", "--data", data, "--models-root", models,
                   "--ends-with-process", std::to_string(::getpid())},
         .environment = own_environment(),
         .log = log}));
    const auto end = std::chrono::steady_clock::now() + kStartTime;
    Client client(server.context_);
    while (!client.get("/slipway/v1/clock")) {
      const bool is_gone = ::waitpid(server.process_, nullptr, WNOHANG) == server.process_;
      if (is_gone) server.process_ = 0;
      if (is_gone || std::chrono::steady_clock::now() > end) {
        const std::string said = store::read_file(log).value_or("");
        return base::error(Code::kUnavailable, "the staging server did not start: {}",
                           said.substr(said.size() - std::min<std::size_t>(said.size(), 500)));
      }
      std::this_thread::sleep_for(kLookEvery);
    }
    return server;
  }
  ~Server() { stop(); }
  Server(Server&& other) noexcept
      : context_(std::move(other.context_)), process_(std::exchange(other.process_, 0)) {}
  Server& operator=(Server&&) = delete;

  const Context& context() const { return context_; }
  // Everything is on the disk then.
  void stop() {
    if (process_ == 0) return;
    ::kill(process_, SIGTERM);
    const auto end = std::chrono::steady_clock::now() + kStopTime;
    while (::waitpid(process_, nullptr, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > end) ::kill(process_, SIGKILL);
      std::this_thread::sleep_for(kLookEvery);
    }
    process_ = 0;
  }

 private:
  Server() = default;
  Context context_;
  pid_t process_ = 0;
};

Result<void> copy_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code failed;
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, failed);
  if (failed) {
    return base::error(Code::kInternal, "can't copy {} to {}: {}", from.string(), to.string(),
                       failed.message());
  }
  return {};
}

std::string live_uri(const Json& revision) {
  const Json& variants = member_at(revision, "variants");
  if (!variants.is_array()) return {};
  for (const Json& variant : variants.get_array()) {
    if (cell(member_at(variant, "role")) == "live") return cell(member_at(variant, "uri"));
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

  // The model's files below models-root.
  Result<std::string> fetch(Client& production, const std::string& uri, const char* name) const {
    const ModelFiles files = TRY(ModelFiles::fetch(production, uri));
    TRY(copy_folder(files.path(), models() / name));
    return (models() / name).string();
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
  state->project = TRY(copy_project(yaml, options.endpoint, state->model, options.from));

  const Server server = TRY(Server::start(state->warm(), state->models()));
  Client client(server.context());
  const std::string folder =
      std::filesystem::absolute(options.project).parent_path().lexically_normal();
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

Result<void> Staging::warm_up(const Recording& recording, const Tell& tell) {
  const Server server = TRY(Server::start(state_->warm(), state_->models()));
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
  return {};
}

Result<Observed> Staging::play(const Recording& recording, Timestamp until,
                               const std::string& deploy, const Tell& tell) {
  const std::filesystem::path data =
      state_->scratch.path() / fmt::format("play-{}", ++state_->plays);
  TRY(copy_folder(state_->warm(), data));
  Observed observed;
  {
    const Server server = TRY(Server::start(data, state_->models()));
    Client client(server.context());
    if (!deploy.empty()) {
      const auto deployed =
          client.post(path_of("/slipway/v1/endpoints/{}/deploy", {state_->endpoint}),
                      {{"model", deploy}, {"reason", "a drill"}});
      if (!deployed) observed.refused = deployed.error().message;
    }
    observed.replay = TRY(replay(server.context(), recording,
                                 {.endpoint = state_->endpoint,
                                  .from = state_->options.start,
                                  .until = until,
                                  .asked_since = state_->options.from,
                                  .stop = state_->options.stop},
                                 tell));
    for (const std::string& monitor : state_->project.monitors) {
      const Json alerts = TRY(client.get(path_of("/slipway/v1/alerts?monitor={}", {monitor})));
      const JsonArray& newest_first = member_at(alerts, "alerts").as_array();
      observed.alerts.insert(observed.alerts.end(), newest_first.rbegin(), newest_first.rend());
      const Json windows = TRY(
          client.get(path_of("/slipway/v1/monitors/{}/windows?variant=live&drift=0", {monitor})));
      for (const Json& window : member_at(windows, "windows").as_array()) {
        if (member_at(window, "judged").as_bool()) observed.windows.push_back(window);
      }
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(data, ignored);
  return observed;
}

Result<std::vector<LookedUp>> Staging::looked_up() {
  std::vector<LookedUp> found;
  if (state_->project.service.empty()) return found;
  const Server server = TRY(Server::start(state_->warm(), state_->models()));
  const Json reply = TRY(Client(server.context()).get("/slipway/v1/features"));
  for (const Json& service : member_at(reply, "services").as_array()) {
    if (cell(member_at(service, "name")) != state_->project.service) continue;
    for (const Json& output : member_at(service, "outputs").as_array()) {
      const std::string name = cell(member_at(output, "name"));
      for (const LookedUp& view : state_->project.views) {
        if (!name.starts_with(view.feature)) continue;
        found.push_back({.feature = name,
                         .source = view.source,
                         .is_number = cell(member_at(output, "type")) == "number"});
      }
    }
  }
  return found;
}

const std::string& Staging::earlier_model() const { return state_->earlier; }

Result<std::string> Staging::damaged_model() const {
  const std::filesystem::path damaged = state_->models() / "damaged";
  TRY(copy_folder(state_->model, damaged));
  std::filesystem::path largest = damaged;
  std::uintmax_t bytes = 0;
  if (std::filesystem::is_regular_file(damaged))
    bytes = std::filesystem::file_size(damaged);
  else {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(damaged)) {
      if (!entry.is_regular_file() || entry.file_size() <= bytes) continue;
      largest = entry.path();
      bytes = entry.file_size();
    }
  }
  std::filesystem::resize_file(largest, bytes / 2);
  return damaged.string();
}

}  // namespace slipway::cli
