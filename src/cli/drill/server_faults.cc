#include "cli/drill/server_faults.h"

#include <algorithm>

namespace slipway::cli {
namespace {

std::vector<std::size_t> rows_between(const Recording& recording, base::Timestamp from,
                                      base::Timestamp to) {
  const types::Column& times = *recording.requests.find(recording.event_time);
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < times.size(); ++row) {
    if (times.is_valid(row) && recording.time(row) >= from && recording.time(row) < to)
      rows.push_back(row);
  }
  return rows;
}

// Concerned are the requests that come meanwhile.
Fault of_server(FaultGroup group, std::string name, std::string what, Breakage breakage) {
  return {.name = std::move(name),
          .group = group,
          .what = std::move(what),
          .action = "none",
          .has_share = breakage == Breakage::kAnswersFail,  // late ones are the machine's affair
          .breakage = breakage,
          .harms_failed = group == FaultGroup::kService && breakage != Breakage::kAnswersLate,
          .apply = [](Recording& recording, const Dose& dose) {
            return rows_between(recording, dose.start, dose.start + kOutage);
          }};
}

}  // namespace

std::vector<Fault> server_faults(const std::vector<LookedUp>& looked_up, bool runs_python) {
  std::vector<Fault> faults;
  using enum FaultGroup;
  faults.push_back(of_server(kMachine, "server:dead",
                             "the server is killed, and started again 6 hours later",
                             Breakage::kServerDead));
  faults.push_back(of_server(kMachine, "disk:full", "nothing can be written any more, for 6 hours",
                             Breakage::kDiskFull));
  if (!looked_up.empty()) {
    faults.push_back(of_server(kService, "store:gone",
                               "the feature store does not answer, for 6 hours",
                               Breakage::kStoreGone));
    for (const LookedUp& one : looked_up) faults.back().causes.push_back(one.feature);
  }
  faults.push_back(of_server(
      kService, "answers:late",
      fmt::format("every answer comes {} ms later, for 6 hours", kAnswerDelay.micros / 1000),
      Breakage::kAnswersLate));
  faults.push_back(of_server(
      kService, "answers:fail",
      fmt::format("the model fails for {:.0f} % of the requests, for 6 hours", 100 * kFailingShare),
      Breakage::kAnswersFail));
  if (!runs_python) return faults;
  faults.push_back(of_server(
      kService, "worker:dead",
      "the model's Python processes die, and again whenever they are started, for 6 hours",
      Breakage::kWorkersDead));
  return faults;
}

std::vector<Fault> pipeline_faults(const std::vector<Fault>& known,
                                   const std::optional<Retraining>& retraining) {
  std::vector<Fault> faults;
  const auto change = std::find_if(known.begin(), known.end(), [](const Fault& fault) {
    return fault.name.starts_with("concept:");
  });
  if (!retraining || change == known.end()) return faults;
  const auto add = [&](const char* name, std::string what, PipelineFault of) {
    faults.push_back({.name = name,
                      .group = FaultGroup::kPipeline,
                      .what = std::move(what),
                      .has_share = false,
                      .pipeline = of,
                      .apply = change->apply});
  };
  add("pipeline:stuck",
      fmt::format("the world changes, and {} of {}, which an alert starts, never ends",
                  retraining->step, retraining->pipeline),
      PipelineFault::kStuck);
  add("pipeline:twice",
      fmt::format("the world changes, and {}, which an alert starts, is started a second time "
                  "while it runs",
                  retraining->pipeline),
      PipelineFault::kTwice);
  return faults;
}

}  // namespace slipway::cli
