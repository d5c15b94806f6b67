// Jobs and pods of a namespace as they are now, followed by two watches.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/mutex.h"
#include "pipelines/kubernetes/kube_client.h"

namespace slipway::pipelines {

// Lists the objects that slipway made and watches them from there on; a watch that ends is taken up
// where it was, and begins with a list again when that is too long ago (410). While the cluster
// can't be reached, what was known last stays.
//
// Safe to use from several threads.
class JobWatch {
 public:
  JobWatch(const Cluster& cluster, const std::string& space);
  ~JobWatch();  // ends the watches
  JobWatch(const JobWatch&) = delete;
  JobWatch& operator=(const JobWatch&) = delete;

  struct Seen {
    std::optional<JsonObject> job;
    std::vector<JsonObject> pods;
  };
  Seen look(const std::string& job);
  // The same, asked of the API server at this moment.
  Result<Seen> ask(KubeClient& client, const std::string& job) const;
  // Waits until something has changed, or so long.
  void wait(std::chrono::milliseconds at_most);

 private:
  using Objects = std::map<std::string, JsonObject>;  // by job and, if it is a pod, name
  // Follows one kind of objects until the end.
  void run(const std::string& path, Objects& objects);
  // Returns the version to watch from.
  Result<std::string> list(KubeClient& client, const std::string& path, Objects& objects);
  // Ends with the watch; `version` is then where it got to. kFailedPrecondition: too long ago.
  Result<void> watch(KubeClient& client, const std::string& path, Objects& objects,
                     std::string& version);
  void take(std::string_view line, Objects& objects, std::string& version, Result<void>& outcome);
  void pause(std::chrono::milliseconds at_most);
  bool is_stopping();

  const Cluster& cluster_;
  const std::string jobs_path_, pods_path_;
  base::Mutex mutex_;
  base::CondVar changed_;
  Objects jobs_ GUARDED_BY(mutex_);
  Objects pods_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread job_thread_, pod_thread_;
};

}  // namespace slipway::pipelines
