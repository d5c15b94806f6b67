// What rooms need of each other: each class implements a port of one room by calling others. No
// rules live here.
#pragma once

#include "access/access.h"
#include "api/own/endpoint_routes.h"
#include "app/event_clock.h"
#include "app/server_lease.h"
#include "datasets/datasets.h"
#include "features/feature_store.h"
#include "features/skew_meter.h"
#include "invocations/ports.h"
#include "monitor/monitor.h"
#include "monitor/profile/served_rows.h"
#include "pipelines/given_steps.h"
#include "pipelines/kubernetes/kubernetes_executor.h"
#include "pipelines/pipelines.h"
#include "pipelines/step_keeper.h"
#include "registry/registry.h"
#include "releases/releases.h"
#include "serving/endpoints.h"
#include "store/kafka.h"
#include "store/local_log.h"
#include "streams/ports.h"
#include "tracking/artifacts.h"
#include "tracking/logged_models.h"
#include "tracking/runs.h"

namespace slipway::app {

// features reads datasets.
class DatasetTables final : public features::TableSource {
 public:
  explicit DatasetTables(datasets::Datasets& datasets) : datasets_(datasets) {}
  Result<std::vector<features::NamedColumn>> columns(const std::string& dataset) override;
  Result<std::vector<std::string>> key(const std::string& dataset) override;
  Result<std::string> arrival_time(const std::string& dataset) override;
  Result<std::unique_ptr<features::Table>> open(const std::string& dataset) override;

 private:
  datasets::Datasets& datasets_;
};

// pipelines asks for the content of inputs: "dataset:flights", "model:flight-delay@champion".
class StepInputs final : public pipelines::InputDigests {
 public:
  StepInputs(datasets::Datasets& datasets, registry::Registry& registry, const base::Clock& clock)
      : datasets_(datasets), registry_(registry), clock_(clock) {}
  Result<Input> resolve(const std::string& kind, const std::string& name) override;
  Result<bool> has_object(const std::string& uri) override;

 private:
  datasets::Datasets& datasets_;
  registry::Registry& registry_;
  const base::Clock& clock_;
};

// pipelines runs steps as processes, or as Jobs of a cluster; with login on, each gets a token of
// its own for as long as it runs.
class StepExecutor final : public pipelines::Executor, private pipelines::StepTokens {
 public:
  StepExecutor(access::Access* access, pipelines::KeptProcesses::AtStop at_stop)
      : access_(access), kept_(at_stop) {}
  // From now on steps may run as Jobs. Before the first of them runs.
  void connect(pipelines::KubernetesExecutor::Options options) {
    pipelines::StepTokens* const tokens = access_ == nullptr ? nullptr : this;
    jobs_.emplace(std::move(options), tokens);
  }
  // From now on there may be steps on other servers of the database. Before the first runs.
  struct Servers {
    pipelines::GivenSteps& given;
    const ServerLease& lease;
    // Of steps that run here, over what was given. Empty: this server shares none.
    std::map<std::string, std::string> environment;
  };
  void set_servers(Servers servers) { servers_.emplace(std::move(servers)); }
  // Steps on other servers sign in at this one, which leads next, with what they were lent.
  Result<void> take_up_tokens();
  Result<pipelines::Exit> run(const pipelines::Command& command,
                              const std::function<pipelines::Wish()>& wish) override;
  // What another server has given this one; it has the tokens that one has lent it.
  Result<pipelines::Exit> run_given(pipelines::Command command, const pipelines::Secrets& secrets,
                                    const std::function<pipelines::Wish()>& wish);
  void clean_up(const std::string& mark) override { processes_.clean_up(mark); }
  void recorded(const std::filesystem::path& log) override { kept_.recorded(log); }
  void take_up(const std::string& pipeline, const std::string& job,
               const std::filesystem::path& log) override;
  std::string lack_of_kubernetes(const std::filesystem::path& project) const override {
    return jobs_ ? jobs_->lack_of_kubernetes(project) : Executor::lack_of_kubernetes(project);
  }

 private:
  std::vector<std::string> names() const override {
    return {"SLIPWAY_TOKEN", "MLFLOW_TRACKING_TOKEN"};
  }
  std::map<std::string, std::string> lend(const std::string& pipeline) override;
  void lend_again(const std::string& pipeline,
                  const std::map<std::string, std::string>& variables) override;
  void take_back(const std::map<std::string, std::string>& variables) override;

  Result<pipelines::Exit> run_here(pipelines::Command command,
                                   const std::function<pipelines::Wish()>& wish);
  // Lends a step its tokens, those that it has when it was begun before. `is_elsewhere`: on another
  // server.
  Result<std::map<std::string, std::string>> lend_step(const pipelines::Command& command,
                                                       bool is_elsewhere);
  // What a step was lent that was given; empty: nothing.
  std::map<std::string, std::string> tokens_of(const pipelines::Command& given) const;

