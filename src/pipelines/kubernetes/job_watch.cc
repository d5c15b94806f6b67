#include "pipelines/kubernetes/job_watch.h"

#include <algorithm>

#include "base/log.h"
#include "pipelines/kubernetes/job_spec.h"

namespace slipway::pipelines {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPauseFirst{200}, kPauseLast{10'000};
constexpr int kWatchSeconds = 300;  // then the API server ends it, and it goes on
constexpr auto kWatchMax = std::chrono::seconds(kWatchSeconds + 30);  // or it is dead
constexpr int kPageSize = 500;

const JsonObject* metadata_of(const JsonObject& object) {
  const Json* const metadata = object.if_contains("metadata");
  return metadata != nullptr && metadata->is_object() ? &metadata->get_object() : nullptr;
}

std::string text_of(const JsonObject* object, std::string_view name) {
  const Json* const value = object == nullptr ? nullptr : object->if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// Without what is large and says nothing here.
JsonObject slim(JsonObject object) {
  if (Json* metadata = object.if_contains("metadata"); metadata && metadata->is_object())
    metadata->get_object().erase("managedFields");
  return object;
}

// "JOB/" of a Job, "JOB/POD" of a pod.
std::string key_of(const JsonObject& object, bool is_job) {
  const JsonObject* const metadata = metadata_of(object);
  const std::string name = text_of(metadata, "name");
  if (is_job) return name + "/";
  const Json* const labels = metadata == nullptr ? nullptr : metadata->if_contains("labels");
  const bool has_labels = labels != nullptr && labels->is_object();
  return text_of(has_labels ? &labels->get_object() : nullptr, kJobLabel) + "/" + name;
}

}  // namespace

JobWatch::JobWatch(const Cluster& cluster, const std::string& space)
    : cluster_(cluster),
      jobs_path_("/apis/batch/v1/namespaces/" + base::percent_encode(space) + "/jobs"),
      pods_path_("/api/v1/namespaces/" + base::percent_encode(space) + "/pods") {
  job_thread_ = std::thread([this] { run(jobs_path_, jobs_); });
  pod_thread_ = std::thread([this] { run(pods_path_, pods_); });
}

JobWatch::~JobWatch() {
  {
    base::MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  job_thread_.join();
  pod_thread_.join();
}

bool JobWatch::is_stopping() {
  base::MutexLock lock(mutex_);
  return stopping_;
}

void JobWatch::pause(milliseconds at_most) {
  const auto until = std::chrono::steady_clock::now() + at_most;
  base::MutexLock lock(mutex_);
  while (!stopping_ && changed_.wait_until(mutex_, until)) {
  }
}

void JobWatch::wait(milliseconds at_most) {
  base::MutexLock lock(mutex_);
  if (!stopping_) changed_.wait_for_ms(mutex_, at_most.count());
}

JobWatch::Seen JobWatch::look(const std::string& job) {
  Seen seen;
  base::MutexLock lock(mutex_);
  const std::string of_job = job + "/";
  if (const auto found = jobs_.find(of_job); found != jobs_.end()) seen.job = found->second;
  for (auto pod = pods_.lower_bound(of_job); pod != pods_.end() && pod->first.starts_with(of_job);
       ++pod)
    seen.pods.push_back(pod->second);
  return seen;
}

Result<JobWatch::Seen> JobWatch::ask(KubeClient& client, const std::string& job) const {
  Seen seen;
  auto found = client.get(jobs_path_ + "/" + job);
  if (!found && found.error().code != Code::kNotFound) return found.error();
  if (found) seen.job = std::move(*found);
  const JsonObject pods =
      TRY(client.get(fmt::format("{}?labelSelector={}", pods_path_,
                                 base::percent_encode(fmt::format("{}={}", kJobLabel, job)))));
  const Json* const items = pods.if_contains("items");
  if (items == nullptr || !items->is_array()) return seen;
  for (const Json& item : items->get_array()) {
    if (item.is_object()) seen.pods.push_back(item.get_object());
  }
  return seen;
}

Result<std::string> JobWatch::list(KubeClient& client, const std::string& path, Objects& objects) {
  Objects found;
  std::string version, rest;
  do {
    const JsonObject page = TRY(client.get(fmt::format("{}?labelSelector={}&limit={}&continue={}",
                                                       path, base::percent_encode(kManagedBy),
                                                       kPageSize, base::percent_encode(rest))));
    const JsonObject* const metadata = metadata_of(page);
    version = text_of(metadata, "resourceVersion");
    rest = text_of(metadata, "continue");
    const Json* const items = page.if_contains("items");
    if (items == nullptr || !items->is_array()) continue;
    for (const Json& item : items->get_array()) {
      if (!item.is_object()) continue;
      found[key_of(item.get_object(), &objects == &jobs_)] = slim(item.get_object());
    }
  } while (!rest.empty());
  {
    base::MutexLock lock(mutex_);
    objects = std::move(found);
  }
  changed_.notify_all();
  return version;
}

void JobWatch::take(std::string_view line, Objects& objects, std::string& version,
                    Result<void>& outcome) {
  auto event = base::parse_json_object(line);
  if (!event) return;
  Json* const body = event->if_contains("object");
  const std::string type = text_of(&*event, "type");
  if (type.empty() || body == nullptr || !body->is_object()) return;
  JsonObject& object = body->get_object();
  if (type == "ERROR") {
    const Json* const code = object.if_contains("code");
    const bool is_too_old = code != nullptr && code->is_int64() && code->get_int64() == 410;
    outcome = base::error(is_too_old ? Code::kFailedPrecondition : Code::kUnavailable,
                          "a watch was ended: {}", text_of(&object, "message"));
    return;
  }
  const JsonObject* const metadata = metadata_of(object);
  if (std::string at = text_of(metadata, "resourceVersion"); !at.empty()) version = std::move(at);
  if (type == "BOOKMARK") return;
  const std::string key = key_of(object, &objects == &jobs_);
  {
    base::MutexLock lock(mutex_);
    if (type == "DELETED") {
      objects.erase(key);
    } else {
      objects[key] = slim(std::move(object));
    }
  }
  changed_.notify_all();
}

Result<void> JobWatch::watch(KubeClient& client, const std::string& path, Objects& objects,
                             std::string& version) {
  Result<void> outcome;
  const auto until = std::chrono::steady_clock::now() + kWatchMax;
  TRY(client.follow(
      fmt::format("{}?watch=1&allowWatchBookmarks=true&labelSelector={}&resourceVersion={}&"
                  "timeoutSeconds={}",
                  path, base::percent_encode(kManagedBy), base::percent_encode(version),
                  kWatchSeconds),
      [&](std::string_view line) { take(line, objects, version, outcome); },
      [&] { return !is_stopping() && std::chrono::steady_clock::now() < until; }));
  return outcome;
}

void JobWatch::run(const std::string& path, Objects& objects) {
  KubeClient client(cluster_);
  std::string version;  // empty: to be listed
  milliseconds between = kPauseFirst;
  while (!is_stopping()) {
    Result<void> outcome;
    if (version.empty()) {
      auto listed = list(client, path, objects);
      if (listed) {
        version = std::move(*listed);
      } else {
        outcome = listed.error();
      }
    }
    const std::string from = version;
    if (outcome) outcome = watch(client, path, objects, version);
    if (is_stopping()) return;
    if (version != from) between = kPauseFirst;  // there was news
    if (outcome) {
      if (version == from) pause(kPauseFirst);
      continue;
    }
    if (outcome.error().code == Code::kFailedPrecondition) {
      version.clear();
      continue;
    }
    if (between == kPauseFirst)
      base::log_warning("pipelines", "Jobs can't be watched for the moment: path={} why={}", path,
                        outcome.error().message);
    pause(between);
    between = std::min(between * 2, kPauseLast);
  }
}

}  // namespace slipway::pipelines
