// The one table of settings. Help, --print-config, --check-config, flags, environment and file all
// come from it; rooms receive plain structs, never the table.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slipway::app {

struct Settings {
  std::string host = "127.0.0.1";
  std::int64_t port = 5000;
  std::int64_t grpc_port = 5001;
  std::int64_t s3_port = 0;
  std::string data = "./slipway-data";
  std::string database;  // postgresql://..., with its password; empty: SQLite in the data folder
  std::string database_schema = "slipway";
  std::int64_t database_readers = 4;
  bool no_auth = false;
  std::string log_level = "info";
  std::string python_path;
  std::int64_t io_threads = 2;
  std::int64_t data_threads =
      64;  // those that wait for the database cost little, and fill its groups
  std::int64_t control_threads = 2;
  std::int64_t scoring_threads = 128;
  std::int64_t scoring_threads_per_endpoint = 64;
  std::int64_t scoring_queue_length_max = 256;
  std::int64_t inline_budget_us = 200;
  std::int64_t models_bytes_max = 0;
  std::string models_root;
  // Requests that are answered later: invocations/README.md.
  std::string async_root;
  std::int64_t async_threads = 16;
  std::int64_t async_in_flight = 4;
  std::int64_t async_queue_length_max = 10'000;

  // Models that run in ONNX Runtime: serving/onnx.
  std::string onnxruntime_library;
  std::int64_t onnxruntime_threads = 1;
  // Models that run in Python: serving/python.
  std::string python_models = "env";
  std::int64_t python_workers = 1;
  std::int64_t python_spares = 1;
  std::int64_t python_memory_bytes_max = 4ll << 30;
  std::int64_t python_call_timeout_ms = 30'000;
  std::int64_t python_load_timeout_seconds = 300;
  std::int64_t python_install_timeout_seconds = 1800;
  std::int64_t python_environments_max = 16;

