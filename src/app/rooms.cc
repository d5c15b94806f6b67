#include "app/rooms.h"

#include <unistd.h>

#include "api/access/access_routes.h"
#include "api/dvc/dvc_routes.h"
#include "api/feast/feast_routes.h"
#include "api/feast/registry.h"
#include "api/feast/serving.h"
#include "api/kubeflow/errors.h"
#include "api/lfs/lfs_routes.h"
#include "api/mlflow/routes.h"
#include "api/openlineage/openlineage_routes.h"
#include "api/otlp/otlp_routes.h"
#include "api/own/advice_routes.h"
#include "api/own/dataset_routes.h"
#include "api/own/drift_routes.h"
#include "api/own/drill_routes.h"
#include "api/own/endpoint_routes.h"
#include "api/own/event_stream_routes.h"
#include "api/own/fault_routes.h"
#include "api/own/feature_routes.h"
#include "api/own/gate_routes.h"
#include "api/own/governance_routes.h"
#include "api/own/import_routes.h"
#include "api/own/incident_routes.h"
#include "api/own/input_routes.h"
#include "api/own/lineage_routes.h"
#include "api/own/log_stream_routes.h"
#include "api/own/model_routes.h"
#include "api/own/monitor_routes.h"
#include "api/own/pipeline_routes.h"
#include "api/own/profile_routes.h"
#include "api/own/project_routes.h"
#include "api/own/reclaim_routes.h"
#include "api/own/route_routes.h"
#include "api/own/run_table_routes.h"
#include "api/own/schedule_routes.h"
#include "api/own/silence_routes.h"
#include "api/own/stream_routes.h"
#include "api/own/streaming_routes.h"
#include "api/own/training_set_routes.h"
#include "api/own/version_routes.h"
#include "api/page/mlflow_ui.h"
#include "api/page/page_routes.h"
#include "api/predict/async_routes.h"
#include "api/predict/invocation_scorer.h"
#include "api/predict/oip_routes.h"
#include "api/predict/predict_routes.h"
#include "api/predict/stream_scorer.h"
#include "api/s3/s3_routes.h"
#include "app/alert_connections.h"
#include "app/alias_follower.h"
#include "app/connections.h"
#include "app/endpoint_inputs.h"
#include "app/governed_data.h"
#include "app/invocation_files.h"
#include "app/kubeflow_connections.h"
#include "app/lineage_connections.h"
#include "app/login.h"
#include "app/metrics_exporter.h"
#include "app/monitor_connections.h"
#include "app/other_servers.h"
#include "app/passed_on.h"
#include "app/pipeline_news.h"
#include "app/project.h"
#include "app/server_lease.h"
#include "app/storage.h"
#include "app/tracking_connections.h"
#include "app/trial_connections.h"
#include "base/log.h"
#include "evaluations/tables.h"
#include "features/breakable_store.h"
#include "incidents/tables.h"
#include "invocations/invocations.h"
#include "invocations/tables.h"
#include "kubeflow/tables.h"
#include "lineage/tables.h"
#include "monitor/tables.h"
#include "objects/buckets.h"
#include "objects/lfs_files.h"
#include "objects/tables.h"
#include "objects/upkeep.h"
#include "objects/uploads.h"
#include "pipelines/log_feed.h"
#include "pipelines/old_outputs.h"
#include "pipelines/tables.h"
#include "registry/import.h"
#include "releases/gates.h"
#include "releases/tables.h"
#include "serving/onnx/runtime.h"
#include "serving/python/runtime.h"
#include "store/file_system.h"
#include "streams/streams.h"
#include "traces/assessments.h"
#include "traces/issues.h"
#include "traces/tables.h"
#include "traces/trace_metrics.h"
#include "traces/trace_search.h"
#include "traces/traces.h"
#include "tracking/experiments.h"
#include "tracking/import.h"
#include "tracking/metric_feed.h"
#include "tracking/metric_upgrade.h"
#include "tracking/run_changes.h"
#include "tracking/run_index.h"
#include "tracking/run_table.h"
#include "tracking/runs.h"
#include "tracking/tables.h"
#include "versions/hub.h"
#include "versions/retention.h"
#include "versions/tables.h"
#include "webhooks/deliveries.h"

namespace slipway::app {
namespace {

// A number that says nothing as 0.
std::optional<std::uint64_t> if_set(std::int64_t number) {
  if (number == 0) return std::nullopt;
  return static_cast<std::uint64_t>(number);
}

// The folder of this binary, so that steps find `slipway`; before it, where python3 is to be found.
std::string path_prefix(const Settings& settings) {
  std::error_code ignored;
  const std::string own = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  return settings.python_path.empty() ? own : settings.python_path + ":" + own;
}

// What steps may have together.
pipelines::Resources step_capacity(const Settings& settings) {
  pipelines::Resources capacity = pipelines::machine_resources();
  if (settings.pipeline_cpus_max > 0) capacity.cpu_millis = 1000 * settings.pipeline_cpus_max;
  if (settings.pipeline_memory_bytes_max > 0)
    capacity.memory_bytes = settings.pipeline_memory_bytes_max;
  return capacity;
}

// How steps run as Jobs; nothing: they can't.
Result<std::optional<pipelines::KubernetesExecutor::Options>> kubernetes_of(
    const Settings& settings, const std::string& url, const std::filesystem::path& data) {
  if (settings.kubeconfig.empty()) return std::optional<pipelines::KubernetesExecutor::Options>();
  auto cluster = settings.kubeconfig == "in-cluster"
                     ? pipelines::cluster_around()
                     : pipelines::read_kubeconfig(settings.kubeconfig);
  if (!cluster) return std::move(cluster).error().with_context("setting kubeconfig");
  pipelines::KubernetesExecutor::Options options{
      .cluster = std::move(*cluster), .jobs = {}, .data = std::filesystem::absolute(data)};
  const std::string& space = settings.kubernetes_namespace;
  options.jobs.space = !space.empty()                   ? space
                       : !options.cluster.space.empty() ? options.cluster.space
                                                        : "default";
  options.jobs.url = settings.kubernetes_server_url.empty() ? url : settings.kubernetes_server_url;
  options.jobs.volumes = TRY(pipelines::parse_volumes(settings.kubernetes_volumes));
  options.jobs.user = ::geteuid();
  options.jobs.group = ::getegid();
  options.pending_timeout = std::chrono::seconds(settings.kubernetes_pending_timeout_seconds);
  options.container_timeout = std::chrono::seconds(settings.kubernetes_container_timeout_seconds);
  return std::optional(std::move(options));
}

webhooks::UrlPolicy url_policy(const Settings& settings) {
  webhooks::UrlPolicy policy{.schemes = {},
                             .private_addresses = settings.webhook_allow_private,
                             .ca_file = settings.webhook_ca_file};
  std::string_view rest = settings.webhook_schemes;
  while (!rest.empty()) {
    std::string_view scheme = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), scheme.size() + 1));
    while (scheme.starts_with(' ')) scheme.remove_prefix(1);
    while (scheme.ends_with(' ')) scheme.remove_suffix(1);
    if (!scheme.empty()) policy.schemes.emplace_back(scheme);
  }
  return policy;
}

