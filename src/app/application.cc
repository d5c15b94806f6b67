#include "app/application.h"

#include "api/access/guard.h"
#include "api/own/batch_routes.h"
#include "api/own/server_routes.h"
#include "api/s3/guard.h"
#include "app/login.h"
#include "app/online_store.h"
#include "app/rooms.h"
#include "app/storage.h"
#include "base/log.h"
#include "store/postgres.h"
#include "store/sqlite.h"

namespace slipway::app {

Application::Application(Settings settings, store::FolderLock lock,
                         std::function<void()> on_lead_change)
    : settings_(std::move(settings)),
      data_(std::filesystem::absolute(settings_.data)),
      lock_(std::move(lock)),
      on_lead_change_(std::move(on_lead_change)) {}

Application::~Application() { stop(); }

Result<std::unique_ptr<Application>> Application::open(Settings settings,
                                                       std::function<void()> on_lead_change) {
  const std::filesystem::path data = settings.data;
  TRY(store::make_folders(data));
  store::FolderLock lock = TRY(store::FolderLock::acquire(data));
  std::unique_ptr<Application> app(
      new Application(std::move(settings), std::move(lock), std::move(on_lead_change)));
  TRY(app->open_stores());
  TRY(app->open_rooms());
  app->add_routes();
  return app;
}

Result<std::unique_ptr<store::Db>> Application::open_database() {
  const auto readers = static_cast<std::size_t>(settings_.database_readers);
  if (settings_.database.empty())
    return store::open_sqlite({.file = data_ / "slipway.db", .readers = readers}, clock_, random_);
  auto db = store::open_postgres(
      {.url = settings_.database, .schema = settings_.database_schema, .readers = readers}, clock_,
      random_);
  if (db) return db;
  return std::move(db).error().with_context("setting database");
}

Result<void> Application::open_stores() {
  for (const char* folder : {"artifact-copies", "uploads"})
    TRY(store::make_folders(data_ / folder));
  // Uploads that a crash left behind were never acknowledged.
  for (const auto& left : std::filesystem::directory_iterator(data_ / "uploads")) {
    std::error_code ignored;
    std::filesystem::remove_all(left.path(), ignored);
  }
  db_ = TRY(open_database());
  blobs_ = TRY(store::open_folder_blobs(data_ / "blobs", random_));
  artifacts_ = TRY(open_artifacts_destination(settings_, data_, clock_));
  remote_files_ = TRY(open_remotes_destination(settings_, data_, clock_));
  return {};
}

Result<std::string> Application::find_key(const std::string& setting, const char* name) {
  if (!setting.empty()) return setting;
  const std::filesystem::path file = data_ / name;
  if (std::filesystem::exists(file)) return store::read_file(file);
  std::string key = random_.hex(32);
  TRY(store::write_file(file, key, store::Readable::kByOwner));
  return key;
}

Result<void> Application::open_rooms() {
  std::optional<registry::SourcePattern> source_pattern;
  if (!settings_.model_source_pattern.empty())
    source_pattern = TRY(registry::SourcePattern::compile(settings_.model_source_pattern));
  if (settings_.login) {
    access_ = std::make_unique<access::Access>(*db_, clock_, random_, metrics_,
                                               access_options(settings_));
    guard_ = std::make_unique<api::access::LoginGuard>(*access_);
    router_.set_guard(guard_.get());
  }
  std::string webhook_key = TRY(find_key(settings_.webhook_key, "webhook-key"));
  std::string s3_key;
  if (access_ && settings_.s3_port > 0) {
    s3_key = TRY(find_key(settings_.s3_key, "s3-key"));
    s3_guard_ = std::make_unique<api::s3::SignatureGuard>(
        api::s3::tokens_as_credentials(*access_, s3_key), clock_,
        base::Duration::seconds(settings_.s3_clock_skew_seconds));
    s3_router_.set_guard(s3_guard_.get());
  }
  TRY(db_->migrate(Rooms::migrations()));
  auto online = open_online_store(settings_, data_, *db_, random_);
  if (!online) return std::move(online).error().with_context("setting online-store");
  const Foundation foundation{.settings = settings_,
                              .data = data_,
                              .clock = clock_,
                              .random = random_,
                              .metrics = metrics_,
                              .db = *db_,
                              .blobs = *blobs_,
                              .artifacts = *artifacts_,
                              .remote_files = *remote_files_,
                              .source_pattern = std::move(source_pattern),
                              .access = access_.get(),
                              .webhook_key = std::move(webhook_key),
                              .s3_key = std::move(s3_key),
                              .on_lead_change = on_lead_change_};
  rooms_ = std::make_unique<Rooms>(foundation, std::move(*online));
  if (access_) {
    TRY(access_->open());
    TRY(ensure_administrator(*access_, settings_, data_, random_));
  }
  return rooms_->open();
}

void Application::add_routes() {
  router_.add_all(api::own::server_routes(*db_, metrics_, router_, kVersion));
  router_.add_all(
      api::own::batch_routes(router_, static_cast<std::size_t>(settings_.body_bytes_max)));
  rooms_->add_routes(router_);
  if (settings_.s3_port > 0) rooms_->add_s3_routes(s3_router_);
}

int Application::share_listener() const { return server_ ? server_->share_listener() : -1; }

http::ServerOptions Application::http_options() const {
  return {
      .host = settings_.host,
      .port = static_cast<std::uint16_t>(settings_.port),
      .io_threads = static_cast<std::size_t>(settings_.io_threads),
      .data_threads = static_cast<std::size_t>(settings_.data_threads),
      .control_threads = static_cast<std::size_t>(settings_.control_threads),
      .scoring_threads = static_cast<std::size_t>(settings_.scoring_threads),
      .scoring_threads_per_queue = static_cast<std::size_t>(settings_.scoring_threads_per_endpoint),
      .queue_length_max = static_cast<std::size_t>(settings_.queue_length_max),
      .scoring_queue_length_max = static_cast<std::size_t>(settings_.scoring_queue_length_max),
      .connections_max = static_cast<std::size_t>(settings_.connections_max),
      .body_bytes_max = static_cast<std::uint64_t>(settings_.body_bytes_max),
      .file_body_bytes_max = static_cast<std::uint64_t>(settings_.artifact_bytes_max),
      .idle_timeout_seconds = static_cast<int>(settings_.idle_timeout_seconds),
      .request_timeout_seconds = static_cast<int>(settings_.request_timeout_seconds),
      .upload_folder = data_ / "uploads",
      .path_prefix = settings_.static_prefix,
      .origin_policy = {.enabled = !settings_.disable_security_middleware,
                        .allowed_hosts = settings_.allowed_hosts,
                        .allowed_origins = settings_.cors_allowed_origins,
                        .frame_options = settings_.x_frame_options}};
}

Result<void> Application::start(int listener) {
  sealer_ = std::make_unique<store::EventSealer>(*db_, clock_);
  on_stop("event sealer", [this] { sealer_->stop(); });
  http::ServerOptions options = http_options();
  options.listener = listener;
  server_ = std::make_unique<http::Server>(std::move(options), router_, metrics_, random_);
  TRY(server_->listen());
  // The listener begins last and stops first: what it runs needs everything below it.
  TRY(rooms_->start(url(), [this](std::string what, std::function<void()> stop) {
    on_stop(std::move(what), std::move(stop));
  }));
  TRY(start_grpc());
  TRY(start_s3());  // before the port whose /health says that all answer
  TRY(server_->start());
  on_stop("http server", [this] { server_->stop(static_cast<int>(settings_.drain_seconds)); });
  // Nobody waits for the hours that one may take: it goes on where it was.
  on_stop("materialization", [this] { rooms_->end_loads(); });
  base::log_info("app", "serving: url={} data={} version={}", url(), data_.string(), kVersion);
  return {};
}

Result<void> Application::start_s3() {
  if (settings_.s3_port == 0) return {};
  if (!rooms_->leads()) {
    base::log_warning("app", "S3 is off: another server on this database leads");
    return {};
  }
  http::ServerOptions options = http_options();
  options.port = static_cast<std::uint16_t>(settings_.s3_port);
  options.data_threads = static_cast<std::size_t>(settings_.s3_threads);
  options.control_threads = options.scoring_threads = 1;  // nothing runs there
  options.path_prefix.clear();
  options.metric_labels = {{"port", "s3"}};
  s3_server_ = std::make_unique<http::Server>(std::move(options), s3_router_, metrics_, random_);
  if (Result<void> started = s3_server_->start(); !started)
    return std::move(started).error().with_context("setting s3-port");
  on_stop("S3 server", [this] { s3_server_->stop(static_cast<int>(settings_.drain_seconds)); });
  return {};
}

Result<void> Application::start_grpc() {
  std::optional<api::predict::Served> served = rooms_->served();
  if (settings_.grpc_port == 0 || !served) return {};
  const api::grpc::InferenceServerOptions options{
      .host = settings_.host,
      .port = static_cast<std::uint16_t>(settings_.grpc_port),
      .message_bytes_max = static_cast<std::uint64_t>(settings_.body_bytes_max),
      .threads_max = static_cast<std::size_t>(settings_.scoring_threads),
      .threads_per_queue_max = static_cast<std::size_t>(settings_.scoring_threads_per_endpoint),
      .queue_length_max = static_cast<std::size_t>(settings_.scoring_queue_length_max)};
  grpc_server_ = std::make_unique<api::grpc::InferenceServer>(options, std::move(*served),
                                                              access_.get(), rooms_->other_calls());
  if (const Result<void> started = grpc_server_->start(); !started) {
    if (settings_.grpc_port != Settings().grpc_port) return started.error();
    // Nobody has asked for this port: the unit file of another server must not fail for its sake.
    base::log_warning("app", "gRPC is off: {}", started.error().message);
    grpc_server_.reset();
    return {};
  }
  on_stop("grpc server", [this] { grpc_server_->stop(static_cast<int>(settings_.drain_seconds)); });
  return {};
}

void Application::stop() {
  while (!stops_.empty()) {
    const auto [what, stop] = std::move(stops_.back());
    stops_.pop_back();
    base::log_debug("app", "stopping: what={}", what);
    stop();
  }
}

void Application::on_stop(std::string what, std::function<void()> stop) {
  stops_.emplace_back(std::move(what), std::move(stop));
}

std::string Application::url() const { return url_of(server_ ? server_->port() : settings_.port); }

std::string Application::s3_url() const { return s3_server_ ? url_of(s3_server_->port()) : ""; }

std::string Application::url_of(int port) const {
  const std::string host =
      settings_.host.find(':') == std::string::npos ? settings_.host : "[" + settings_.host + "]";
  return fmt::format("http://{}:{}", host == "0.0.0.0" ? "127.0.0.1" : host, port);
}

}  // namespace slipway::app
