// Experiments and runs as tests want them: 0 to 2 are there, 3 is deleted; the run "r".
#pragma once

#include "traces/ports.h"

namespace slipway::traces::testing {

class FakeExperiments final : public ExperimentRecords {
 public:
  Result<std::int64_t> number(const std::string& id) override {
    if (id.size() == 1 && id[0] >= '0' && id[0] <= '9') return id[0] - '0';
    return base::error(Code::kInvalidArgument, "no experiment id");
  }
  Result<std::vector<std::int64_t>> numbers(const std::vector<std::string>& ids) override {
    std::vector<std::int64_t> numbers;
    for (const std::string& id : ids) numbers.push_back(TRY(number(id)));
    return numbers;
  }
  Result<std::string> trace_folder(store::Reader&, std::int64_t experiment) override {
    if (experiment == 3) return base::error(Code::kFailedPrecondition, "deleted");
    if (experiment > 3) return base::error(Code::kNotFound, "no such experiment");
    return fmt::format("mlflow-artifacts:/{}/traces", experiment);
  }
  Result<std::optional<std::string>> find_trace_folder(store::Reader&,
                                                       std::int64_t experiment) override {
    return std::optional(fmt::format("mlflow-artifacts:/{}/traces", experiment));
  }
  Result<void> check_run(store::Reader&, const std::string& run) override {
    if (run == "r") return {};
    return base::error(Code::kNotFound, "no such run");
  }
};

}  // namespace slipway::traces::testing