webhooks::LineageReceiver lineage_receiver(const Settings& settings) {
  std::string url = settings.openlineage_url;
  while (url.ends_with('/')) url.pop_back();
  if (url.empty()) return {};
  std::string_view endpoint = settings.openlineage_endpoint;
  while (endpoint.starts_with('/')) endpoint.remove_prefix(1);
  return {.url = fmt::format("{}/{}", url, endpoint), .api_key = settings.openlineage_api_key};
}

datasets::Outside datasets_outside(const Settings& settings, const std::filesystem::path& data,
                                   const base::Clock& clock,
                                   const governance::Governance& governance) {
  return {
      .environment = environment,
      .open_storage = [&clock](const std::string& uri) { return open_storage(uri, clock); },
      .query_seconds_max = static_cast<int>(settings.postgres_query_seconds),
      .bytes_max = settings.dataset_bytes_max,
      .own_folder = data,
      .condition = row_answers,
      .erased =
          [&governance](const types::Frame& frame, const datasets::DatasetDefinition& definition) {
            return governance.erased_rows(frame, tags_of(definition), definition.time_column());
          }};
}

// A server that has just been killed may still hold the lead for a moment.
Result<bool> ask_to_lead(store::Db& db) {
  for (int tries = 0; tries < 20; ++tries) {
    if (TRY(db.lead())) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  base::log_warning("app",
                    "another server on this database leads: this one serves tracking and registry, "
                    "and passes everything else on to it");
  return false;
}

std::filesystem::path pipelines_folder(const Settings& settings,
                                       const std::filesystem::path& data) {
  if (settings.pipelines_folder.empty()) return data / "pipelines";
  return std::filesystem::absolute(settings.pipelines_folder);
}

std::string name_of_server(const Settings& settings) {
  if (!settings.server_name.empty()) return settings.server_name;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return fmt::format("{}:{}", host.data(), settings.port);
}

serving::python::Runtime::Options python_options(const Settings& settings,
                                                 const std::filesystem::path& data) {
  const std::filesystem::path folder = data / "python-models";
  return {
      .folder = folder,
      .environments = {.folder = folder / "environments",
                       .interpreter = settings.python_models == "env" ? "" : settings.python_models,
                       .python_path = settings.python_path,
                       .environments_max =
                           static_cast<std::size_t>(settings.python_environments_max),
                       .install_limit =
                           std::chrono::seconds(settings.python_install_timeout_seconds)},
      .workers = static_cast<std::size_t>(settings.python_workers),
      .spares = static_cast<std::size_t>(settings.python_spares),
      .memory_bytes_max = static_cast<std::uint64_t>(settings.python_memory_bytes_max),
      .call_limit = std::chrono::milliseconds(settings.python_call_timeout_ms),
      .load_limit = std::chrono::seconds(settings.python_load_timeout_seconds)};
}

void record(store::Db& db, const base::Clock& clock, const serving::Eviction& eviction) {
  const Result<void> written = db.write([&](store::Tx& tx) {
    return tx.append_event(
        {.kind = "model.evicted",
         .subject = eviction.endpoint.empty() ? "endpoints" : "endpoints/" + eviction.endpoint,
         .actor = "slipway",
         .payload = {{"model", eviction.model},
                     {"bytes", eviction.bytes},
                     {"reason", eviction.reason}},
         .event_time = clock.now()});
  });
  if (!written)
    base::log_warning("app", "an event was not written: kind=model.evicted why={}",
                      written.error().message);
}

features::FeatureStore::Options feature_options(const Settings& settings) {
  features::FeatureStore::Options options;
  if (settings.online_history_hours > 0)
    options.history = base::Duration::hours(settings.online_history_hours);
  options.rows_per_second = settings.materialize_rows_per_second;
  return options;
}

tracking::MetricFeed::Options feed_options(const Foundation& f) {
  tracking::MetricFeed::Options options;
  options.watchers_max = static_cast<std::size_t>(f.settings.stream_clients_max);
  options.first_number = static_cast<std::uint64_t>(f.clock.now().micros);
  if (!f.settings.database.empty()) {
    options.last_change = [&db = f.db] {
      return db.read([](store::Reader& reader) { return tracking::last_change(reader); });
    };
  }
  return options;
}

api::own::StreamOptions stream_options(const Settings& settings) {
  return {.waiting_bytes_max = static_cast<std::size_t>(settings.stream_waiting_bytes_max)};
}

}  // namespace

