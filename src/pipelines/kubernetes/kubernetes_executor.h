// Steps as Jobs of a Kubernetes cluster.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "pipelines/executor.h"
#include "pipelines/kubernetes/job_spec.h"
#include "pipelines/kubernetes/job_state.h"
#include "pipelines/kubernetes/job_watch.h"
#include "pipelines/kubernetes/pod_log.h"

namespace slipway::pipelines {

// "claim:NAME=/path,host:/folder/of/nodes=/path". kInvalidArgument.
Result<std::vector<SharedVolume>> parse_volumes(std::string_view text);

// Variables by which a step signs in to this server while it runs. Safe to use from several
// threads.
class StepTokens {
 public:
  virtual ~StepTokens() = default;
  virtual std::vector<std::string> names() const = 0;
  virtual std::map<std::string, std::string> lend(const std::string& pipeline) = 0;
  // What was lent to a step before this server was started.
  virtual void lend_again(const std::string& pipeline,
                          const std::map<std::string, std::string>& variables) = 0;
  virtual void take_back(const std::map<std::string, std::string>& variables) = 0;
};

// Each try of a step is one Job with a name that is a function of the try: what was made by a
// server that has crashed since is followed, not made again. Files go through volumes that this
// server and the pods have at the same paths. Secrets are those of a Secret that the Job owns.
//
// Safe to use from several threads.
class KubernetesExecutor final : public Executor {
 public:
  struct Options {
    Cluster cluster;
    JobOptions jobs;
    std::filesystem::path data;                   // the folder with runs and their outputs
    std::chrono::seconds pending_timeout{600};    // without a node, a pod, or an answer
    std::chrono::seconds container_timeout{120};  // whose image or container fails
  };
  // `tokens`: null where nobody signs in; must outlive it.
  KubernetesExecutor(Options options, StepTokens* tokens)
      : options_(std::move(options)), tokens_(tokens) {}

  Result<Exit> run(const Command& command, const std::function<Wish()>& wish) override;
  // Jobs go on without a server.
  void clean_up(const std::string& /*mark*/) override {}
  void take_up(const std::string& pipeline, const std::string& job,
               const std::filesystem::path& log) override;
  std::string lack_of_kubernetes(const std::filesystem::path& project) const override;

 private:
  struct Try;  // that this thread follows
  JobWatch& watch();
  std::string path_of(std::string_view kind, const std::string& name = "") const;
  // Makes the Job unless it is there, and its Secret. An exit: it is over, or left, before that.
  Result<std::optional<Exit>> make(Try& step);
  Result<void> add_secret(Try& step, const JsonObject& job);
  Result<std::map<std::string, std::string>> kept_secret(KubeClient& client,
                                                         const std::string& job) const;
  // Those of them that are tokens; nothing: one is missing.
  std::optional<std::map<std::string, std::string>> tokens_in(
      const std::map<std::string, std::string>& values) const;
  // Until it is over, or left.
  Result<Exit> follow(Try& step);
  // What keeps it from running, or from its end, for longer than it may.
  std::optional<base::Error> give_up(Try& step, const JobState& state);
  // What the newest event of an object says, if that is a warning.
  std::string newest_warning(Try& step, std::string_view kind, const std::string& name);
  Result<Exit> exit_of(const Try& step, const JobState& state) const;
  // Deletes the Job, however long the API server is away, unless the step is to be left.
  Exit end(Try& step);
  Exit leave(Try& step);

  const Options options_;
  StepTokens* const tokens_;
  base::Mutex mutex_;
  bool is_away_ GUARDED_BY(mutex_) = false;             // when the first was to be taken up
  std::unique_ptr<JobWatch> watch_ GUARDED_BY(mutex_);  // since the first step
};

}  // namespace slipway::pipelines
