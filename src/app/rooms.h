// The rooms of the server and the small objects that connect them. app/ is the only place that
// knows all of them.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "api/grpc/inference_server.h"
#include "api/http/router.h"
#include "api/predict/call.h"
#include "app/application.h"
#include "features/online_store.h"
#include "registry/sources.h"

namespace slipway::app {

// What every room stands on; outlives them all.
struct Foundation {
  const Settings& settings;
  const std::filesystem::path& data;
  const base::Clock& clock;
  base::Random& random;
  base::Metrics& metrics;
  store::Db& db;
  store::BlobStore& blobs;
  store::ObjectStore& artifacts;
  store::ObjectStore& remote_files;
  std::optional<registry::SourcePattern> source_pattern;  // of model versions
  access::Access* access = nullptr;                       // null: nobody has to log in
  std::string webhook_key;                                // seals the secrets of webhooks
  std::string s3_key;                                     // makes secret access keys; empty: none
  std::function<void()> on_lead_change;                   // see Application::open
};

struct Application::Rooms {
  Rooms(const Foundation& foundation, std::unique_ptr<features::OnlineStore> online);
  ~Rooms();

  static std::vector<store::RoomMigrations> migrations();

  using OnStop = std::function<void(std::string what, std::function<void()> stop)>;

  Result<void> open();
  void add_routes(http::Router& router);
  void add_s3_routes(http::Router& router);
  bool leads() const;  // the other servers of the database, if there are any
  // What answers with predictions; nothing when another server of the database does.
  std::optional<api::predict::Served> served() const;
  // What else gRPC's port answers, where it answers with predictions.
  api::grpc::OtherCalls other_calls() const;
  // Threads of the rooms; `url` is where this server answers.
  Result<void> start(const std::string& url, const OnStop& on_stop);
  // Ends what requests wait for hours for; it goes on when it is asked for again.
  void end_loads();

 private:
  // What changes outside of tracking and registry, and predictions.
  void add_leading_routes(http::Router& router);
  void add_lfs_routes(http::Router& router);
  void add_lineage_routes(http::Router& router);
  void measure_online_features();
  void measure_alerts();

  Result<void> begin_lease(const std::string& url);
  void watch_other_servers();
  Result<void> look_who_leads();

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::app