  access::Access* access_;
  std::optional<Servers> servers_;
  pipelines::ProcessExecutor processes_;
  pipelines::KeptProcesses kept_;
  // What steps were lent by a server before this one, by log; as it is when the first is followed.
  std::map<std::filesystem::path, std::map<std::string, std::string>> taken_up_;
  std::optional<pipelines::KubernetesExecutor> jobs_;
};

// serving looks features up, and finds model files through the registry.
class OnlineFeatures final : public serving::FeatureLookup {
 public:
  explicit OnlineFeatures(features::FeatureStore& features) : features_(features) {}
  Result<Shape> shape(const std::string& service) override;
  bool may_wait() const override { return features_.online().may_wait(); }
  Result<std::vector<serving::FeatureValue>> look_up(
      const std::string& service, std::span<const std::string> wanted,
      std::span<const std::string_view> names, std::span<const serving::Cell> cells,
      std::span<const base::Timestamp> as_of) override;

 private:
  features::FeatureStore& features_;
};

class RegisteredModels final : public serving::ModelSource,
                               public releases::ModelCatalog,
                               public releases::ModelAliases {
 public:
  // `models_root`: where models are that are named by a path; empty: nowhere.
  RegisteredModels(registry::Registry& registry, tracking::Runs& runs,
                   tracking::LoggedModels& logged_models, tracking::Artifacts& artifacts,
                   std::filesystem::path models_root)
      : registry_(registry),
        runs_(runs),
        logged_models_(logged_models),
        artifacts_(artifacts),
        models_root_(std::move(models_root)) {}

  // models:/NAME/VERSION, models:/NAME@ALIAS and models:/m-ID; runs:/ID/PATH; s3://BUCKET/FOLDER; a
  // path below the root. What is in no registry is version 1 of itself, and resolves to the bytes
  // it has now ("x.ubj#sha256=0123456789abcdef"): they can't be located once they are others.
  Result<std::filesystem::path> locate(const std::string& uri) override;
  Result<releases::ResolvedModel> resolve(const std::string& uri) override;
  Result<std::optional<std::int64_t>> find_target(const std::string& model,
                                                  const std::string& alias) override;
  Result<void> move(const std::string& model, const std::string& alias, std::int64_t version,
                    const std::string& verdict, const std::string& actor) override;

 private:
  // Where the files of what is in no registry are kept.
  Result<std::string> place_of(const std::string& uri);
  Result<std::filesystem::path> below_root(const std::string& path) const;

  registry::Registry& registry_;
  tracking::Runs& runs_;
  tracking::LoggedModels& logged_models_;
  tracking::Artifacts& artifacts_;
  const std::filesystem::path models_root_;
};

// releases tells serving what to answer with.
class ServingPlane final : public releases::DataPlane {
 public:
  explicit ServingPlane(serving::Endpoints& endpoints) : endpoints_(endpoints) {}
  void expect(const std::vector<releases::Revision>& revisions) override;
  Result<std::shared_ptr<const void>> prepare(const releases::Revision& revision) override;
  void activate(const releases::Revision& revision, const releases::Revision* last_good) override;
  void remove(const std::string& endpoint) override { endpoints_.remove(endpoint); }

 private:
  serving::Endpoints& endpoints_;
};

// features computes again what the request log says was served.
class LoggedVectors final : public features::ServedVectors {
 public:
  LoggedVectors(store::Db& db, const EventClock& clock, releases::Releases& releases,
                serving::Endpoints& endpoints, serving::RequestLog& log)
      : db_(db), clock_(clock), releases_(releases), endpoints_(endpoints), log_(log) {}
  Result<std::vector<Endpoint>> endpoints() override;
  Result<void> each_served(const std::string& endpoint, base::Timestamp from, base::Timestamp to,
                           const std::vector<std::string>& columns, const EachPart& each) override;
  Result<base::Timestamp> find(const std::string& endpoint, const std::string& id) override;
  // As the events tell of them.
  Result<std::vector<Applied>> applied(std::size_t limit) override;

 private:
  store::Db& db_;
  const EventClock& clock_;
  releases::Releases& releases_;
  serving::Endpoints& endpoints_;
  serving::RequestLog& log_;
};

// streams have messages taken as rows of features.
class StreamedRows final : public streams::FeatureRows {
 public:
  explicit StreamedRows(features::FeatureStore& features) : features_(features) {}
  Result<void> begin(const std::string& source, const std::string& topic, std::int32_t partition,
                     std::int64_t end) override;
  Result<std::vector<Result<void>>> add(const std::string& source, const std::string& topic,
                                        std::span<const store::ReceivedMessage> messages) override;

 private:
  features::FeatureStore& features_;
};

// streams read and write topics: of the embedded log, or of a Kafka cluster by its brokers.
class TopicLogs final : public streams::Logs {
 public:
  explicit TopicLogs(store::LocalLog& local) : local_(local) {}
  // Of every cluster; before the first log.
  void set_properties(store::KafkaProperties properties) { properties_ = std::move(properties); }
  store::MessageLog& log(const store::TopicAddress& address) override;

 private:
  store::LocalLog& local_;
  store::KafkaProperties properties_;
  base::Mutex mutex_;
  std::map<std::string, std::unique_ptr<store::MessageLog>> clusters_ GUARDED_BY(mutex_);
};

// invocations asks where the answers of an endpoint go.
class DeclaredDestinations final : public invocations::Destinations {
 public:
  explicit DeclaredDestinations(releases::Releases& releases) : releases_(releases) {}
  Result<invocations::Destination> find(const std::string& endpoint) override;

 private:
  releases::Releases& releases_;
};

}  // namespace slipway::app