struct Application::Rooms::Impl {
  Impl(const Foundation& f, std::unique_ptr<features::OnlineStore> online_store)
      : foundation(f),
        clock(f.clock),
        experiments(f.db, f.clock, experiments_options(f.settings)),
        runs(f.db, metric_keys, f.clock, f.random),
        run_index(f.db, metric_keys, f.metrics,
                  {.bytes_max = static_cast<std::size_t>(f.settings.run_index_bytes_max)}),
        run_table(
            f.db, metric_keys, run_index,
            {.views_bytes_max = static_cast<std::size_t>(f.settings.run_table_views_bytes_max)}),
        logged_models(f.db, f.clock, f.random),
        artifacts(f.artifacts, artifacts_options(f.settings, f.data),
                  [&clock = f.clock](const std::string& uri) { return open_storage(uri, clock); }),
        places(runs, logged_models),
        registry(f.db, f.clock, places, f.source_pattern),
        metric_feed(runs, feed_options(f)),
        event_feed(f.db,
                   {.listeners_max = static_cast<std::size_t>(f.settings.stream_clients_max)}),
        run_import(f.db, metric_keys, f.clock, f.random, runs, logged_models),
        model_import(f.db, f.clock, registry),
        webhook_box(f.webhook_key, f.random),
        webhook_sender(url_policy(f.settings), f.settings.webhook_timeout_seconds),
        lineage_sender({.private_addresses = true, .ca_file = f.settings.webhook_ca_file},
                       f.settings.webhook_timeout_seconds),
        webhooks(f.db, f.clock, f.random, webhook_box, webhook_sender, url_policy(f.settings),
                 // Prometheus repeats four times before an alert ends; a restart may take longer.
                 base::Duration::seconds(10 * f.settings.alert_repeat_seconds)),
        deliveries(f.db, f.clock, f.random, webhooks, open_alerts,
                   {.workers = static_cast<std::size_t>(f.settings.webhook_workers),
                    .retries_max = f.settings.webhook_retries_max,
                    .route_retries_max = f.settings.route_retries_max,
                    .lineage_retries_max = f.settings.openlineage_retries_max,
                    .deliveries_max = f.settings.webhook_deliveries_max,
                    .timeout_seconds = f.settings.webhook_timeout_seconds,
                    .alert_repeat_seconds = f.settings.alert_repeat_seconds},
                   f.metrics),
        origins(registry),
        traces(f.db, trace_experiments, f.clock, f.random),
        trace_artifacts(artifacts),
        trace_remover(f.db, trace_experiments, trace_artifacts, reviewed_traces),
        experiment_rest(f.db, trace_remover),
        trace_search(f.db, trace_experiments),
        trace_metrics(f.db, trace_experiments),
        assessments(f.db, f.clock, f.random),
        issues(f.db, trace_experiments, f.clock, f.random),
        evaluation_datasets(f.db, evaluation_experiments, f.clock, f.random),
        scorers(f.db, evaluation_experiments, scorer_filters, f.clock, f.random),
        label_schemas(f.db, evaluation_experiments, f.clock, f.random),
        review_queues(f.db, evaluation_experiments, reviewed_traces, f.clock, f.random),
        reclaimer(f.db, artifacts, origins, experiment_rest, f.clock, f.metrics,
                  {.retention = base::Duration::days(f.settings.deleted_retention_days),
                   .interval = base::Duration::seconds(f.settings.reclaim_interval_seconds)}),
        mlflow{.db = f.db,
               .experiments = experiments,
               .runs = runs,
               .run_index = run_index,
               .logged_models = logged_models,
               .artifacts = artifacts,
               .registry = registry,
               .webhooks = webhooks,
               .traces = traces,
               .trace_remover = trace_remover,
               .trace_search = trace_search,
               .trace_metrics = trace_metrics,
               .assessments = assessments,
               .issues = issues,
               .evaluation_datasets = evaluation_datasets,
               .scorers = scorers,
               .label_schemas = label_schemas,
               .review_queues = review_queues,
               .artifacts_only = f.settings.artifacts_only,
               .signed_url_seconds = f.settings.signed_url_seconds,
               .access = f.access},
        governance(f.db, clock, f.random),
        datasets(f.db, f.blobs, clock, f.data / "uploads",
                 datasets_outside(f.settings, f.data, f.clock, governance)),
        remotes(f.remote_files, f.random, f.data / "uploads"),
        data_versions(f.db, f.clock, f.data / "versions",
                      static_cast<std::size_t>(f.settings.data_verify_threads)),
        data_retention(data_versions, f.metrics,
                       {.keep_last = if_set(f.settings.data_retention_versions),
                        .keep_days = if_set(f.settings.data_retention_days),
                        .interval = base::Duration::seconds(f.settings.reclaim_interval_seconds)}),
        contents(f.db, f.clock, f.random, f.data / "objects", f.data / "uploads"),
        buckets(f.db, f.clock, contents),
        uploads(f.db, f.clock, f.random, contents),
        lfs_files(f.db, f.clock, f.random, contents),
        objects_upkeep(
            contents, uploads, f.clock, f.metrics,
            {.upload_retention = base::Duration::days(f.settings.s3_upload_retention_days),
             .interval = base::Duration::seconds(f.settings.reclaim_interval_seconds)}),
        known_datasets(datasets, f.settings.openlineage_namespace),
        lineage(f.db, f.clock, known_datasets,
                {.nodes_max = static_cast<std::size_t>(f.settings.lineage_nodes_max)}),
        pipeline_news(f.db, datasets, registry, runs, f.settings.openlineage_namespace,
                      std::string(kVersion)),
        tables(datasets),
        features(f.db, tables, clock,
                 f.settings.breakable
                     ? features::make_breakable(std::move(online_store), faults.online_store_gone)
                     : std::move(online_store),
                 feature_options(f.settings)),
        training_sets(
            features, tables,
            {.folder = f.data / "training-sets",
             .memory_bytes = static_cast<std::uint64_t>(f.settings.training_set_memory_mb) << 20,
             .rows_at_once = static_cast<std::size_t>(f.settings.training_set_rows),
             .sets_at_once = static_cast<std::size_t>(f.settings.training_sets_at_once)}),
        inputs(datasets, registry, f.clock),
        executor(f.access, f.settings.leave_steps ? pipelines::KeptProcesses::AtStop::kLeave
                                                  : pipelines::KeptProcesses::AtStop::kEnd),
        given_steps(f.db),
        step_worker(f.db,
                    [this](pipelines::Command command, const auto& wish) {
                      return executor.run_given(std::move(command), secrets, wish);
                    }),
        secrets({.values = f.settings.secrets, .folder = f.settings.secrets_dir}),
        trial_runs(experiments, runs, f.clock),
        pipelines(f.db, clock, f.clock, f.random, executor, inputs, secrets, trial_runs),
        log_feed(pipelines,
                 {.followers_max = static_cast<std::size_t>(f.settings.stream_clients_max)}),
        old_outputs(f.db, f.clock, f.metrics,
                    {.folder = pipelines_folder(f.settings, f.data),
                     .retention = base::Duration::days(f.settings.pipeline_outputs_retention_days),
                     .interval = base::Duration::seconds(f.settings.reclaim_interval_seconds)}),
        schedules(f.db, pipelines, clock, f.clock, f.random,
                  {.grace = base::Duration::seconds(f.settings.schedule_grace_seconds),
                   .catch_up_max = static_cast<std::size_t>(f.settings.schedule_catch_up_max),
                   .backfill_max = static_cast<std::size_t>(f.settings.backfill_runs_max),
                   .rehearses = [&c = clock] { return c.rehearses(); }}),
        kubeflow(f.db, pipelines, schedules, clock, f.random,
                 f.settings.pipelines_folder.empty()
                     ? f.data / "kubeflow"
                     : pipelines_folder(f.settings, f.data) / "kubeflow",
                 f.settings.kubeflow_executor == "kubernetes" ? kubeflow::Where::kJobs
                                                              : kubeflow::Where::kHere),
        models(registry, runs, logged_models, artifacts, f.settings.models_root),
        online(features),
        log({.folder = f.data / "requests",
             .rows_buffered_max =
                 static_cast<std::size_t>(f.settings.request_log_rows_buffered_max),
             .rows_at_once_max = f.settings.request_log_rows_at_once_max},
            f.metrics),
        python(python_options(f.settings, f.data)),
        onnx({.library = f.settings.onnxruntime_library,
              .threads = static_cast<std::size_t>(f.settings.onnxruntime_threads)}),
        endpoints(
            models, online, log, clock, f.clock, f.random, f.metrics,
            {.python = f.settings.python_models == "off" ? nullptr : &python, .onnx = &onnx},
            {.inline_budget_us = static_cast<double>(f.settings.inline_budget_us),
             .models_bytes_max = static_cast<std::uint64_t>(f.settings.models_bytes_max),
             .logged_values_max = static_cast<std::size_t>(f.settings.request_log_values_max),
             .explained_values_max = static_cast<std::size_t>(f.settings.explained_values_max),
             .faults = f.settings.breakable ? &faults.models : nullptr,
             .on_eviction =
                 [&db = f.db, &clock = clock](const serving::Eviction& eviction) {
                   record(db, clock, eviction);
                 }}),
        plane(endpoints),
        facts(log),
        releases(f.db, clock, f.clock, {plane, models, facts}, f.metrics),
        trained_models(f.db, datasets, features, releases),
        governed(f.access, f.db, governance, datasets, features, releases, log, trained_models,
                 clock),
        gates(f.db, clock, f.clock, f.random),
        follower(f.db, releases),
        servers(f.db),
        lease(f.db, f.clock, f.random,
              {.lease = std::chrono::seconds(f.settings.server_lease_seconds)}),
        logged(log),
        vectors(f.db, clock, releases, endpoints, log),
        skew(f.db, features, vectors, f.metrics,
             {.rows_per_pass = static_cast<std::size_t>(f.settings.skew_rows_per_pass),
              .interval = base::Duration::seconds(f.settings.skew_interval_seconds)}),
        served_features(releases, features, skew),
        kept_datasets(datasets),
        served(clock, releases, log),
        profiles(f.db, served,
                 {.interval = base::Duration::seconds(f.settings.profile_interval_seconds),
                  .minutes_kept = base::Duration::hours(f.settings.profile_minutes_retention_hours),
                  .hours_kept = base::Duration::days(f.settings.profile_hours_retention_days),
                  .days_kept = base::Duration::days(f.settings.profile_days_retention_days),
                  .inputs_max = static_cast<std::size_t>(f.settings.profile_inputs_max),
                  .slices_max = static_cast<std::size_t>(f.settings.profile_slices_max)}),
        training(releases, features, datasets),
        trained_inputs(releases, datasets, training),
        attributions(endpoints),
        neighbourhood(releases, features, clock),
        incidents(f.db, clock, neighbourhood,
                  base::Duration::hours(f.settings.incident_look_back_hours)),
        drills(f.db, clock, static_cast<std::size_t>(f.settings.drills_kept_max)),
        actions(pipelines, releases, incidents),
        topics(f.db, f.clock, {.messages_max = f.settings.topic_messages_max}),
        topic_logs(topics),
        stream_scorer(endpoints),
        streamed_rows(features),
        streams(f.db, f.clock, {topic_logs, stream_scorer, streamed_rows}, f.metrics),
        destinations(releases),
        invocation_scorer(endpoints),
        invocation_files(
            f.clock, f.random,
            {.root = f.settings.async_root,
             .scratch = f.data / "uploads",
             .input_bytes_max = static_cast<std::uint64_t>(f.settings.body_bytes_max)}),
        invocations(
            f.db, clock, f.clock, f.random, destinations, invocation_scorer, invocation_files,
            f.metrics,
            {.threads_max = static_cast<std::size_t>(f.settings.async_threads),
             .in_flight = static_cast<std::size_t>(f.settings.async_in_flight),
             .queue_length_max = static_cast<std::size_t>(f.settings.async_queue_length_max)}) {}

