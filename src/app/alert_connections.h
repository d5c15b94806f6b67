// What alerts and incidents need of other rooms: each class implements a port by calling others. No
// rules live here.
#pragma once

#include "app/event_clock.h"
#include "features/feature_store.h"
#include "incidents/incidents.h"
#include "monitor/monitor.h"
#include "pipelines/pipelines.h"
#include "releases/releases.h"
#include "webhooks/deliveries.h"

namespace slipway::app {

// webhooks asks which alerts are open, and which pipelines fail. The monitor comes later.
class MonitoredAlerts final : public webhooks::OpenAlerts {
 public:
  explicit MonitoredAlerts(store::Db& db) : db_(db) {}
  void connect(monitor::Monitor& monitor) { monitor_ = &monitor; }
  Result<std::vector<webhooks::RouteNews>> open_alerts() override;

 private:
  store::Db& db_;
  monitor::Monitor* monitor_ = nullptr;
};

// monitor starts pipelines, changes what answers, and opens incidents.
class AlertActions final : public monitor::Actions {
 public:
  AlertActions(pipelines::Pipelines& pipelines, releases::Releases& releases,
               incidents::Incidents& incidents)
      : pipelines_(pipelines), releases_(releases), incidents_(incidents) {}
  Result<monitor::Standing> look(const std::string& endpoint,
                                 const monitor::ActionRule& action) override;
  Result<monitor::ActionReceipt> start(const monitor::ActionRequest& request) override;
  Result<std::optional<monitor::ActionOutcome>> find_outcome(const std::string& run_id) override;

 private:
  Result<std::optional<std::string>> find_obstacle(const releases::EndpointStatus& status,
                                                   const monitor::ActionRule& action);

  pipelines::Pipelines& pipelines_;
  releases::Releases& releases_;
  incidents::Incidents& incidents_;
};

// incidents ask what is around an endpoint. The monitor comes later.
class EndpointNeighbourhood final : public incidents::Neighbourhood {
 public:
  EndpointNeighbourhood(releases::Releases& releases, features::FeatureStore& features,
                        const EventClock& clock)
      : releases_(releases), features_(features), clock_(clock) {}
  void connect(monitor::Monitor& monitor) { monitor_ = &monitor; }

  Result<incidents::Surroundings> around(const std::string& endpoint) override;
  Result<std::vector<incidents::MovedInput>> moved_inputs(const std::string& endpoint,
                                                          base::Timestamp from,
                                                          base::Timestamp to) override;
  Result<bool> has_open_alert(const std::string& endpoint) override;
  Result<std::optional<incidents::FirstBadWindow>> first_bad_window(const std::string& endpoint,
                                                                    base::Timestamp since) override;
  bool rehearses() const override { return clock_.rehearses(); }

 private:
  releases::Releases& releases_;
  features::FeatureStore& features_;
  const EventClock& clock_;
  monitor::Monitor* monitor_ = nullptr;
};

}  // namespace slipway::app
