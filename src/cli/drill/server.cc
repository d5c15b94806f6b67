#include "cli/drill/server.h"

#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "base/process.h"
#include "store/file_system.h"

namespace slipway::cli {
namespace {

constexpr auto kStartTime = std::chrono::seconds(60);
constexpr auto kStopTime = std::chrono::seconds(20);
constexpr auto kLookEvery = std::chrono::milliseconds(10);

// Without the settings of the server that runs here, its database above all, and who hears of its
// runs; with the secrets of steps.
std::vector<std::string> own_environment() {
  std::vector<std::string> kept;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const bool is_setting = text.starts_with("SLIPWAY_") && !text.starts_with("SLIPWAY_SECRET");
    if (!is_setting && !text.starts_with("MLFLOW_") && !text.starts_with("OPENLINEAGE_"))
      kept.emplace_back(text);
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

}  // namespace

Result<Server> Server::start(const std::filesystem::path& data, const ServerOptions& options) {
  Server server;
  server.data_ = data;
  server.options_ = options;
  server.port_ = TRY(free_port());
  server.context_.url = fmt::format("http://127.0.0.1:{}", server.port_);
  TRY(store::write_file(data.string() + ".log", ""));
  TRY(server.start_again());
  return server;
}

Server::Server(Server&& other) noexcept
    : data_(std::move(other.data_)),
      options_(std::move(other.options_)),
      port_(other.port_),
      context_(std::move(other.context_)),
      process_(std::exchange(other.process_, 0)) {}

Result<void> Server::start_again() {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const std::filesystem::path log = data_.string() + ".log";
  std::vector<std::string> words{self,
                                 "server",
                                 "--host",
                                 "127.0.0.1",
                                 "--port",
                                 std::to_string(port_),
                                 "--grpc-port",
                                 "0",
                                 "--data",
                                 data_,
                                 "--models-root",
                                 options_.models,
                                 "--ends-with-process",
                                 std::to_string(::getpid())};
  if (options_.breakable) words.emplace_back("--breakable");
  if (!options_.python_models.empty())
    words.insert(words.end(), {"--python-models", options_.python_models});
  process_ = TRY(base::start_process(
      {.words = std::move(words), .environment = own_environment(), .log = log}));
  const auto end = std::chrono::steady_clock::now() + kStartTime;
  Client client(context_);
  while (!client.get("/slipway/v1/clock")) {
    const bool is_gone = ::waitpid(process_, nullptr, WNOHANG) == process_;
    if (is_gone) process_ = 0;
    if (is_gone || std::chrono::steady_clock::now() > end) {
      const std::string said = store::read_file(log).value_or("");
      return base::error(Code::kUnavailable, "the staging server did not start: {}",
                         said.substr(said.size() - std::min<std::size_t>(said.size(), 500)));
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  return {};
}

Result<void> Server::wait_for(const std::string& endpoint) {
  const auto end = std::chrono::steady_clock::now() + kStartTime;
  Client client(context_);
  for (;;) {
    const auto ready = client.get(path_of("/v2/models/{}/ready", {endpoint}));
    if (ready) return {};
    if (std::chrono::steady_clock::now() > end) return ready.error();
    std::this_thread::sleep_for(kLookEvery);
  }
}

void Server::stop() {
  if (process_ == 0) return;
  ::kill(process_, SIGTERM);
  const auto end = std::chrono::steady_clock::now() + kStopTime;
  while (::waitpid(process_, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) ::kill(process_, SIGKILL);
    std::this_thread::sleep_for(kLookEvery);
  }
  process_ = 0;
}

void Server::kill() {
  if (process_ == 0) return;
  ::kill(process_, SIGKILL);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  process_ = 0;
}

// The soft limit only: it can be lifted again.
Result<void> Server::let_write(bool may_write) {
  rlimit bytes{};
  if (::prlimit(process_, RLIMIT_FSIZE, nullptr, &bytes) != 0)
    return store::errno_error(errno, "read the limit of files", data_);
  bytes.rlim_cur = may_write ? bytes.rlim_max : 0;
  if (::prlimit(process_, RLIMIT_FSIZE, &bytes, nullptr) != 0)
    return store::errno_error(errno, "set the limit of files", data_);
  return {};
}

}  // namespace slipway::cli