  // Who runs steps from now on.
  void share_with(const std::vector<pipelines::ServerRecord>& servers) {
    std::vector<pipelines::OtherServer> others;
    for (const pipelines::ServerRecord& server : servers) {
      if (server.id == lease.own().id || server.folder.empty() ||
          server.folder != lease.own().folder)
        continue;
      others.push_back({.server = server.id,
                        .places = static_cast<std::size_t>(server.steps_max),
                        .capacity = server.capacity});
    }
    pipelines.set_other_servers(others);
    if (const Result<void> swept = given_steps.sweep(); !swept)
      base::log_warning("app", "given steps are kept for longer: {}", swept.error().message);
  }

  const Foundation foundation;
  bool leads = true;          // whether what only one server of a database may run is run here
  bool lead_changed = false;  // and was told; of the thread of `others`
  EventClock clock;
  tracking::Experiments experiments;
  tracking::MetricKeys metric_keys;
  tracking::Runs runs;
  tracking::RunIndex run_index;
  tracking::RunTable run_table;
  tracking::LoggedModels logged_models;
  tracking::Artifacts artifacts;
  RunPlaces places;
  registry::Registry registry;
  tracking::MetricFeed metric_feed;
  store::EventFeed event_feed;
  tracking::Import run_import;
  registry::ModelImport model_import;
  base::SecretBox webhook_box;
  webhooks::HttpSender webhook_sender;
  webhooks::HttpSender lineage_sender;
  webhooks::Webhooks webhooks;
  MonitoredAlerts open_alerts{foundation.db};
  webhooks::Deliveries deliveries;
  RegisteredOrigins origins;
  TraceExperiments trace_experiments;
  EvaluationExperiments evaluation_experiments;
  ScorerFilters scorer_filters;
  traces::Traces traces;
  TraceArtifacts trace_artifacts;
  ReviewedTraces reviewed_traces;
  traces::TraceRemover trace_remover;
  ExperimentRest experiment_rest;
  traces::TraceSearch trace_search;
  traces::TraceMetrics trace_metrics;
  traces::Assessments assessments;
  traces::Issues issues;
  evaluations::EvaluationDatasets evaluation_datasets;
  evaluations::Scorers scorers;
  evaluations::LabelSchemas label_schemas;
  evaluations::ReviewQueues review_queues;
  tracking::Reclaimer reclaimer;
  api::mlflow::Services mlflow;

