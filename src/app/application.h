// The whole server: opens what is stored, connects the rooms, serves, and stops in the reverse
// order of starting.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/access.h"
#include "api/grpc/inference_server.h"
#include "api/http/guard.h"
#include "api/http/router.h"
#include "api/http/server.h"
#include "app/settings.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "store/blob_store.h"
#include "store/db.h"
#include "store/events.h"
#include "store/file_system.h"
#include "store/object_store.h"

namespace slipway::app {

inline constexpr std::string_view kVersion = SLIPWAY_VERSION;

// open(), then start(), then stop(), all from one thread.
class Application {
 public:
  // kUnavailable: another server uses the data folder. Nothing listens yet.
  //
  // `on_lead_change` is called, once and from another thread, when this server should lead the
  // others on its database from now on, or may not any more: it is then to be stopped and opened
  // again, because what only the leader runs was made, or left out, when it was opened.
  static Result<std::unique_ptr<Application>> open(Settings settings,
                                                   std::function<void()> on_lead_change);
  ~Application();  // stop()

  // `listener`: what share_listener() of the one before gave, or -1.
  Result<void> start(int listener = -1);
  // The listening socket once more: who connects until the next one starts waits.
  int share_listener() const;
  // Idempotent.
  void stop();

  std::string url() const;
  std::string s3_url() const;  // empty: the port is off

  struct Rooms;  // rooms.h

 private:
  Application(Settings settings, store::FolderLock lock, std::function<void()> on_lead_change);
  Result<std::unique_ptr<store::Db>> open_database();
  Result<void> open_stores();
  Result<void> open_rooms();
  // The setting, or what is in the file of that name, or a new one.
  Result<std::string> find_key(const std::string& setting, const char* file);
  void add_routes();
  http::ServerOptions http_options() const;
  Result<void> start_s3();
  std::string url_of(int port) const;
  Result<void> start_grpc();
  // Remembers how to stop what was just started; stop() walks the list backwards.
  void on_stop(std::string what, std::function<void()> stop);

  const Settings settings_;
  const std::filesystem::path data_;
  store::FolderLock lock_;
  const std::function<void()> on_lead_change_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  base::Metrics metrics_;
  std::unique_ptr<store::Db> db_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<store::ObjectStore> artifacts_, remote_files_;
  std::unique_ptr<access::Access> access_;  // with login on
  std::unique_ptr<http::Guard> guard_;
  std::unique_ptr<Rooms> rooms_;
  http::Router router_;
  std::unique_ptr<store::EventSealer> sealer_;
  http::Router s3_router_;
  std::unique_ptr<http::Guard> s3_guard_;  // with login on
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::Server> s3_server_;                  // unless it is off
  std::unique_ptr<api::grpc::InferenceServer> grpc_server_;  // unless it is off
  std::vector<std::pair<std::string, std::function<void()>>> stops_;
};

}  // namespace slipway::app