  std::int64_t queue_length_max = 1024;
  std::int64_t connections_max = 10'000;
  std::int64_t body_bytes_max = 64 << 20;
  std::int64_t postgres_query_seconds = 600;
  std::int64_t dataset_bytes_max = 32ll << 30;
  std::int64_t artifact_bytes_max = 64ll << 30;
  std::int64_t remote_file_bytes_max = 1ll << 40;
  std::int64_t data_pack_bytes_max = 256ll << 20;
  std::int64_t data_retention_versions = 0;  // versions/retention.h
  std::int64_t data_retention_days = 0;
  std::int64_t data_reply_bytes_max = 32ll << 20;
  std::int64_t data_diff_files_max = 2'000'000;
  std::int64_t data_verify_threads = 2;
  std::int64_t artifact_list_max = 100'000;
  std::int64_t feast_values_max = 1'000'000;
  // Features for online reads: features/online_store.h.
  std::string online_store = "memory";
  std::int64_t online_history_hours = 24;
  std::int64_t online_cache_bytes = 256 << 20;
  std::int64_t online_timeout_ms = 1000;
  std::int64_t materialize_rows_per_second = 0;
  std::int64_t training_set_memory_mb = 1024;
  std::int64_t training_set_rows = 4'000'000;
  std::int64_t training_sets_at_once = 4;
  std::int64_t posted_rows_max = 100'000'000;
  std::int64_t posted_bytes_max = 16ll << 30;
  std::int64_t run_index_bytes_max = 4ll << 30;
  std::int64_t run_table_views_bytes_max = 64 << 20;
  std::int64_t stream_clients_max = 1000;
  std::int64_t stream_waiting_bytes_max = 256 << 10;
  std::int64_t idle_timeout_seconds = 120;
  std::int64_t request_timeout_seconds = 60;
  std::int64_t drain_seconds = 10;
  std::string server_name;
  std::string server_url;
  std::int64_t server_lease_seconds = 120;
  bool run_steps = false;
  std::string pipelines_folder;
  std::int64_t pipeline_workers = 2;
  std::int64_t schedule_grace_seconds = 60;
  std::int64_t schedule_catch_up_max = 100;
  std::int64_t backfill_runs_max = 10'000;
  std::int64_t pipeline_steps_max = 4;
  bool no_step_cache = false;
  bool leave_steps = false;
  std::int64_t pipeline_items_max = 1'000;
  std::int64_t pipeline_log_search_bytes_max = 1 << 30;
  std::int64_t pipeline_cpus_max = 0;
  std::int64_t pipeline_memory_bytes_max = 0;
  std::string kubeconfig;
  std::string kubernetes_namespace;
  std::string kubernetes_volumes;
  std::string kubernetes_server_url;
  std::int64_t kubernetes_jobs_max = 100;
  std::int64_t kubernetes_pending_timeout_seconds = 600;
  std::int64_t kubernetes_container_timeout_seconds = 120;
  std::string kubeflow_executor = "local";
  std::int64_t pipeline_outputs_retention_days = 90;
  std::string secrets_dir;
  std::map<std::string, std::string> secrets;  // of SLIPWAY_SECRET_NAME, by name; in no table
  std::int64_t request_log_rows_buffered_max = 200'000;
  std::int64_t request_log_rows_at_once_max = 20'000'000;
  std::int64_t request_log_values_max = 100;
  std::int64_t explained_values_max = 20'000'000;
  std::int64_t skew_rows_per_pass = 1000;
  std::int64_t skew_interval_seconds = 3600;
  std::int64_t skew_delay_seconds = 60;
  std::int64_t profile_interval_seconds = 60;
  std::int64_t profile_delay_seconds = 60;
  std::int64_t profile_minutes_retention_hours = 3;
  std::int64_t profile_hours_retention_days = 14;
  std::int64_t profile_days_retention_days = 400;
  std::int64_t profile_inputs_max = 500;
  std::int64_t profile_slices_max = 20;
  std::int64_t drift_rows_max = 10'000'000;
  std::int64_t dataset_diff_bytes_max = 256ll << 20;
  std::int64_t slice_rows_max = 200'000;
  std::int64_t attribution_rows_max = 1'000;
  std::int64_t duplicate_rows_max = 200'000;
  std::int64_t ends_with_process = 0;
  bool breakable = false;
  double price_core_hour = 0;
  std::string price_currency = "USD";
  std::string kafka_properties;
  std::int64_t topic_messages_max = 1'000'000;

  // Login: docs/access.md.
  bool login = false;
  std::string default_permission = "READ";
  std::string auth_config;  // MLflow's basic_auth.ini
  std::string admin_username = "admin";
  std::string admin_password;

  // What browsers may do: api/http/origin_policy.h.
  std::string allowed_hosts;
  std::string cors_allowed_origins;
  std::string x_frame_options = "SAMEORIGIN";
  bool disable_security_middleware = false;
  std::string static_prefix;

  std::string mlflow_ui;  // api/page/mlflow_ui.h

  // The registry: registry/sources.h.
  std::string model_source_pattern;

  // Webhooks: webhooks/README.md.
  std::string webhook_schemes = "https";
  bool webhook_allow_private = false;
  std::string webhook_key;
  std::string webhook_ca_file;
  std::int64_t alert_repeat_seconds = 60;
  std::int64_t incident_look_back_hours = 168;
  std::int64_t drills_kept_max = 50;
  std::int64_t webhook_workers = 4;
  std::int64_t webhook_timeout_seconds = 30;
  std::int64_t webhook_retries_max = 3;
  std::int64_t route_retries_max = 1440;
  std::int64_t webhook_deliveries_max = 10'000;

  // MLflow's way of saying where things are kept: app/mlflow_options.h.
  std::string backend_store_uri;
  std::string registry_store_uri;

  // Artifacts: app/storage.h.
  std::string artifacts_destination;
  std::string remotes_destination;
  std::string default_artifact_root;