  governance::Governance governance;
  datasets::Datasets datasets;
  datasets::Remotes remotes;
  versions::Hub data_versions;
  versions::Retention data_retention;
  objects::Contents contents;
  objects::Buckets buckets;
  objects::Uploads uploads;
  objects::LfsFiles lfs_files;
  objects::Upkeep objects_upkeep;
  std::unique_ptr<MetricsExporter> exporter;  // once started, if there is a collector
  KnownDatasets known_datasets;
  lineage::Lineage lineage;
  PipelineNews pipeline_news;
  api::own::ServerFaults faults;
  DatasetTables tables;
  features::FeatureStore features;
  features::TrainingSets training_sets;
  StepInputs inputs;
  StepExecutor executor;
  pipelines::GivenSteps given_steps;
  pipelines::StepWorker step_worker;
  pipelines::Secrets secrets;
  TrackedTrials trial_runs;
  pipelines::Pipelines pipelines;
  pipelines::LogFeed log_feed;
  pipelines::OldOutputs old_outputs;
  pipelines::Schedules schedules;
  Kubeflow kubeflow;

  RegisteredModels models;
  OnlineFeatures online;
  serving::RequestLog log;
  serving::python::Runtime python;
  serving::onnx::Runtime onnx;
  serving::Endpoints endpoints;
  ServingPlane plane;
  MonitoredVariants facts;
  releases::Releases releases;
  TrainedModels trained_models;
  GovernedData governed;
  releases::Gates gates;
  AliasFollower follower;
  pipelines::ServerTable servers;
  ServerLease lease;
  OtherServers others;

  LoggedRequests logged;
  LoggedVectors vectors;
  features::SkewMeter skew;
  ServedFeatures served_features;
  KeptDatasets kept_datasets;
  ServedRequests served;
  monitor::Profiles profiles;
  std::unique_ptr<monitor::Detections> detections;  // of the monitor below, after it is opened
  TrainingRows training;
  TrainingInputs trained_inputs;
  SliceConditions slice_conditions;
  ModelAttributions attributions;
  EndpointNeighbourhood neighbourhood;
  incidents::Incidents incidents;
  monitor::DrillLog drills;
  AlertActions actions;
  store::LocalLog topics;
  TopicLogs topic_logs;
  api::predict::StreamScorer stream_scorer;
  StreamedRows streamed_rows;
  streams::Streams streams;
  DeclaredDestinations destinations;
  api::predict::InvocationScorer invocation_scorer;
  InvocationFiles invocation_files;
  invocations::Invocations invocations;
  std::unique_ptr<monitor::Monitor> monitor;
  std::unique_ptr<Project> project;
  std::thread late;  // loads models while the server answers
  std::atomic<bool> stopping{false};
  std::vector<http::Route> root;  // what answers at `/`: our page or MLflow's
};

Application::Rooms::Rooms(const Foundation& foundation,
                          std::unique_ptr<features::OnlineStore> online)
    : impl_(std::make_unique<Impl>(foundation, std::move(online))) {}
Application::Rooms::~Rooms() = default;

std::vector<store::RoomMigrations> Application::Rooms::migrations() {
  return {
      access::migrations(),          tracking::migrations(),          registry::migrations(),
      datasets::migrations(),        governance::migrations(),        features::migrations(),
      pipelines::migrations(),       releases::migrations(),          monitor::migrations(),
      Project::migrations(),         webhooks::migrations(),          tracking::import_migrations(),
      traces::migrations(),          evaluations::migrations(),       AliasFollower::migrations(),
      store::LocalLog::migrations(), streams::Streams::migrations(),  invocations::migrations(),
      incidents::migrations(),       monitor::DrillLog::migrations(), versions::migrations(),
      objects::migrations(),         lineage::migrations(),           kubeflow::migrations()};
}

Result<void> Application::Rooms::open() {
  Impl& i = *impl_;
  i.leads = TRY(ask_to_lead(i.foundation.db));
  if (const std::string& file = i.foundation.settings.kafka_properties; !file.empty()) {
    auto properties = store::parse_kafka_properties(TRY(store::read_file(file)));
    if (!properties)
      return std::move(properties).error().with_context("setting kafka-properties: " + file);
    i.topic_logs.set_properties(std::move(*properties));
  }
  TRY(tracking::upgrade_metrics(i.foundation.db));
  TRY(i.experiments.ensure_default());
  TRY(Project::restore_clock(i.foundation.db, i.clock));
  TRY(i.governance.open());
  i.monitor =
      TRY(monitor::Monitor::open(i.foundation.db, i.clock,
                                 {i.logged, i.training, i.actions, i.served_features,
                                  i.kept_datasets, &i.slice_conditions, &i.attributions},
                                 i.foundation.metrics, "default",
                                 {.slice_rows = i.foundation.settings.slice_rows_max,
                                  .attribution_rows = i.foundation.settings.attribution_rows_max,
                                  .duplicate_rows = i.foundation.settings.duplicate_rows_max}));
  i.facts.connect(*i.monitor);
  i.served.connect(*i.monitor, i.slice_conditions);
  i.detections = std::make_unique<monitor::Detections>(i.foundation.db, *i.monitor, i.logged);
  i.open_alerts.connect(*i.monitor);
  i.neighbourhood.connect(*i.monitor);
  TRY(i.skew.open());
  i.project = std::make_unique<Project>(
      i.foundation.db, i.clock, i.foundation.clock,
      Project::Rooms{i.datasets, i.features, i.skew, i.pipelines, i.schedules, i.registry,
                     i.releases, i.endpoints, i.log, *i.monitor, i.profiles, i.incidents,
                     *i.detections, i.streams, i.webhooks, i.governance},
      Project::Delays{base::Duration::seconds(i.foundation.settings.skew_delay_seconds),
                      base::Duration::seconds(i.foundation.settings.profile_delay_seconds)});
  if (i.leads) {
    // Tracking goes on whatever is the matter with the data: a server that has just taken the lead
    // may not have it.
    if (const Result<void> bound = i.project->open(); !bound)
      base::log_error("app", "features do not answer: {}", bound.error().message);
  }
  const std::string& mlflow_ui = i.foundation.settings.mlflow_ui;
  if (mlflow_ui.empty()) {
    i.root.push_back(api::page::root_route());
  } else {
    i.root = TRY(api::page::mlflow_ui_routes(mlflow_ui));
  }
  i.runs.set_observer(&i.metric_feed);
  if (!i.leads) return {};
  i.registry.set_observer(&i.follower);
  TRY(i.releases.reinstall());
  TRY(i.invocations.open());
  return i.follower.catch_up();
}

