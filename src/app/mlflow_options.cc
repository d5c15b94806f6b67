#include "app/mlflow_options.h"

#include <filesystem>
#include <fstream>

#include "store/file_system.h"
#include "store/postgres_url.h"

namespace slipway::app {
namespace {

namespace fs = std::filesystem;

// A server that was told to speak TLS, or to keep teams apart, must not quietly do neither.
Result<void> refuse_what_matters(const std::string& name, const std::string& value) {
  if (name.ends_with("-opts") &&
      (value.find("certfile") != std::string::npos || value.find("keyfile") != std::string::npos)) {
    return base::error(Code::kInvalidArgument,
                       "--{} asks for TLS, which this server does not speak: leave it out and put "
                       "a proxy in front",
                       name);
  }
  if (name == "enable-workspaces") {
    return base::error(Code::kInvalidArgument,
                       "--enable-workspaces asks for isolation that this server does not have yet");
  }
  if (name == "app-name" && value != "basic-auth") {
    return base::error(Code::kInvalidArgument,
                       "--app-name: expected basic-auth: got={} (MLflow's plug-in apps are Python)",
                       value);
  }
  return {};
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

bool holds_sqlite(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  char head[15] = {};
  return in.read(head, sizeof head) && std::string_view(head, sizeof head) == "SQLite format 3";
}

bool holds_file_store(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (fs::exists(entry.path() / "meta.yaml", ignored)) return true;
  }
  return false;
}

Error must_be_imported(const std::string& what, const fs::path& data) {
  return base::error(
      Code::kInvalidArgument,
      "setting backend-store-uri: this is an existing MLflow store, which Slipway does not alter: "
      "{} (import it with `slipway import mlflow {}` into a server on --data {}; then this line "
      "starts)",
      what, what, data.string());
}

// The data folder that stands for a local store of MLflow. kInvalidArgument: there is one of
// MLflow's already that nobody has imported, or it is no place that we can use.
Result<std::string> data_folder_of(const std::string& uri) {
  const auto is_ours = [](const fs::path& folder) { return fs::exists(folder / "slipway.db"); };
  if (uri.starts_with("sqlite:///")) {
    const fs::path file = uri.substr(std::string_view("sqlite:///").size());
    if (file.empty())
      return base::error(Code::kInvalidArgument,
                         "setting backend-store-uri: a database in memory is kept nowhere: got={}",
                         uri);
    const fs::path folder = file.string() + ".slipway";
    if (holds_sqlite(file) && !is_ours(folder)) return must_be_imported(uri, folder);
    return folder.string();
  }
  if (uri.find("://") != std::string::npos && !uri.starts_with("file://")) {
    return base::error(Code::kInvalidArgument,
                       "setting backend-store-uri: expected a folder, sqlite:///FILE or "
                       "postgresql://...: got={}",
                       store::without_password(uri));
  }
  const fs::path folder = uri.starts_with("file://") ? uri.substr(7)
                          : uri.starts_with("file:") ? uri.substr(5)
                                                     : uri;
  if (holds_file_store(folder) && !is_ours(folder))
    return must_be_imported(uri, folder.string() + ".slipway");
  return folder.string();
}

// The [mlflow] section of a basic_auth.ini. What is said in our own settings wins.
Result<void> apply_auth_config(LoadedSettings& loaded) {
  Settings& settings = loaded.settings;
  const std::string text = TRY(store::read_file(settings.auth_config));
  std::string section;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view line =
        trimmed(std::string_view(text).substr(at, text.find('\n', at) - at));
    at = std::min(text.size(), text.find('\n', at)) + 1;
    ++number;
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      section = line;
      continue;
    }
    const std::size_t equals = line.find('=');
    if (section != "[mlflow]" || equals == std::string_view::npos) continue;
    const std::string_view key = trimmed(line.substr(0, equals)),
                           value = trimmed(line.substr(equals + 1));
    if (key == "authorization_function" && !value.ends_with(":authenticate_request_basic_auth")) {
      return base::error(Code::kInvalidArgument,
                         "setting auth-config: authorization_function is Python, which this server "
                         "does not run: line={} got={}",
                         number, value);
    }
    for (const std::string_view name : {"default_permission", "admin_username", "admin_password"}) {
      if (key != name) continue;
      std::string setting(name);
      std::replace(setting.begin(), setting.end(), '_', '-');
      if (loaded.origins[setting] != "default") continue;
      const auto& table = setting_table();
      const auto info = std::find_if(table.begin(), table.end(),
                                     [&](const SettingInfo& row) { return row.name == setting; });
      if (Result<void> set = info->set(settings, value); !set)
        return std::move(set).error().with_context(
            fmt::format("setting auth-config: line {}", number));
      loaded.origins[setting] = "auth-config";
    }
  }
  return {};
}

}  // namespace

