// Stand-ins for what the monitor asks of others.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "monitor/ports.h"

namespace slipway::monitor::testing {

struct LoggedRequest {
  std::string id;
  base::Timestamp event_time;
  double prediction = 0;
  std::string variant = "live", role = "live";
  std::int64_t model_version = 1;
  double x = 0;                // a numeric feature; NaN: missing
  std::string carrier = "UA";  // a categorical one; "": missing
  std::int64_t latency_us = 1000;
  std::string error, traffic;
  std::string answer;  // as JSON, where it was more than one number
  std::string broken;  // rules of its inputs, as JSON
};

types::Frame to_frame(const std::vector<LoggedRequest>& rows);

class FakeRequests final : public RequestSource {
 public:
  std::vector<LoggedRequest> log;
  std::optional<Error> failure;
  std::string failing_endpoint;                 // empty: any
  std::optional<base::Timestamp> failing_from;  // unset: any
  std::string kept_column;  // when set, another column of texts that requests came with
  int reads = 0;
  std::vector<std::vector<std::string>> asked;  // columns of each read

  Result<types::Frame> requests(const std::string&, base::Timestamp from, base::Timestamp to,
                                const std::vector<std::string>& columns) override;
  // A part per hundred rows of the log.
  Result<void> each_part(const std::string&, base::Timestamp from, base::Timestamp to,
                         const std::vector<std::string>& columns, const EachPart& each) override;
};

class FakeReference final : public ReferenceSource {
 public:
  types::Frame frame;
  std::optional<Error> failure;

  Result<types::Frame> reference(const std::string&, base::Timestamp, base::Timestamp) override {
    if (failure) return *failure;
    return frame;
  }
};

class FakeFeatures final : public FeatureSource {
 public:
  std::optional<double> rate;

  Result<std::optional<double>> skew_rate(const std::string&, base::Timestamp,
                                          base::Timestamp) override {
    return rate;
  }
  std::optional<base::Timestamp> oldest;
  Result<std::optional<base::Timestamp>> oldest_view(const std::string&) override { return oldest; }
};

class FakeDatasets final : public DatasetSource {
 public:
  // By dataset, what its versions had come up to and when they came.
  std::map<std::string, std::vector<std::pair<base::Timestamp, base::Timestamp>>> versions;
  Result<std::optional<base::Timestamp>> newest_row(const std::string& dataset,
                                                    base::Timestamp as_of) override {
    std::optional<base::Timestamp> newest;
    if (versions[dataset].empty()) return base::error(Code::kNotFound, "nothing came");
    for (const auto& [rows_until, came] : versions[dataset]) {
      if (came <= as_of) newest = rows_until;
    }
    return newest;
  }
};

class FakeActions final : public Actions {
 public:
  Standing standing{.revision = 1, .version = 1};
  std::optional<Error> failure;
  std::vector<ActionRequest> started;             // one per id
  int handed_over = 0;                            // again and again
  std::map<std::string, ActionOutcome> outcomes;  // by run id

  Result<Standing> look(const std::string&, const ActionRule&) override { return standing; }
  // A run goes on; anything else is done at once.
  Result<ActionReceipt> start(const ActionRequest& request) override;
  Result<std::optional<ActionOutcome>> find_outcome(const std::string& run_id) override;
};

}  // namespace slipway::monitor::testing