// Whether this server leads may change when another one ends, or the connection to the database
// breaks.
Result<void> Application::Rooms::look_who_leads() {
  Impl& i = *impl_;
  const bool leads = TRY(i.foundation.db.lead());
  if (i.lead_changed || (leads == i.leads && !i.lease.was_replaced())) return {};
  i.lead_changed = true;
  base::log_warning("app", "{}: starting again inside",
                    i.leads ? "another server has led since the connection to the database broke"
                            : "the server that led has ended, and this one takes over");
  i.foundation.on_lead_change();
  return {};
}

Result<void> Application::Rooms::begin_lease(const std::string& url) {
  Impl& i = *impl_;
  const Settings& settings = i.foundation.settings;
  pipelines::ServerRecord own{.name = name_of_server(settings),
                              .url = settings.server_url.empty() ? url : settings.server_url,
                              .leads = i.leads};
  std::map<std::string, std::string> environment;  // of steps that run here
  if (settings.run_steps) {
    if (settings.database.empty() || settings.pipelines_folder.empty())
      return base::error(Code::kFailedPrecondition,
                         "setting run-steps: servers share steps through PostgreSQL (--database) "
                         "and a folder that all of them have (--pipelines-folder)");
    own.steps_max = settings.pipeline_steps_max;
    own.capacity = step_capacity(settings);
    own.folder = TRY(
        pipelines::folder_id(pipelines_folder(settings, i.foundation.data), i.foundation.random));
    const char* const path = std::getenv("PATH");
    environment = {{"SLIPWAY_URL", url},
                   {"MLFLOW_TRACKING_URI", url},
                   {"MLFLOW_REGISTRY_URI", url},
                   {"PATH", fmt::format("{}:{}", path_prefix(settings),
                                        path == nullptr ? "/usr/bin:/bin" : path)}};
  }
  i.executor.set_servers(
      {.given = i.given_steps, .lease = i.lease, .environment = std::move(environment)});
  // Before the others hear that this server leads, and pass on what the steps ask.
  if (i.leads) TRY(i.executor.take_up_tokens());
  return i.lease.begin(std::move(own), [&i](const auto& servers) { i.share_with(servers); });
}

void Application::Rooms::watch_other_servers() {
  Impl& i = *impl_;
  std::vector<OtherServers::Look> looks;
  looks.push_back({"who leads", [this] { return look_who_leads(); }});
  looks.push_back({"who is there", [&i] { return i.lease.look(); }});
  if (i.leads) looks.push_back({"moved aliases", [&i] { return i.follower.catch_up(); }});
  if (i.foundation.access != nullptr) {
    looks.push_back(
        {"users and permissions", [&access = *i.foundation.access] { return access.follow(); }});
  }
  i.others.start(std::move(looks));
}

void Application::Rooms::end_loads() { impl_->features.stop(); }

std::optional<api::predict::Served> Application::Rooms::served() const {
  Impl& i = *impl_;
  if (!i.leads) return std::nullopt;
  return api::predict::Served{
      .endpoints = i.endpoints,
      .version = std::string(kVersion),
      .rehearses = [&clock = i.clock] { return clock.rehearses(); },
      .body_bytes_max = static_cast<std::uint64_t>(i.foundation.settings.body_bytes_max)};
}

api::grpc::OtherCalls Application::Rooms::other_calls() const {
  Impl& i = *impl_;
  const auto registry = std::make_shared<const api::feast::Registry>(
      i.features, [&project = *i.project] { return project.name(); });
  const auto serving = std::make_shared<const api::feast::Serving>(
      i.features, static_cast<std::size_t>(i.foundation.settings.feast_values_max),
      std::string(kVersion));
  return {
      .answer = [registry, serving](
                    std::string_view service, std::string_view method,
                    std::string_view request) -> std::optional<Result<std::string>> {
        if (service == api::feast::kRegistryService) return registry->call(method, request);
        return serving->call(service, method, request);
      },
      .need_use = [](std::string_view service) { return service != api::feast::kRegistryService; }};
}

void Application::Rooms::measure_alerts() {
  Impl& i = *impl_;
  i.foundation.metrics.gauges(
      "slipway_alert_open", "1 for each alert that is open; silenced: whether nobody is told.",
      [&i] {
        base::Metrics::Readings readings;
        const auto open = i.monitor->alerts({.open_only = true});
        if (!open) return readings;  // the database is away: /health says so
        for (const monitor::AlertRecord& alert : *open) {
          readings.emplace_back(base::Metrics::Labels{{"endpoint", alert.endpoint},
                                                      {"monitor", alert.monitor},
                                                      {"alert", alert.alert},
                                                      {"severity", alert.severity},
                                                      {"silenced", alert.quiet ? "true" : "false"}},
                                1);
        }
        return readings;
      });
}

void Application::Rooms::measure_online_features() {
  Impl& i = *impl_;
  base::Metrics& metrics = i.foundation.metrics;
  metrics.gauges("slipway_feature_view_age_seconds", "Age of the newest row of a view, online.",
                 [&i] {
                   base::Metrics::Readings readings;
                   for (const auto& view : i.features.freshness()) {
                     if (!view.newest) continue;
                     const base::Duration age = i.features.now() - *view.newest;
                     readings.emplace_back(base::Metrics::Labels{{"view", view.view}},
                                           static_cast<double>(age.micros) / 1e6);
                   }
                   return readings;
                 });
  for (const auto& [where, bytes] :
       {std::pair("memory", &features::OnlineStore::Size::memory_bytes),
        std::pair("disk", &features::OnlineStore::Size::disk_bytes)}) {
    metrics.gauge("slipway_online_store_bytes", "What features for online reads take.",
                  [&i, bytes] { return static_cast<double>(i.features.online().size().*bytes); },
                  {{"where", where}});
  }
}

void Application::Rooms::add_lfs_routes(http::Router& router) {
  Impl& i = *impl_;
  const Foundation& f = i.foundation;
  const auto may = [access = f.access](access::Permission need) {
    return [access, need](const std::string& user) {
      return access == nullptr || access->may(user, access::kWorkspace, "*", need);
    };
  };
  router.add_all(api::lfs::lfs_routes(
      i.lfs_files, i.contents,
      {.file_bytes_max = static_cast<std::uint64_t>(f.settings.lfs_file_bytes_max),
       .path_prefix = f.settings.static_prefix,
       .may_edit = may(access::Permission::kEdit),
       .may_manage = may(access::Permission::kManage)}));
  router.set_fallback("/lfs/", api::lfs::no_route);
}

