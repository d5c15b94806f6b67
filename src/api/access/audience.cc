#include "api/access/audience.h"

#include <algorithm>
#include <array>

namespace slipway::api::access {
namespace {

namespace sa = slipway::access;

constexpr std::size_t kRunsKept = 10'000;

// Of the whole project, as About::kProject is in the rules of routes.
constexpr std::array<std::string_view, 16> kOfProject{
    "alarm_budget", "data",      "datasets",    "endpoints", "features",  "incidents",
    "kubeflow",     "lfs",       "maintenance", "monitors",  "pipelines", "pools",
    "projects",     "schedules", "silences",    "streams"};

// "flight" of models/flight/3
std::string_view name_in(std::string_view subject) {
  const std::size_t slash = subject.find('/');
  if (slash == std::string_view::npos) return {};
  const std::string_view rest = subject.substr(slash + 1);
  return rest.substr(0, rest.find('/'));
}

// Whether it was this user who was given something, or had it taken away.
bool concerns(const std::string& user, const store::Event& event) {
  const auto payload = base::parse_json_object(event.payload);
  if (!payload) return false;
  const auto named = base::find_string(*payload, "user");
  return named && *named == user;
}

}  // namespace

bool Audience::may_read_run(const std::string& user, const std::string& run) {
  std::string experiment;
  {
    base::MutexLock lock(mutex_);
    if (const auto known = experiments_.find(run); known != experiments_.end())
      experiment = known->second;
  }
  if (experiment.empty()) {
    const auto found = experiment_of_run_(run);
    if (!found || !*found) return false;
    experiment = **found;
    base::MutexLock lock(mutex_);
    if (experiments_.size() >= kRunsKept) experiments_.clear();
    experiments_[run] = experiment;
  }
  return access_.may(user, sa::kExperiment, experiment, sa::Permission::kRead);
}

bool Audience::may_hear(const std::string& user, const store::Event& event) {
  if (access_.is_admin(user)) return true;
  const std::string_view subject = event.subject;
  const std::string_view what = subject.substr(0, subject.find('/'));
  const std::string_view name = name_in(subject);
  if (what == "models") return access_.may(user, sa::kRegisteredModel, name, sa::Permission::kRead);
  if (what == "experiments") return access_.may(user, sa::kExperiment, name, sa::Permission::kRead);
  if (what == "users" && name == user) return true;
  if (what == "permissions" || what == "roles") return concerns(user, event);
  if (what == "runs") return may_read_run(user, std::string(name));
  return std::ranges::find(kOfProject, what) != kOfProject.end() &&
         access_.may(user, sa::kWorkspace, "*", sa::Permission::kRead);
}

}  // namespace slipway::api::access
