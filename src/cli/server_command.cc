#include "cli/server_command.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "app/application.h"
#include "app/mlflow_options.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/verb.h"
#include "pipelines/secrets.h"
#include "pipelines/step_guard.h"

namespace slipway::cli {
namespace {

// From the server to itself: see Application::open.
constexpr int kStartAgain = SIGUSR1;

struct ServerFlags {
  std::map<std::string, std::string> values;
  std::string config;
  bool print_config = false;
  bool check_config = false;
};

base::LogLevel parse_level(const std::string& name) {
  if (name == "debug") return base::LogLevel::kDebug;
  if (name == "warning") return base::LogLevel::kWarning;
  if (name == "error") return base::LogLevel::kError;
  return base::LogLevel::kInfo;
}

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

// While it lives a signal to end is one to end at once: a server that loads rows before it answers
// may take long, and what it has written is fit for that at any moment.
class EndsAtOnce {
 public:
  EndsAtOnce() : thread_([this] { wait(); }) {}
  ~EndsAtOnce() {
    is_over_ = true;
    thread_.join();
  }

 private:
  void wait() const {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM}) sigaddset(&signals, number);
    const timespec pause{.tv_sec = 0, .tv_nsec = 5'000'000};
    while (!is_over_) {
      if (sigtimedwait(&signals, nullptr, &pause) <= 0) continue;
      base::log_info("app", "stopping before it is ready");
      std::_Exit(kOk);
    }
  }

  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

int serve(const ServerFlags& flags) {
  // Large buffers go back to the system when they are freed. By itself glibc would learn to keep
  // them, in an arena for each of many threads.
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  const auto say = [](const Error& error) {
    std::fprintf(stderr, "slipway server: %s\n", error.message.c_str());
    return error.code == Code::kInvalidArgument ? kUsage : kFailed;
  };
  Result<app::LoadedSettings> loaded = app::load_settings(flags.values, environment, flags.config);
  if (!loaded) return say(loaded.error());
  loaded->settings.secrets = pipelines::Secrets::take_from_environment();
  app::forget_secrets(environment, pipelines::Secrets::forget_variable);
  for (const std::string& note : loaded->notes)
    std::fprintf(stderr, "slipway server: %s\n", note.c_str());
  if (flags.print_config) {
    std::fputs(app::print_config(*loaded).c_str(), stdout);
    return kOk;
  }
  if (flags.check_config) {
    std::fputs("settings are good\n", stderr);
    return kOk;
  }
  base::set_log_level(parse_level(loaded->settings.log_level));

  // Blocked before any thread starts, so that every thread inherits it and sigwait below gets them.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, kStartAgain}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is an error of the write, not the end
  if (const std::int64_t parent = loaded->settings.ends_with_process; parent != 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) {
      std::fprintf(stderr,
                   "slipway server: --ends-with-process is not the process that started it, or it "
                   "has ended\n");
      return kFailed;
    }
  }

  const auto open = [&] {
    const EndsAtOnce while_it_opens;
    return app::Application::open(loaded->settings, [] { ::kill(::getpid(), kStartAgain); });
  };
  Result<std::unique_ptr<app::Application>> opened = open();
  if (!opened) return say(opened.error());
  if (const Result<void> started = (*opened)->start(); !started) return say(started.error());
  std::fprintf(
      stderr, "Slipway %s is ready.\n  page    %s/ui/\n  mlflow  export MLFLOW_TRACKING_URI=%s\n",
      std::string(app::kVersion).c_str(), (*opened)->url().c_str(), (*opened)->url().c_str());
  if (const std::string s3 = (*opened)->s3_url(); !s3.empty())
    std::fprintf(stderr, "  s3      export AWS_ENDPOINT_URL_S3=%s\n", s3.c_str());
  while (true) {
    int signal_number = 0;
    sigwait(&signals, &signal_number);
    if (signal_number != kStartAgain) {
      base::log_info("app", "stopping: signal={}", signal_number == SIGINT ? "SIGINT" : "SIGTERM");
      // A second signal while draining ends the process at once.
      pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
      (*opened)->stop();
      return kOk;
    }
    const int listener = (*opened)->share_listener();
    opened->reset();
    opened = open();
    while (!opened) {  // the database may be away for a while
      base::log_error("app", "cannot start again, and tries on: {}", opened.error().message);
      const timespec pause{.tv_sec = 1, .tv_nsec = 0};
      if (sigtimedwait(&signals, nullptr, &pause) > 0) return kOk;
      opened = open();
    }
    if (const Result<void> started = (*opened)->start(listener); !started)
      return say(started.error());
  }
}

}  // namespace

void add_server_command(CLI::App& root, int& exit_code) {
  auto flags = std::make_shared<ServerFlags>();
  CLI::App* server = root.add_subcommand("server", "Run the server: everything in one process");
  // MLflow has -h for the host.
  server->set_help_flag("--help", "Print this help message and exit");
  const auto add = [flags, server](const std::string& spelling, const std::string& name,
                                   bool takes_value, const char* without, const std::string& help) {
    if (takes_value) {
      return server->add_option_function<std::string>(
          spelling, [flags, name](const std::string& value) { flags->values[name] = value; }, help);
    }
    return server->add_flag_callback(
        spelling, [flags, name, without] { flags->values[name] = without; }, help);
  };
  for (const app::SettingInfo& info : app::setting_table()) {
    if (info.secret) continue;
    const std::string help = info.help + (info.range.empty() ? "" : " (" + info.range + ")") +
                             " [" + info.get(app::Settings()) + "]";
    std::string spelling = "--" + info.name;
    for (const std::string& other : info.other_flags) spelling += "," + other;
    add(spelling, info.name, info.type != "boolean", "true", help);
    if (!info.off_flag.empty()) add(info.off_flag, info.name, false, "false", "Not " + spelling);
  }
  for (const app::MlflowOption& option : app::mlflow_options()) {
    const std::string spelling =
        "--" + option.name + (option.short_flag.empty() ? "" : "," + option.short_flag);
    add(spelling, option.name, option.takes_value, "true", option.here)
        ->group("Accepted from the unit file of an MLflow server");
  }
  server->add_option("--config", flags->config,
                     "YAML file of settings; flags and SLIPWAY_* variables win over it");
  server->add_flag("--print-config", flags->print_config,
                   "Print every setting with where it came from, and leave");
  server->add_flag("--check-config", flags->check_config, "Check the settings, and leave");
  server->callback([flags, &exit_code] { exit_code = serve(*flags); });
}

void add_servers_command(CLI::App& root, const Context& context, int& exit_code) {
  auto mark = std::make_shared<std::string>();
  auto seconds = std::make_shared<int>(0);
  CLI::App* guard = root.add_subcommand("step-guard", "What a server starts beside its steps");
  guard->group("");  // nobody else calls it
  guard->add_option("mark", *mark)->required();
  guard->add_option("seconds", *seconds)->required();
  guard->callback([mark, seconds, &exit_code] {
    exit_code = pipelines::guard_steps(*mark, std::chrono::seconds(*seconds));
  });
  CLI::App* servers =
      root.add_subcommand("servers", "The servers that share a database, and which of them leads");
  servers->callback([&context, &exit_code] {
    exit_code = finish_table(context, Client(context).get("/slipway/v1/servers"), "servers",
                             {{"NAME", "name"},
                              {"URL", "url"},
                              {"LEADS", "leads"},
                              {"STEPS", "steps_max"},
                              {"SINCE", "started"}});
  });
}

}  // namespace slipway::cli