void Application::Rooms::add_lineage_routes(http::Router& router) {
  Impl& i = *impl_;
  const Settings& settings = i.foundation.settings;
  router.add_all(api::openlineage::openlineage_routes(
      i.lineage, {.event_bytes_max = static_cast<std::uint64_t>(settings.lineage_event_bytes_max),
                  .events_max = static_cast<std::size_t>(settings.lineage_batch_events_max),
                  .event = {.datasets_max = static_cast<std::size_t>(settings.lineage_datasets_max),
                            .facets_max = static_cast<std::size_t>(settings.lineage_facets_max)}}));
  router.set_fallback("/api/v1/", api::openlineage::no_route);
  router.add_all(api::own::lineage_routes(i.lineage));
}

void Application::Rooms::add_leading_routes(http::Router& router) {
  Impl& i = *impl_;
  add_lfs_routes(router);
  measure_online_features();
  measure_alerts();
  const auto rehearses = [&clock = i.clock] { return clock.rehearses(); };
  router.add_all(api::predict::predict_routes(*served()));
  router.add_all(api::predict::async_routes(i.invocations, i.endpoints));
  router.set_fallback("/v2", api::predict::no_v2_route);
  router.add_all(api::own::reclaim_routes(i.reclaimer, i.python));
  router.add_all(api::own::project_routes(*i.project));
  router.add_all(api::own::dataset_routes(
      i.datasets, i.governed,
      {.ingested = [&project = *i.project](const std::string&) { return project.bind_features(); },
       .manages =
           [access = i.foundation.access](const http::Request& request) {
             return access == nullptr ||
                    access->may(request.user, access::kWorkspace, "*", access::Permission::kManage);
           },
       .pushed = [&features = i.features, bytes_max = i.foundation.settings.dataset_bytes_max](
                     const std::string& name) { return features.pushed_rows(name, bytes_max); },
       .scratch = i.foundation.data / "uploads"},
      i.foundation.settings.dataset_diff_bytes_max));
  router.add_all(api::own::feature_routes(i.features, i.skew, i.governed));
  const Settings& settings = i.foundation.settings;
  router.add_all(api::own::training_set_routes(
      i.training_sets, i.governed, i.foundation.random,
      {.scratch = i.foundation.data / "uploads",
       .limits = {.rows = settings.posted_rows_max,
                  .bytes = settings.posted_bytes_max,
                  .memory_bytes = settings.training_set_memory_mb << 20}}));
  router.add_all(api::feast::feast_routes(
      i.features,
      {.values_max = static_cast<std::size_t>(i.foundation.settings.feast_values_max)}));
  router.add_all(api::own::version_routes(
      i.data_versions,
      {.pack_bytes_max = static_cast<std::uint64_t>(i.foundation.settings.data_pack_bytes_max),
       .reply_bytes_max = static_cast<std::uint64_t>(i.foundation.settings.data_reply_bytes_max),
       .diff_files_max = static_cast<std::uint64_t>(i.foundation.settings.data_diff_files_max)}));
  router.add_all(api::own::pipeline_routes(i.pipelines));
  router.add_all(api::own::log_stream_routes(i.log_feed, stream_options(i.foundation.settings)));
  router.add_all(api::own::schedule_routes(i.schedules));
  router.add_all(api::kubeflow::kubeflow_routes(
      i.kubeflow.services(static_cast<std::uint64_t>(i.foundation.settings.body_bytes_max))));
  router.set_fallback("/apis/", api::kubeflow::no_route);
  router.add_all(api::own::import_routes(i.run_import, i.model_import));
  router.add_all(api::own::endpoint_routes(i.releases, *i.monitor, i.logged, i.governed,
                                           i.endpoints, rehearses));
  router.add_all(api::own::governance_routes(i.governed));
  i.trained_inputs.connect(*i.monitor);
  router.add_all(api::own::input_routes(i.releases, i.endpoints, i.trained_inputs, i.governed));
  if (i.foundation.settings.price_core_hour > 0) {
    i.foundation.metrics.gauge("slipway_price_per_core_hour", "The setting price-core-hour.",
                               [price = i.foundation.settings.price_core_hour] { return price; },
                               {{"currency", i.foundation.settings.price_currency}});
  }
  router.add_all(api::own::advice_routes(i.endpoints, i.log, i.clock,
                                         {.core_hour = i.foundation.settings.price_core_hour,
                                          .currency = i.foundation.settings.price_currency}));
  router.add_all(api::own::gate_routes(i.gates, i.models));
  router.add_all(api::own::model_routes(i.registry));
  router.add_all(api::own::monitor_routes(*i.monitor));
  router.add_all(api::own::profile_routes(i.profiles, i.releases, i.governed));
  router.add_all(api::own::route_routes(i.webhooks));
  router.add_all(api::own::silence_routes(*i.monitor));
  router.add_all(api::own::incident_routes(i.incidents));
  router.add_all(api::own::drill_routes(i.drills, i.releases));
  if (settings.breakable) router.add_all(api::own::fault_routes(i.faults, i.features));
  router.add_all(api::own::drift_routes(i.datasets, *i.monitor, i.governed,
                                        i.foundation.settings.drift_rows_max));
  router.add_all(api::own::streaming_routes(i.streams, i.topics, i.governed));
}

void Application::Rooms::add_routes(http::Router& router) {
  Impl& i = *impl_;
  router.add_all(api::mlflow::routes(i.mlflow));
  router.add_all(api::otlp::otlp_routes(
      i.traces, static_cast<std::size_t>(i.foundation.settings.body_bytes_max)));
  router.add_all(api::dvc::dvc_routes(
      i.remotes,
      {.file_bytes_max = static_cast<std::uint64_t>(i.foundation.settings.remote_file_bytes_max)}));
  for (const char* prefix : {"/api/", "/ajax-api/", "/get-artifact"})
    router.set_fallback(prefix, api::mlflow::no_route);
  add_lineage_routes(router);
  router.add_all(
      api::own::stream_routes(i.runs, i.metric_feed, stream_options(i.foundation.settings)));
  router.add_all(api::own::run_table_routes(i.run_table));
  router.add_all(api::own::event_stream_routes(
      i.event_feed,
      i.foundation.access == nullptr ? nullptr : audience(*i.foundation.access, i.foundation.db),
      stream_options(i.foundation.settings)));
  router.add_all(api::page::page_routes());
  router.add_all(std::move(i.root));
  if (i.leads) {
    add_leading_routes(router);
  } else {
    router.set_fallback("/apis/", api::kubeflow::no_route);
  }
  if (i.foundation.access != nullptr) {
    std::function<std::string(const std::string&)> secret_of_token;
    if (!i.foundation.s3_key.empty()) {
      secret_of_token = [key = i.foundation.s3_key](const std::string& id) {
        return api::s3::secret_of_token(key, id);
      };
    }
    router.add_all(api::access::access_routes(*i.foundation.access, i.foundation.clock,
                                              std::move(secret_of_token)));
    protect_routes(router, i.mlflow);
  }
  // Behind the others: who leads asks for the permits of these.
  if (!i.leads) {
    router.add_all(passed_on_routes(
        i.servers, static_cast<std::size_t>(i.foundation.settings.body_bytes_max)));
  }
}

