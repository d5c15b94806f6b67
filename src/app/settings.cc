#include "app/settings.h"

#include <yaml-cpp/yaml.h>

#include <charconv>

#include "store/file_system.h"

namespace slipway::app {
namespace {

SettingInfo integer(std::string name, std::int64_t Settings::*field, std::int64_t low,
                    std::int64_t high, std::string help) {
  return {
      .name = std::move(name),
      .type = "integer",
      .range = fmt::format("{} to {}", low, high),
      .help = std::move(help),
      .set = [field, low, high](Settings& settings, std::string_view text) -> Result<void> {
        std::int64_t value = 0;
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (ec != std::errc() || end != text.data() + text.size() || value < low || value > high) {
          return base::error(Code::kInvalidArgument,
                             "expected a whole number from {} to {}: got={}", low, high, text);
        }
        settings.*field = value;
        return {};
      },
      .get = [field](const Settings& settings) { return std::to_string(settings.*field); }};
}

SettingInfo text(std::string name, std::string Settings::*field, std::vector<std::string> allowed,
                 std::string help) {
  std::string range;
  for (const std::string& word : allowed) range += (range.empty() ? "" : ", ") + word;
  return {
      .name = std::move(name),
      .type = "text",
      .range = range,
      .help = std::move(help),
      .set = [field, allowed, range](Settings& settings, std::string_view value) -> Result<void> {
        if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
          return base::error(Code::kInvalidArgument, "expected one of {}: got={}", range, value);
        }
        settings.*field = value;
        return {};
      },
      .get = [field](const Settings& settings) { return settings.*field; }};
}

SettingInfo boolean(std::string name, bool Settings::*field, std::string help) {
  return {.name = std::move(name),
          .type = "boolean",
          .range = "true or false",
          .help = std::move(help),
          .set = [field](Settings& settings, std::string_view value) -> Result<void> {
            if (value != "true" && value != "false")
              return base::error(Code::kInvalidArgument, "expected true or false: got={}", value);
            settings.*field = value == "true";
            return {};
          },
          .get = [field](const Settings& settings) { return settings.*field ? "true" : "false"; }};
}

std::string environment_name(const std::string& name) {
  std::string out = "SLIPWAY_";
  for (char c : name)
    out.push_back(c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c));
  return out;
}

Result<std::map<std::string, std::string>> read_settings_file(const std::string& file) {
  std::map<std::string, std::string> values;
  const std::string content = TRY(store::read_file(file));
  try {
    const YAML::Node root = YAML::Load(content);
    if (root.IsNull()) return values;
    if (!root.IsMap())
      return base::error(Code::kInvalidArgument,
                         "settings file: expected `name: value` lines: file={}", file);
    for (const auto& entry : root) {
      const std::string name = entry.first.as<std::string>();
      const auto& table = setting_table();
      if (std::none_of(table.begin(), table.end(),
                       [&](const SettingInfo& info) { return info.name == name; })) {
        return base::error(Code::kInvalidArgument,
                           "settings file: unknown setting: name={} file={} line={}", name, file,
                           entry.first.Mark().line + 1);
      }
      values[name] = entry.second.as<std::string>();
    }
  } catch (const YAML::Exception& e) {
    return base::error(Code::kInvalidArgument, "settings file: {}: file={} line={} column={}",
                       e.msg, file, e.mark.line + 1, e.mark.column + 1);
  }
  return values;
}

}  // namespace

const std::vector<SettingInfo>& setting_table() {
  static const std::vector<SettingInfo> table = {
      text("host", &Settings::host, {},
           "Address to listen on; anything but loopback needs --no-auth."),
      integer("port", &Settings::port, 0, 65535, "HTTP port; 0 takes any free one."),
      text("data", &Settings::data, {}, "Folder that holds everything the server keeps."),
      boolean("no-auth", &Settings::no_auth,
              "Listen beyond loopback although nobody has to log in."),
      text("log-level", &Settings::log_level, {"debug", "info", "warning", "error"},
           "Least severe log lines to write."),
      text("python-path", &Settings::python_path, {},
           "Folder put first in the PATH of pipeline steps, where `python3` is found."),
      integer("io-threads", &Settings::io_threads, 1, 256,
              "Threads that own sockets and run cheap scoring."),
      integer("data-threads", &Settings::data_threads, 1, 1024,
              "Threads for requests that may block."),
      integer("control-threads", &Settings::control_threads, 1, 64,
              "Threads kept for health, releases and rollback."),
      integer("queue-length-max", &Settings::queue_length_max, 1, 1'000'000,
              "Requests that may wait for a thread; more get 429."),
      integer("connections-max", &Settings::connections_max, 1, 1'000'000,
              "Open connections; more are closed at once."),
      integer("body-bytes-max", &Settings::body_bytes_max, 1024, 1ll << 32,
              "Largest request body kept in memory."),
      integer("artifact-bytes-max", &Settings::artifact_bytes_max, 1024, 1ll << 44,
              "Largest artifact upload, streamed to disk."),
      integer("idle-timeout-seconds", &Settings::idle_timeout_seconds, 1, 86'400,
              "Closes a connection that sends no request for this long."),
      integer("request-timeout-seconds", &Settings::request_timeout_seconds, 1, 86'400,
              "Closes a connection that goes silent inside a request."),
      integer("drain-seconds", &Settings::drain_seconds, 0, 3'600,
              "Time that running requests get when the server stops."),
      integer("pipeline-workers", &Settings::pipeline_workers, 1, 64,
              "Pipeline runs at the same time."),
      integer("request-log-rows-buffered-max", &Settings::request_log_rows_buffered_max, 1,
              100'000'000,
              "Rows of the request log that may wait to be written; more are dropped."),
  };
  return table;
}

Result<LoadedSettings> load_settings(
    const std::map<std::string, std::string>& flags,
    const std::function<std::optional<std::string>(const std::string&)>& environment,
    const std::string& file) {
  LoadedSettings loaded;
  std::map<std::string, std::string> from_file;
  if (!file.empty()) from_file = TRY(read_settings_file(file));
  for (const SettingInfo& info : setting_table()) {
    std::string& origin = loaded.origins[info.name] = "default";
    const auto take = [&](const std::string& value, std::string where) -> Result<void> {
      if (Result<void> set = info.set(loaded.settings, value); !set) {
        return std::move(set).error().with_context(
            fmt::format("setting {} ({})", info.name, where));
      }
      origin = std::move(where);
      return {};
    };
    if (const auto found = from_file.find(info.name); found != from_file.end())
      TRY(take(found->second, "file"));
    if (const auto value = environment(environment_name(info.name)))
      TRY(take(*value, "environment"));
    if (const auto found = flags.find(info.name); found != flags.end())
      TRY(take(found->second, "flag"));
  }
  const std::string& host = loaded.settings.host;
  if (host != "localhost" && host != "::1" && !host.starts_with("127.") &&
      !loaded.settings.no_auth) {
    return base::error(Code::kInvalidArgument,
                       "setting host: listening beyond loopback without login lets anybody in: "
                       "host={} (add --no-auth if that is meant)",
                       host);
  }
  return loaded;
}

std::string print_config(const LoadedSettings& loaded) {
  std::string out;
  for (const SettingInfo& info : setting_table()) {
    out += fmt::format("{}: {}  # {}; {}\n", info.name,
                       YAML::Dump(YAML::Node(info.get(loaded.settings))),
                       loaded.origins.at(info.name), info.help);
  }
  return out;
}

}  // namespace slipway::app
