#include "app/settings.h"

#include <yaml-cpp/yaml.h>

#include <charconv>

#include "api/otlp/metrics_request.h"
#include "app/mlflow_options.h"
#include "base/text.h"
#include "features/redis_store.h"
#include "pipelines/kubernetes/kubernetes_executor.h"
#include "store/file_system.h"
#include "store/postgres_url.h"

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

SettingInfo number(std::string name, double Settings::*field, double low, double high,
                   std::string help) {
  return {
      .name = std::move(name),
      .type = "number",
      .range = fmt::format("{:g} to {:g}", low, high),
      .help = std::move(help),
      .set = [field, low, high](Settings& settings, std::string_view text) -> Result<void> {
        double value = 0;
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (ec != std::errc() || end != text.data() + text.size() ||
            !(value >= low && value <= high)) {
          return base::error(Code::kInvalidArgument, "expected a number from {:g} to {:g}: got={}",
                             low, high, text);
        }
        settings.*field = value;
        return {};
      },
      .get = [field](const Settings& settings) { return fmt::format("{:g}", settings.*field); }};
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

// The words that MLflow's command line takes for a boolean variable.
Result<bool> parse_boolean(std::string_view text) {
  const std::string word = base::lowered(text);
  for (const std::string_view yes : {"true", "1", "yes", "on", "t", "y"})
    if (word == yes) return true;
  for (const std::string_view no : {"false", "0", "no", "off", "f", "n", ""})
    if (word == no) return false;
  return base::error(Code::kInvalidArgument, "expected true or false: got={}", text);
}

SettingInfo boolean(std::string name, bool Settings::*field, std::string help) {
  return {.name = std::move(name),
          .type = "boolean",
          .range = "true or false",
          .help = std::move(help),
          .set = [field](Settings& settings, std::string_view value) -> Result<void> {
            settings.*field = TRY(parse_boolean(value));
            return {};
          },
          .get = [field](const Settings& settings) { return settings.*field ? "true" : "false"; }};
}

SettingInfo also(SettingInfo info, std::vector<std::string> flags,
                 std::vector<std::string> variables) {
  info.other_flags = std::move(flags);
  info.other_variables = std::move(variables);
  return info;
}

// A URL whose password is not shown.
SettingInfo url(std::string name, std::string Settings::*field, std::string help) {
  SettingInfo info = text(std::move(name), field, {}, std::move(help));
  info.get = [field](const Settings& settings) { return store::without_password(settings.*field); };
  info.may_hold_password = true;
  return info;
}

SettingInfo database_url(std::string name, std::string Settings::*field, std::string help) {
  SettingInfo info = url(std::move(name), field, std::move(help));
  info.set = [field](Settings& settings, std::string_view value) -> Result<void> {
    settings.*field = value.empty() ? std::string() : TRY(store::parse_postgres_url(value));
    return {};
  };
  return info;
}

SettingInfo online_store(std::string name, std::string Settings::*field, std::string help) {
  SettingInfo info = text(std::move(name), field, {}, std::move(help));
  info.range = "memory, rocksdb, redis://...";
  info.may_hold_password = true;
  info.get = [field](const Settings& settings) {
    const auto address = features::parse_redis_url(settings.*field);
    return address ? features::shown(*address) : settings.*field;
  };
  info.set = [field](Settings& settings, std::string_view value) -> Result<void> {
    if (value != "memory" && value != "rocksdb") {
      // What was given may be a password.
      if (!value.starts_with("redis")) {
        return base::error(Code::kInvalidArgument,
                           "expected memory, rocksdb or redis://HOST:PORT/DATABASE");
      }
      TRY(features::parse_redis_url(value));
    }
    settings.*field = value;
    return {};
  };
  return info;
}

SettingInfo volumes(std::string name, std::string Settings::*field, std::string help) {
  SettingInfo info = text(std::move(name), field, {}, std::move(help));
  info.range = "claim:NAME=/path,host:/folder=/path";
  info.set = [field](Settings& settings, std::string_view value) -> Result<void> {
    TRY(pipelines::parse_volumes(value));
    settings.*field = value;
    return {};
  };
  return info;
}

// KEY=VALUE,KEY=VALUE
SettingInfo attributes(std::string name, std::string Settings::*field, std::string help) {
  SettingInfo info = text(std::move(name), field, {}, std::move(help));
  info.range = "KEY=VALUE,KEY=VALUE";
  info.set = [field](Settings& settings, std::string_view value) -> Result<void> {
    TRY(api::otlp::parse_attributes(value));
    settings.*field = value;
    return {};
  };
  return info;
}

SettingInfo off(SettingInfo info, std::string flag) {
  info.off_flag = std::move(flag);
  return info;
}

SettingInfo secret(SettingInfo info) {
  info.secret = true;
  return info;
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
      also(text("host", &Settings::host, {},
                "Address to listen on; anything but loopback needs --login or --no-auth."),
           {"-h"}, {"MLFLOW_HOST"}),
      also(integer("port", &Settings::port, 0, 65535, "HTTP port; 0 takes any free one."), {"-p"},
           {"MLFLOW_PORT"}),
      integer(
          "grpc-port", &Settings::grpc_port, 0, 65535,
          "Port of the Open Inference Protocol over gRPC; 0 turns gRPC off, and so does another "
          "program on 5001 when none is named."),
      integer("s3-port", &Settings::s3_port, 0, 65535,
              "Port of S3's protocol, for buckets in the data folder; 0: it is not spoken."),
      text("data", &Settings::data, {},
           "Folder that holds everything the server keeps, but for the tables of --database."),
      database_url("database", &Settings::database,
                   "PostgreSQL database that holds the tables, as "
                   "postgresql://USER:PASSWORD@HOST:PORT/DATABASE; SLIPWAY_DATABASE keeps the "
                   "password off the command line. Empty: SQLite in the data folder."),
      text("database-schema", &Settings::database_schema, {},
           "Schema of the tables in --database; made when it is missing."),
      integer("database-readers", &Settings::database_readers, 1, 256,
              "Connections to the database for reading; one more writes."),
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
      integer("scoring-threads", &Settings::scoring_threads, 1, 1024,
              "Threads for models that wait or take their time; started when they are needed."),
      integer(
          "scoring-threads-per-endpoint", &Settings::scoring_threads_per_endpoint, 1, 1024,
          "Of these, what one endpoint may take; as many requests can be one call of its model."),
      integer("scoring-queue-length-max", &Settings::scoring_queue_length_max, 1, 1'000'000,
              "Requests of one endpoint that may wait for such a thread; more get 429."),
      integer("inline-budget-us", &Settings::inline_budget_us, 0, 1'000'000,
              "A request whose rows may take longer than this to score leaves the I/O thread, by "
              "what a row cost when the model was loaded."),
      integer(
          "models-bytes-max", &Settings::models_bytes_max, 0, 1ll << 44,
          "Memory that loaded models may take; beyond, those go that were not used for longest, "
          "and come back when they are asked. 0: no limit."),
      text("models-root", &Settings::models_root, {},
           "Folder below which endpoints may name models by their paths; empty: by none."),
      text("async-root", &Settings::async_root, {},
           "Folder below which asynchronous invocations may name files of this machine; empty: "
           "only S3."),
      integer("async-threads", &Settings::async_threads, 1, 1024,
              "Threads for asynchronous invocations; started when they are needed."),
      integer("async-in-flight", &Settings::async_in_flight, 1, 1024,
              "Asynchronous invocations of an endpoint under way at once, if it doesn't say."),
      integer("async-queue-length-max", &Settings::async_queue_length_max, 1, 1'000'000,
              "Asynchronous invocations of one endpoint that may wait; more get 429."),
      text("onnxruntime-library", &Settings::onnxruntime_library, {},
           "libonnxruntime.so or its folder, for ONNX models with operators that are not evaluated "
           "here; empty: what ORT_DYLIB_PATH says, else where libraries are."),
      integer("onnxruntime-threads", &Settings::onnxruntime_threads, 1, 1024,
              "Threads of ONNX Runtime for one call of a model that it evaluates."),
      text("python-models", &Settings::python_models, {},
           "Where models run that need Python: `env` makes an environment for each list of "
           "requirements, once; the path of an interpreter is used for all; `off` refuses them."),
      integer("python-workers", &Settings::python_workers, 1, 256,
              "Processes of a Python model that answer at the same time."),
      integer("python-spares", &Settings::python_spares, 0, 256,
              "Processes of a Python model that are loaded beside them and take over when one "
              "ends."),
      integer("python-memory-bytes-max", &Settings::python_memory_bytes_max, 0, 1ll << 44,
              "Memory that a process of a Python model may ask for; 0: no limit."),
      integer("python-call-timeout-ms", &Settings::python_call_timeout_ms, 1, 86'400'000,
              "A Python model that takes longer to answer is ended and started again."),
      integer("python-load-timeout-seconds", &Settings::python_load_timeout_seconds, 1, 86'400,
              "Time that a Python model has to load."),
      integer("python-install-timeout-seconds", &Settings::python_install_timeout_seconds, 1,
              86'400, "Time that pip has to install what a Python model needs."),
      integer("python-environments-max", &Settings::python_environments_max, 1, 10'000,
              "Python environments that are kept; beyond, those that no loaded model uses go, the "
              "one not used for longest first."),
      integer("queue-length-max", &Settings::queue_length_max, 1, 1'000'000,
              "Requests that may wait for a thread; more get 429."),
      integer("connections-max", &Settings::connections_max, 1, 1'000'000,
              "Open connections; more are closed at once."),
      integer("body-bytes-max", &Settings::body_bytes_max, 1024, 1ll << 32,
              "Largest request body kept in memory."),
      integer("feast-values-max", &Settings::feast_values_max, 1, 1'000'000'000,
              "Features times entities of one /get-online-features; more get 429."),
      online_store("online-store", &Settings::online_store,
                   "Where features are kept for online reads: memory, which is loaded when the "
                   "server starts; rocksdb, in the data folder; or "
                   "redis://USER:PASSWORD@HOST:PORT/DATABASE, whose password "
                   "SLIPWAY_ONLINE_STORE keeps off the command line."),
      integer("online-history-hours", &Settings::online_history_hours, 0, 1'000'000,
              "How long before the newest row of a key online reads of a past moment are exact; "
              "older rows that no window needs go. 0: nothing goes. Views with a resolution are "
              "exact for so long as that, then to the resolution."),
      integer("online-cache-bytes", &Settings::online_cache_bytes, 1 << 20, 1ll << 44,
              "Memory for what was read of online features in RocksDB."),
      integer("online-timeout-ms", &Settings::online_timeout_ms, 1, 600'000,
              "How long Redis may take to connect, and for each answer."),
      integer("materialize-rows-per-second", &Settings::materialize_rows_per_second, 0,
              1'000'000'000,
              "Rows that a materialization loads at most, so that reads stay quick; 0: no limit."),
      integer("training-set-memory-mb", &Settings::training_set_memory_mb, 1, 1 << 20,
              "Memory that one training set may take while it is made, about."),
      integer("training-set-rows", &Settings::training_set_rows, 1, 1'000'000'000,
              "Entity rows of a training set that are answered at once; each such part survives a "
              "restart."),
      integer("training-sets-at-once", &Settings::training_sets_at_once, 1, 1024,
              "Training sets that are made at the same time; more get 429."),
      integer("posted-rows-max", &Settings::posted_rows_max, 1, 1ll << 40,
              "Entity rows of a training set that one Arrow stream may have."),
      integer("posted-bytes-max", &Settings::posted_bytes_max, 1 << 20, 1ll << 44,
              "What the values of such a stream may take in all, a dictionary's texts counted as "
              "often as rows name them."),
      integer("run-index-bytes-max", &Settings::run_index_bytes_max, 1 << 20, 1ll << 44,
              "Memory that run search may take; when runs need more, searches get 429."),
      integer("run-table-views-bytes-max", &Settings::run_table_views_bytes_max, 1 << 20, 1ll << 40,
              "Memory for the orders of long tables of runs that are being scrolled through; the "
              "ones not used for longest go first."),
      integer("stream-clients-max", &Settings::stream_clients_max, 1, 100'000,
              "Live streams of metrics at once, as many of events and of logs; more get 429."),
      integer("stream-waiting-bytes-max", &Settings::stream_waiting_bytes_max, 4096, 1 << 30,
              "What may wait for a stream's client that reads slowly; then it begins again."),
      integer("dataset-bytes-max", &Settings::dataset_bytes_max, 1 << 10, 1ll << 44,
              "What the files, objects or rows of PostgreSQL may have in all that one ingest "
              "reads, and "
              "what the values of one of them may take."),
      integer("postgres-query-seconds", &Settings::postgres_query_seconds, 1, 86'400,
              "How long a dataset's query of somebody's PostgreSQL may take."),
      integer("artifact-bytes-max", &Settings::artifact_bytes_max, 1024, 1ll << 44,
              "Largest artifact upload, streamed to disk."),
      integer("remote-file-bytes-max", &Settings::remote_file_bytes_max, 1024, 1ll << 44,
              "Largest file that a DVC remote takes, streamed to disk."),
      integer("data-pack-bytes-max", &Settings::data_pack_bytes_max, 1 << 20, 1ll << 40,
              "Objects of data versions in one request, streamed to disk."),
      integer("data-retention-versions", &Settings::data_retention_versions, 0, 100'000'000,
              "So many versions of each branch of a data repository keep their files, with those "
              "of data-retention-days; what a branch or tag names always does. Both 0: all."),
      integer("data-retention-days", &Settings::data_retention_days, 0, 36'500,
              "Data versions of so many days keep their files, see data-retention-versions."),
      integer("data-reply-bytes-max", &Settings::data_reply_bytes_max, 1 << 20, 1ll << 30,
              "Objects of data versions in one reply, in memory; the client asks for the rest."),
      integer("data-diff-files-max", &Settings::data_diff_files_max, 1000, 1'000'000'000,
              "Files and folders of each of two data versions that are compared in a request."),
      integer("data-verify-threads", &Settings::data_verify_threads, 1, 64,
              "Threads that read a data repository when somebody has it verified."),
      integer("artifact-list-max", &Settings::artifact_list_max, 100, 10'000'000,
              "Entries of an artifact folder in one listing; artifacts/list goes on page by page, "
              "the proxy's refuses a larger folder."),
      integer("idle-timeout-seconds", &Settings::idle_timeout_seconds, 1, 86'400,
              "Closes a connection that sends no request for this long."),
      integer("request-timeout-seconds", &Settings::request_timeout_seconds, 1, 86'400,
              "Closes a connection that goes silent inside a request."),
      integer("drain-seconds", &Settings::drain_seconds, 0, 3'600,
              "Time that running requests get when the server stops."),
      text("server-name", &Settings::server_name, {},
           "Name of this server among those of its database; without, its machine's and its port."),
      url("server-url", &Settings::server_url,
          "Where the other servers of the database reach this one; without, where it listens."),
      integer("server-lease-seconds", &Settings::server_lease_seconds, 3, 3'600,
              "A server of the database that says nothing for so long is taken for lost."),
      boolean(
          "run-steps", &Settings::run_steps,
          "Shares steps of pipelines with the other servers of the database that do so, too: "
          "whichever leads gives some to each. Needs pipelines-folder, and projects at the same "
          "paths on all of them."),
      text(
          "pipelines-folder", &Settings::pipelines_folder, {},
          "Folder of what runs write, logs included; without, in the data folder. One that servers "
          "share steps in is the same for all, at the same path."),
      integer("pipeline-workers", &Settings::pipeline_workers, 1, 64,
              "Pipeline runs at the same time."),
      integer("schedule-grace-seconds", &Settings::schedule_grace_seconds, 0, 86'400,
              "What a schedule without catch_up should have started longer ago than this, while no "
              "server ran, is missed."),
      integer("schedule-catch-up-max", &Settings::schedule_catch_up_max, 1, 10'000,
              "Of the times that a schedule with catch_up has missed, so many of the newest are "
              "run."),
      integer("backfill-runs-max", &Settings::backfill_runs_max, 1, 1'000'000,
              "Runs of one backfill; a range with more is refused."),
      boolean("no-step-cache", &Settings::no_step_cache,
              "No run of a pipeline takes anything from the step cache."),
      boolean("leave-steps", &Settings::leave_steps,
              "Steps go on when the server is stopped, and the next one follows them, as after a "
              "kill; without it they are ended, and begin again. Not with database."),
      integer("pipeline-steps-max", &Settings::pipeline_steps_max, 1, 1'000,
              "Steps of pipelines at the same time on this server, over all runs."),
      integer("pipeline-items-max", &Settings::pipeline_items_max, 1, 10'000,
              "Items that one step with `each` becomes; a longer list fails the step."),
      integer("pipeline-log-search-bytes-max", &Settings::pipeline_log_search_bytes_max, 1,
              1ll << 40, "Of logs that one search for a line in them reads."),
      integer("pipeline-cpus-max", &Settings::pipeline_cpus_max, 0, 1'000'000,
              "Cores that steps with `resources` have together; 0: as many as the machine has."),
      integer("pipeline-memory-bytes-max", &Settings::pipeline_memory_bytes_max, 0, 1ll << 50,
              "Memory that steps with `resources` have together; 0: as much as the machine has."),
      text("kubeconfig", &Settings::kubeconfig, {},
           "File that says how the Kubernetes cluster is reached in which steps with `executor: "
           "kubernetes` run, or in-cluster: as the service account of this server's own pod."),
      text("kubernetes-namespace", &Settings::kubernetes_namespace, {},
           "Namespace of the Jobs; without, the kubeconfig's, or default."),
      volumes("kubernetes-volumes", &Settings::kubernetes_volumes,
              "What pods share with this server, at the paths where it has it: projects and the "
              "data folder must be below them."),
      url("kubernetes-server-url", &Settings::kubernetes_server_url,
          "This server as pods reach it; without, the URL that other steps get."),
      integer("kubernetes-jobs-max", &Settings::kubernetes_jobs_max, 1, 1'000,
              "Steps that run as Jobs at the same time, over all runs."),
      integer("kubernetes-pending-timeout-seconds", &Settings::kubernetes_pending_timeout_seconds,
              1, 30 * 86'400,
              "A step whose pod gets no node for so long, or whose Job can't be made, fails."),
      integer("kubernetes-container-timeout-seconds",
              &Settings::kubernetes_container_timeout_seconds, 1, 86'400,
              "A step whose image can't be pulled for so long, or whose container can't be made, "
              "fails."),
      text("kubeflow-executor", &Settings::kubeflow_executor, {"local", "kubernetes"},
           "Where tasks of Kubeflow pipelines that are sent from now on run: as processes of this "
           "machine, or as Jobs of the cluster of `kubeconfig`, in the images of their "
           "components."),
      text(
          "secrets-dir", &Settings::secrets_dir, {},
          "Folder with a file for each secret of pipeline steps, named as the secret and closed to "
          "others; SLIPWAY_SECRET_NAME in the environment wins."),
      integer("pipeline-outputs-retention-days", &Settings::pipeline_outputs_retention_days, 0,
              36'500,
              "Outputs and logs of a pipeline's run are kept for so long after its end, and while "
              "later runs are answered with them; 0: for ever. Its record stays."),
      integer("request-log-rows-buffered-max", &Settings::request_log_rows_buffered_max, 1,
              100'000'000,
              "Rows of the request log that may wait to be written; more are dropped."),
      integer("request-log-rows-at-once-max", &Settings::request_log_rows_at_once_max, 1,
              100'000'000'000,
              "Rows of the request log that a comparison of variants, a look of a guard or of an "
              "experiment, or an advice reads, some 250 bytes of memory each; what would read more "
              "is refused, and a release waits."),
      integer("request-log-values-max", &Settings::request_log_values_max, 0, 1'000'000,
              "Values of a row's answer that the request log keeps when it isn't one number; of a "
              "larger answer it keeps single values and where each list has its largest: a model "
              "of more classes is watched without the measures of chances then."),
      integer("explained-values-max", &Settings::explained_values_max, 1, 1'000'000'000,
              "Numbers of an explanation: rows times inputs, and times classes or targets where a "
              "model has several. More are refused."),
      integer("skew-rows-per-pass", &Settings::skew_rows_per_pass, 0, 1'000'000,
              "Served requests of each endpoint that a pass of the skew meter computes again; 0: "
              "none."),
      integer("skew-interval-seconds", &Settings::skew_interval_seconds, 1, 30 * 86'400,
              "Time from one pass of the skew meter to the next; in a rehearsal at least a day of "
              "its clock."),
      integer("skew-delay-seconds", &Settings::skew_delay_seconds, 0, 86'400,
              "Time that an answer has to reach the request log: the skew meter looks at what came "
              "longer ago; not in a rehearsal."),
      integer("profile-interval-seconds", &Settings::profile_interval_seconds, 0, 86'400,
              "Time from one pass that profiles what endpoints served to the next; 0: none; in a "
              "rehearsal a day of its clock."),
      integer("profile-delay-seconds", &Settings::profile_delay_seconds, 0, 86'400,
              "Time that an answer has to reach the request log: profiles take what came longer "
              "ago; not in a rehearsal."),
      integer(
          "profile-minutes-retention-hours", &Settings::profile_minutes_retention_hours, 0, 48,
          "How long profiles of minutes are kept; after that an hour is the shortest window; 0: "
          "there are none."),
      integer("profile-hours-retention-days", &Settings::profile_hours_retention_days, 2, 3'650,
              "How long profiles of hours are kept; after that a day is the shortest window."),
      integer("profile-days-retention-days", &Settings::profile_days_retention_days, 32, 36'500,
              "How long profiles of days are kept; those of months are kept for good."),
      integer("profile-inputs-max", &Settings::profile_inputs_max, 1, 100'000,
              "Inputs of an endpoint that are profiled; the others are not."),
      integer("profile-slices-max", &Settings::profile_slices_max, 0, 1'000,
              "Declared slices of an endpoint that have profiles of their own, of a column its "
              "commonest values; 0: none."),
      integer(
          "drift-rows-max", &Settings::drift_rows_max, 1, 1'000'000'000,
          "Rows a side of a drift report that the server makes, of which it keeps a column at a "
          "time; one report is made at a time."),
      integer("dataset-diff-bytes-max", &Settings::dataset_diff_bytes_max, 1 << 20, 1ll << 40,
              "Memory for the records of rows while two versions of a dataset are compared; those "
              "that don't fit wait in a file. One comparison is made at a time."),
      integer("slice-rows-max", &Settings::slice_rows_max, 0, 10'000'000,
              "Labelled rows of a window that slices are looked for in, with all their inputs; of "
              "more a sample; 0: none are looked for."),
      integer("duplicate-rows-max", &Settings::duplicate_rows_max, 0, 10'000'000'000,
              "Requests of a window up to which duplicate_rate is counted without an alert on it: "
              "all inputs of all of them are read for that, a part of the log at a time."),
      integer(
          "attribution-rows-max", &Settings::attribution_rows_max, 10, 1'000'000,
          "Rows of a window, and as many of its reference, whose answers are taken apart to see "
          "what a model goes by."),
      number("price-core-hour", &Settings::price_core_hour, 0, 1e9,
             "What a core costs an hour, for the cost of predictions; 0: not known."),
      text("price-currency", &Settings::price_currency, {}, "Currency of the price."),
      text("kafka-properties", &Settings::kafka_properties, {},
           "File with properties of Kafka's clients, `name=value` a line, for streams: "
           "security.protocol, sasl.username and so on."),
      integer("topic-messages-max", &Settings::topic_messages_max, 1, 1'000'000'000,
              "Messages that a topic of the embedded log keeps; beyond, the oldest go."),
      integer("ends-with-process", &Settings::ends_with_process, 0, 1 << 22,
              "The server stops when this process, which must be the one that started it, ends, "
              "however it ends; 0: it goes on."),
      boolean("login", &Settings::login,
              "Everybody must log in; permissions apply. `--app-name basic-auth` means this."),
      text("default-permission", &Settings::default_permission,
           {"NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE"},
           "What users may do with experiments and models that nobody gave them a permission on."),
      also(text("auth-config", &Settings::auth_config, {},
                "MLflow's basic_auth.ini: first administrator and default permission."),
           {}, {"MLFLOW_AUTH_CONFIG_PATH"}),
      text("admin-username", &Settings::admin_username, {},
           "Name of the first administrator, made when there is none."),
      secret(also(text("admin-password", &Settings::admin_password, {},
                       "Password of the first administrator; without one a random one is made and "
                       "written to `admin-password` in the data folder."),
                  {}, {"MLFLOW_AUTH_ADMIN_PASSWORD"})),
      also(text("allowed-hosts", &Settings::allowed_hosts, {},
                "Host headers to answer, with commas, `*` as a wildcard; empty: localhost and "
                "private addresses."),
           {}, {"MLFLOW_SERVER_ALLOWED_HOSTS"}),
      also(text("cors-allowed-origins", &Settings::cors_allowed_origins, {},
                "Origins whose pages may call the API, with commas, `*` as a wildcard; empty: "
                "localhost."),
           {}, {"MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"}),
      also(text("x-frame-options", &Settings::x_frame_options, {},
                "The X-Frame-Options header: SAMEORIGIN, DENY, or NONE to leave it out."),
           {}, {"MLFLOW_SERVER_X_FRAME_OPTIONS"}),
      also(boolean("disable-security-middleware", &Settings::disable_security_middleware,
                   "Checks neither Host nor Origin; for tests."),
           {}, {"MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE"}),
      also(text("static-prefix", &Settings::static_prefix, {},
                "Path that a proxy puts in front of ours; it is taken off."),
           {}, {"MLFLOW_STATIC_PREFIX"}),
      text(
          "mlflow-ui", &Settings::mlflow_ui, {},
          "Folder with MLflow's own web page (mlflow/server/js/build of its package), to be served "
          "at `/`; ours stays at /ui/."),
      also(text("model-source-pattern", &Settings::model_source_pattern, {},
                "Pattern (ECMAScript) that must be found in the source of a model version; empty: "
                "any source."),
           {}, {"MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX"}),
      also(text("webhook-schemes", &Settings::webhook_schemes, {},
                "Schemes that the URL of a webhook may have, with commas."),
           {}, {"MLFLOW_WEBHOOK_ALLOWED_SCHEMES"}),
      also(boolean("webhook-allow-private", &Settings::webhook_allow_private,
                   "Webhooks may lead to loopback and private addresses."),
           {}, {"MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS"}),
      secret(also(text("webhook-key", &Settings::webhook_key, {},
                       "Seals what webhooks sign with; without it a random one is "
                       "made and kept in `webhook-key` in the data folder."),
                  {}, {"MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"})),
      also(integer("webhook-workers", &Settings::webhook_workers, 1, 256,
                   "Webhook deliveries at the same time."),
           {}, {"MLFLOW_WEBHOOK_DELIVERY_MAX_WORKERS"}),
      also(integer("webhook-timeout-seconds", &Settings::webhook_timeout_seconds, 1, 3'600,
                   "Time that the other side of a webhook has to answer."),
           {}, {"MLFLOW_WEBHOOK_REQUEST_TIMEOUT"}),
      also(integer("webhook-retries-max", &Settings::webhook_retries_max, 0, 100,
                   "Tries of a webhook delivery after the first one."),
           {}, {"MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES"}),
      integer("route-retries-max", &Settings::route_retries_max, 0, 1'000'000,
              "Tries of an alert's delivery after the first one; after a while one a minute."),
      text("webhook-ca-file", &Settings::webhook_ca_file, {},
           "Certificates, PEM, that webhooks, routes and mail servers are trusted by; without it "
           "the system's."),
      integer("alert-repeat-seconds", &Settings::alert_repeat_seconds, 1, 86'400,
              "How often Alertmanager hears again of alerts that are open; it ends one that it has "
              "not heard of for ten times as long."),
      integer("incident-look-back-hours", &Settings::incident_look_back_hours, 1, 8'760,
              "How long before an incident its time line begins, and changes are suspects."),
      boolean(
          "breakable", &Settings::breakable,
          "Lets PUT /slipway/v1/faults break this server: it takes the online store away, makes "
          "models late or fail. Of the copies that drills break; never in production."),
      integer("drills-kept-max", &Settings::drills_kept_max, 1, 1'000,
              "Results of drills that are kept of each endpoint; the oldest go first."),
      integer("webhook-deliveries-max", &Settings::webhook_deliveries_max, 1, 1'000'000,
              "Deliveries of one webhook that may wait; what comes after them stays in the event "
              "log until there is room."),
      also(url("backend-store-uri", &Settings::backend_store_uri,
               "MLflow's way to say --data: a folder, or sqlite:///FILE, kept in FILE.slipway; or "
               "--database: postgresql://..."),
           {}, {"MLFLOW_BACKEND_STORE_URI"}),
      also(url("registry-store-uri", &Settings::registry_store_uri,
               "MLflow's separate place for models; here they are kept with the runs."),
           {}, {"MLFLOW_REGISTRY_STORE_URI"}),
      also(text("artifacts-destination", &Settings::artifacts_destination, {},
                "Where the artifact proxy keeps files: a folder or s3://BUCKET/PREFIX; empty: the "
                "folder `artifacts` of the data folder."),
           {}, {"MLFLOW_ARTIFACTS_DESTINATION"}),
      text("remotes-destination", &Settings::remotes_destination, {},
           "Where DVC remotes keep their files, a folder each, as DVC lays them out: a folder or "
           "s3://BUCKET/PREFIX; empty: the folder `remotes` of the data folder."),
      secret(
          text("s3-key", &Settings::s3_key, {},
               "Makes the secret access keys of tokens, with --login; without it a random one is "
               "made and kept in `s3-key` in the data folder. Another one makes all of them "
               "another.")),
      integer("s3-threads", &Settings::s3_threads, 1, 4096,
              "Requests of S3's port that are worked on at the same time."),
      integer("s3-object-bytes-max", &Settings::s3_object_bytes_max, 1024, 1ll << 44,
              "Largest object, or part of one, that one request of S3's port brings."),
      integer("lfs-file-bytes-max", &Settings::lfs_file_bytes_max, 1024, 1ll << 44,
              "Largest file that Git LFS brings."),
      integer("lineage-event-bytes-max", &Settings::lineage_event_bytes_max, 1024, 1ll << 32,
              "Largest request of OpenLineage, without its compression; more get 413."),
      integer("lineage-batch-events-max", &Settings::lineage_batch_events_max, 1, 1'000'000,
              "Events of one batch of OpenLineage; more get 413."),
      integer("lineage-datasets-max", &Settings::lineage_datasets_max, 1, 1'000'000,
              "Datasets that an event of OpenLineage reads, and as many that it writes; more get "
              "413."),
      integer("lineage-facets-max", &Settings::lineage_facets_max, 1, 10'000'000,
              "Facets of everything in an event of OpenLineage, with the other names of its "
              "datasets; more get 413."),
      integer("lineage-nodes-max", &Settings::lineage_nodes_max, 1, 1'000'000,
              "Jobs and datasets of one answer about lineage; it says when there are more."),
      also(
          url("openlineage-url", &Settings::openlineage_url,
              "Server that is told, in OpenLineage's events, what pipelines read and write; empty: "
              "none."),
          {}, {"OPENLINEAGE_URL"}),
      also(text("openlineage-endpoint", &Settings::openlineage_endpoint, {},
                "Path of that server's API for events."),
           {}, {"OPENLINEAGE_ENDPOINT"}),
      secret(also(text("openlineage-api-key", &Settings::openlineage_api_key, {},
                       "Sent to that server as a bearer token."),
                  {}, {"OPENLINEAGE_API_KEY"})),
      also(text("openlineage-namespace", &Settings::openlineage_namespace, {},
                "Namespace of this server's jobs and datasets in OpenLineage; each server that "
                "tells the same one needs its own."),
           {}, {"OPENLINEAGE_NAMESPACE"}),
      integer("openlineage-retries-max", &Settings::openlineage_retries_max, 0, 10'000'000,
              "Tries to tell an event of OpenLineage after the first one; after a while one a "
              "minute."),
      also(url("otlp-metrics-url", &Settings::otlp_metrics_url,
               "OpenTelemetry collector that is sent what /metrics says: with its path, as "
               "http://localhost:4318/v1/metrics; over gRPC as http://localhost:4317 or, with TLS, "
               "https://collector:4317; empty: none."),
           {}, {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"}),
      also(url("otlp-url", &Settings::otlp_url,
               "The same without otlp-metrics-url: a collector of everything, whose HTTP path of "
               "metrics is below it."),
           {}, {"OTEL_EXPORTER_OTLP_ENDPOINT"}),
      also(boolean("otel-sdk-disabled", &Settings::otel_sdk_disabled,
                   "Nothing is sent to a collector, whatever else is said."),
           {}, {"OTEL_SDK_DISABLED"}),
      also(text("otel-metrics-exporter", &Settings::otel_metrics_exporter, {},
                "Where metrics go, names with commas between: a collector is sent them where otlp "
                "is one of these."),
           {}, {"OTEL_METRICS_EXPORTER"}),
      also(text("otlp-metrics-protocol", &Settings::otlp_metrics_protocol,
                {"http/protobuf", "grpc"}, "How the collector is spoken to."),
           {}, {"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"}),
      also(text("otlp-metrics-compression", &Settings::otlp_metrics_compression, {"none", "gzip"},
                "How what the collector is sent is compressed."),
           {}, {"OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"}),
      also(boolean("otlp-metrics-insecure", &Settings::otlp_metrics_insecure,
                   "A collector over gRPC whose address says neither http:// nor https:// has no "
                   "TLS."),
           {}, {"OTEL_EXPORTER_OTLP_METRICS_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE"}),
      also(text("otlp-metrics-ca-file", &Settings::otlp_metrics_ca_file, {},
                "Certificates that the collector's is verified with, PEM; empty: the system's."),
           {}, {"OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"}),
      also(text("otlp-metrics-client-certificate-file",
                &Settings::otlp_metrics_client_certificate_file, {},
                "The certificate that the collector is shown, PEM; needs its key."),
           {},
           {"OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE",
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"}),
      also(text("otlp-metrics-client-key-file", &Settings::otlp_metrics_client_key_file, {},
                "The key of that certificate, PEM."),
           {}, {"OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"}),
      secret(also(attributes("otlp-metrics-headers", &Settings::otlp_metrics_headers,
                             "Headers of what is sent to the collector, values percent-encoded."),
                  {}, {"OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"})),
      also(integer("otlp-metrics-interval-ms", &Settings::otlp_metrics_interval_ms, 1, 86'400'000,
                   "Time between two times that metrics are sent to the collector."),
           {}, {"OTEL_METRIC_EXPORT_INTERVAL"}),
      also(integer("otlp-metrics-timeout-ms", &Settings::otlp_metrics_timeout_ms, 1, 600'000,
                   "How long the collector may take; what is missed comes with the next time."),
           {}, {"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"}),
      also(text("otel-service-name", &Settings::otel_service_name, {},
                "The attribute service.name of this server's metrics; empty: as "
                "otel-resource-attributes say, else slipway."),
           {}, {"OTEL_SERVICE_NAME"}),
      also(text("otel-resource-attributes", &Settings::otel_resource_attributes, {},
                "Attributes of this server that go with its metrics: KEY=VALUE,KEY=VALUE."),
           {}, {"OTEL_RESOURCE_ATTRIBUTES"}),
      integer("s3-clock-skew-seconds", &Settings::s3_clock_skew_seconds, 1, 86'400,
              "How much clocks of clients that sign may differ from the server's."),
      integer("s3-upload-retention-days", &Settings::s3_upload_retention_days, 0, 36'500,
              "Uploads in parts that nobody has completed are given up after so long; 0: never."),
      also(text("default-artifact-root", &Settings::default_artifact_root, {},
                "Where new experiments keep their artifacts; with a folder or s3:// clients write "
                "there themselves; empty: the artifact proxy."),
           {}, {"MLFLOW_DEFAULT_ARTIFACT_ROOT"}),
      off(also(boolean("serve-artifacts", &Settings::serve_artifacts,
                       "Whether the artifact proxy answers."),
               {}, {"MLFLOW_SERVE_ARTIFACTS"}),
          "--no-serve-artifacts"),
      also(boolean("artifacts-only", &Settings::artifacts_only,
                   "Of MLflow's routes, answers only those of the artifact proxy."),
           {}, {"MLFLOW_ARTIFACTS_ONLY"}),
      off(boolean("direct-artifacts", &Settings::direct_artifacts,
                  "Gives clients signed URLs to move large files to and from S3 themselves."),
          "--no-direct-artifacts"),
      also(integer("signed-url-seconds", &Settings::signed_url_seconds, 1, 604'800,
                   "How long a signed URL for a download is good."),
           {}, {"MLFLOW_PRESIGNED_DOWNLOAD_URL_TTL_SECONDS"}),
      integer("deleted-retention-days", &Settings::deleted_retention_days, 0, 36'500,
              "Deleted runs, logged models and experiments can be restored for so long, then they "
              "are taken away for good; 0: only `slipway gc` does that."),
      integer("reclaim-interval-seconds", &Settings::reclaim_interval_seconds, 1, 604'800,
              "Time between two looks for things whose retention is over."),
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
    for (const std::string& variable : info.other_variables) {  // the first one that is set
      const bool is_shared = variable.starts_with("OTEL_");     // with other programs
      const auto value = environment(variable);
      if (!value || (value->empty() && is_shared)) continue;
      Result<void> taken = take(*value, "environment");
      // What OpenTelemetry lets others say, and we don't know, is passed over, says its
      // specification; headers aren't: without them a collector knows nobody.
      if (!taken && is_shared && !info.secret) {
        loaded.notes.push_back(
            fmt::format("{} is passed over: {}", variable, taken.error().message));
        continue;
      }
      TRY(std::move(taken));
      break;
    }
    if (const auto value = environment(environment_name(info.name)))
      TRY(take(*value, "environment"));
    if (const auto found = flags.find(info.name); found != flags.end())
      TRY(take(found->second, "flag"));
  }
  TRY(apply_mlflow_options(flags, environment, loaded));
  const Settings& settings = loaded.settings;
  if (!is_loopback(settings.host) && !settings.login && !settings.no_auth) {
    return base::error(Code::kInvalidArgument,
                       "setting host: listening beyond loopback without login lets anybody in: "
                       "host={} (add --login, or --no-auth if that is meant)",
                       settings.host);
  }
  if (settings.kubeflow_executor == "kubernetes" && settings.kubeconfig.empty())
    return base::error(Code::kInvalidArgument,
                       "setting kubeflow-executor: kubernetes needs a cluster: set kubeconfig");
  if (settings.leave_steps && !settings.database.empty()) {
    return base::error(Code::kInvalidArgument,
                       "setting leave-steps: with database the next server that leads may be on "
                       "another machine, where nobody sees what was left here and it would run "
                       "twice: take one of both out");
  }
  return loaded;
}

void forget_secrets(
    const std::function<std::optional<std::string>(const std::string&)>& environment,
    const std::function<void(const std::string&)>& forget) {
  for (const SettingInfo& info : setting_table()) {
    if (!info.secret && !info.may_hold_password) continue;
    std::vector<std::string> variables = info.other_variables;
    variables.push_back(environment_name(info.name));
    for (const std::string& variable : variables) {
      // An address without a password is nobody's secret, and others may need it.
      const auto value = environment(variable);
      if (value && (info.secret || store::without_password(*value) != *value)) forget(variable);
    }
  }
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string print_config(const LoadedSettings& loaded) {
  std::string out;
  for (const SettingInfo& info : setting_table()) {
    if (info.secret) {
      out += fmt::format("# {}: {}, not shown; {}\n", info.name, loaded.origins.at(info.name),
                         info.help);
      continue;
    }
    out += fmt::format("{}: {}  # {}; {}\n", info.name,
                       YAML::Dump(YAML::Node(info.get(loaded.settings))),
                       loaded.origins.at(info.name), info.help);
  }
  return out;
}

}  // namespace slipway::app