void Application::Rooms::add_s3_routes(http::Router& router) {
  Impl& i = *impl_;
  const Foundation& f = i.foundation;
  api::s3::Services services{
      .buckets = i.buckets,
      .uploads = i.uploads,
      .contents = i.contents,
      .access = f.access,
      .options = {.object_bytes_max = static_cast<std::uint64_t>(f.settings.s3_object_bytes_max),
                  .request_bytes_max = static_cast<std::uint64_t>(f.settings.body_bytes_max)}};
  if (f.access != nullptr)
    services.find_credential = api::s3::tokens_as_credentials(*f.access, f.s3_key);
  api::s3::add_routes(router, services);
}

bool Application::Rooms::leads() const { return impl_->leads; }

Result<void> Application::Rooms::start(const std::string& url, const OnStop& on_stop) {
  Impl& i = *impl_;
  if (i.leads) i.python.start();  // opening waited for no model
  if (auto options = TRY(MetricsExporter::options_of(i.foundation.settings))) {
    auto collector = TRY(OtlpCollector::open(options->collector));
    i.exporter = std::make_unique<MetricsExporter>(i.foundation.metrics, i.foundation.clock,
                                                   std::move(*options), std::move(collector));
    i.exporter->start();
    on_stop("metrics exporter", [&i] { i.exporter->stop(); });
  }
  i.run_index.start();
  on_stop("run index", [&i] { i.run_index.stop(); });
  i.metric_feed.start();
  on_stop("metric feed", [&i] { i.metric_feed.stop(); });
  i.event_feed.start();
  on_stop("event feed", [&i] { i.event_feed.stop(); });
  i.log_feed.start();
  on_stop("log feed", [&i] { i.log_feed.stop(); });
  TRY(begin_lease(url));
  on_stop("server lease", [&i] { i.lease.end(); });
  if (!i.foundation.settings.database.empty()) {
    watch_other_servers();
    on_stop("other servers", [&i] { i.others.stop(); });
  }
  if (i.foundation.settings.run_steps && !i.leads) {
    i.step_worker.start(i.lease.own().id);
    on_stop("given steps", [&i] { i.step_worker.stop(); });
  }
  if (!i.leads) return {};
  const Settings& settings = i.foundation.settings;
  TRY(i.webhooks.set_lineage_receiver(lineage_receiver(settings), i.lineage_sender));
  i.deliveries.tell_of_lineage(i.pipeline_news);
  i.deliveries.start();
  on_stop("webhooks", [&i] { i.deliveries.stop(); });
  i.reclaimer.start();
  on_stop("reclaimer", [&i] { i.reclaimer.stop(); });
  i.late = std::thread([&i] {
    const auto bytes_max = static_cast<std::size_t>(i.foundation.settings.models_bytes_max);
    for (const std::string& endpoint : i.endpoints.names()) {
      if (i.stopping || (bytes_max > 0 && i.endpoints.memory_bytes() >= bytes_max)) return;
      if (const Result<void> done = i.endpoints.wake(endpoint); !done && !i.stopping)
        base::log_error("app", "an endpoint does not answer: {}", done.error().message);
    }
  });
  on_stop("late endpoints", [&i] {
    i.stopping = true;
    i.python.stop();
    i.late.join();
  });
  i.log.start();
  on_stop("request log", [&i] { i.log.stop(); });
  TRY(i.streams.start());
  on_stop("streams", [&i] { i.streams.stop(); });  // before the request log that they write to
  i.invocations.start();
  on_stop("invocations", [&i] { i.invocations.stop(); });  // likewise
  if (auto jobs = TRY(kubernetes_of(i.foundation.settings, url, i.foundation.data)))
    i.executor.connect(std::move(*jobs));
  TRY(i.pipelines.start(
      {.folder = pipelines_folder(i.foundation.settings, i.foundation.data),
       .url = url,
       .path_prefix = path_prefix(i.foundation.settings),
       .no_cache = i.foundation.settings.no_step_cache,
       .runs_parallel_max = static_cast<std::size_t>(i.foundation.settings.pipeline_workers),
       .steps_parallel_max = static_cast<std::size_t>(i.foundation.settings.pipeline_steps_max),
       .items_max = static_cast<std::size_t>(i.foundation.settings.pipeline_items_max),
       .log_search_bytes_max = i.foundation.settings.pipeline_log_search_bytes_max,
       .capacity = step_capacity(i.foundation.settings),
       .jobs_parallel_max = static_cast<std::size_t>(i.foundation.settings.kubernetes_jobs_max),
       .server = i.foundation.settings.run_steps ? i.lease.own().id : "",
       .leader = i.foundation.settings.database.empty() ? "" : i.lease.own().id}));
  on_stop("pipelines", [&i] { i.pipelines.stop(); });
  i.objects_upkeep.start();
  on_stop("objects", [&i] { i.objects_upkeep.stop(); });
  i.governed.start(base::Duration::seconds(i.foundation.settings.reclaim_interval_seconds));
  on_stop("what is kept no longer", [&i] { i.governed.stop(); });
  i.data_retention.start();
  on_stop("data retention", [&i] { i.data_retention.stop(); });
  i.old_outputs.start();
  on_stop("old outputs", [&i] { i.old_outputs.stop(); });
  i.schedules.start();
  on_stop("schedules", [&i] { i.schedules.stop(); });  // before the pipelines that they start
  // The loop stops before the pipelines that it starts.
  i.project->start();
  on_stop("loop", [&i] { i.project->stop(); });
  return {};
}

}  // namespace slipway::app