  // Buckets over S3's protocol: api/s3/services.h, objects/upkeep.h.
  std::string s3_key;
  std::int64_t s3_threads = 32;
  std::int64_t s3_object_bytes_max = 1ll << 40;
  std::int64_t s3_clock_skew_seconds = 900;
  std::int64_t s3_upload_retention_days = 7;
  std::int64_t lfs_file_bytes_max = 1ll << 40;  // api/lfs/lfs_routes.h

  // What others tell of their jobs: api/openlineage/openlineage_routes.h, lineage/lineage.h.
  std::int64_t lineage_event_bytes_max = 16 << 20;
  std::int64_t lineage_batch_events_max = 1000;
  std::int64_t lineage_datasets_max = 5000;
  std::int64_t lineage_facets_max = 50'000;
  std::int64_t lineage_nodes_max = 1000;
  // Who is told of our own: app/pipeline_news.h.
  std::string openlineage_url;
  std::string openlineage_endpoint = "api/v1/lineage";
  std::string openlineage_api_key;
  std::string openlineage_namespace = "slipway";
  std::int64_t openlineage_retries_max = 10'080;
  // app/metrics_exporter.h
  std::string otlp_url;
  std::string otlp_metrics_url;
  std::string otlp_metrics_protocol = "http/protobuf";
  std::string otlp_metrics_compression = "none";
  bool otlp_metrics_insecure = false;
  std::string otlp_metrics_ca_file;
  std::string otlp_metrics_client_certificate_file;
  std::string otlp_metrics_client_key_file;
  std::string otlp_metrics_headers;
  std::int64_t otlp_metrics_interval_ms = 60'000;
  std::int64_t otlp_metrics_timeout_ms = 10'000;
  bool otel_sdk_disabled = false;
  std::string otel_metrics_exporter = "otlp";
  std::string otel_service_name;
  std::string otel_resource_attributes;

  bool serve_artifacts = true;
  bool artifacts_only = false;
  bool direct_artifacts = true;
  std::int64_t signed_url_seconds = 300;
  std::int64_t deleted_retention_days = 30;
  std::int64_t reclaim_interval_seconds = 3600;
};

struct SettingInfo {
  std::string name;   // "port": flag --port, environment SLIPWAY_PORT, key `port:` in the file
  std::string type;   // "text", "integer", "boolean"
  std::string range;  // in words; empty: any
  bool reloadable = false;  // none is yet: all need a restart
  std::string help;         // one sentence
  std::function<Result<void>(Settings&, std::string_view)> set;
  std::function<std::string(const Settings&)> get;
  // What `mlflow server` calls it, so that unit files keep working; our own names win.
  std::vector<std::string> other_flags;      // "-p"
  std::vector<std::string> other_variables;  // "MLFLOW_PORT"
  std::string off_flag;                      // of a boolean: "--no-serve-artifacts"
  bool secret = false;                       // has no flag, and is never printed
  bool may_hold_password = false;            // a URL
};

const std::vector<SettingInfo>& setting_table();

// Where a value came from, for --print-config.
struct LoadedSettings {
  Settings settings;
  std::map<std::string, std::string> origins;  // name -> "default", "file", "environment", "flag"
  std::vector<std::string> notes;              // what the operator should read, a line each
};

// Flag over environment over file over default. `flags` by setting name, or by the name of one of
// mlflow_options(); `file` is YAML with the names as keys. Errors name the setting, where it came
// from, and what is allowed; an unknown key in the file is an error with its line.
Result<LoadedSettings> load_settings(
    const std::map<std::string, std::string>& flags,
    const std::function<std::optional<std::string>(const std::string&)>& environment,
    const std::string& file);

// Calls `forget` with each variable that holds a secret: once settings are loaded nothing reads
// them any more, and programs that the server starts must not.
void forget_secrets(
    const std::function<std::optional<std::string>(const std::string&)>& environment,
    const std::function<void(const std::string&)>& forget);

bool is_loopback(std::string_view host);

// YAML that load_settings reads back, each line with its origin. The password in a URL is shown as
// ***.
std::string print_config(const LoadedSettings& loaded);

}  // namespace slipway::app