const std::vector<MlflowOption>& mlflow_options() {
  static const std::vector<MlflowOption> options = {
      {.name = "app-name", .here = "everybody must log in (--login)"},
      {.name = "workers",
       .short_flag = "-w",
       .variable = "MLFLOW_WORKERS",
       .here = "ignored: one process already uses every core"},
      {.name = "gunicorn-opts",
       .variable = "MLFLOW_GUNICORN_OPTS",
       .here = "ignored: there is no gunicorn here; see the threads and limits in --help"},
      {.name = "uvicorn-opts",
       .variable = "MLFLOW_UVICORN_OPTS",
       .here = "ignored: there is no uvicorn here; see the threads and limits in --help"},
      {.name = "waitress-opts",
       .here = "ignored: there is no waitress here; see the threads and limits in --help"},
      {.name = "expose-prometheus",
       .variable = "MLFLOW_EXPOSE_PROMETHEUS",
       .here = "metrics are always at /metrics; the folder is not used"},
      {.name = "dev", .takes_value = false, .here = "means --log-level debug; nothing is reloaded"},
      {.name = "read-replica-backend-store-uri",
       .variable = "MLFLOW_READ_REPLICA_BACKEND_STORE_URI",
       .here = "ignored: reads go to the one store"},
      {.name = "trace-archival-config",
       .variable = "MLFLOW_TRACE_ARCHIVAL_CONFIG",
       .here = "ignored: traces are not archived"},
      {.name = "secrets-cache-ttl", .here = "ignored: there is no gateway here"},
      {.name = "secrets-cache-max-size", .here = "ignored: there is no gateway here"},
      {.name = "workspace-store-uri",
       .variable = "MLFLOW_WORKSPACE_STORE_URI",
       .here = "ignored: there is one workspace"},
      {.name = "enable-workspaces", .takes_value = false, .here = "refused"},
      {.name = "disable-workspaces",
       .takes_value = false,
       .here = "there is one workspace and nothing to turn off"},
  };
  return options;
}

Result<void> apply_mlflow_options(
    const std::map<std::string, std::string>& flags,
    const std::function<std::optional<std::string>(const std::string&)>& environment,
    LoadedSettings& loaded) {
  Settings& settings = loaded.settings;
  for (const MlflowOption& option : mlflow_options()) {
    std::optional<std::string> value;
    if (!option.variable.empty()) value = environment(option.variable);
    if (const auto flag = flags.find(option.name); flag != flags.end()) value = flag->second;
    if (!value || value->empty()) continue;
    TRY(refuse_what_matters(option.name, *value));
    loaded.notes.push_back(fmt::format("--{}: {}", option.name, option.here));
    if (option.name == "app-name") settings.login = true;
    if (option.name == "dev") settings.log_level = "debug";
  }
  if (settings.login && !settings.auth_config.empty()) TRY(apply_auth_config(loaded));
  if (settings.backend_store_uri.starts_with("postgres")) {
    const auto url = store::parse_postgres_url(settings.backend_store_uri);
    if (!url) return Error(url.error()).with_context("setting backend-store-uri");
    if (settings.database.empty()) {
      settings.database = *url;
      loaded.origins["database"] = "backend-store-uri";
    }
    loaded.notes.push_back("--backend-store-uri: tables are kept there, in schema " +
                           settings.database_schema);
  } else if (!settings.backend_store_uri.empty()) {
    const std::string folder = TRY(data_folder_of(settings.backend_store_uri));
    if (loaded.origins["data"] == "default") {
      settings.data = folder;
      loaded.origins["data"] = "backend-store-uri";
    }
    loaded.notes.push_back(
        fmt::format("--backend-store-uri: everything is kept in {}", settings.data));
  }
  if (!settings.registry_store_uri.empty() &&
      settings.registry_store_uri != settings.backend_store_uri) {
    if (!settings.registry_store_uri.starts_with("postgres"))
      TRY(data_folder_of(settings.registry_store_uri));  // refuses an existing store of MLflow
    loaded.notes.push_back("--registry-store-uri: models are kept with the runs");
  }
  return {};
}

}  // namespace slipway::app
