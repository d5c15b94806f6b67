// Experiments as tests want them: 0 to 2 are there, 3 is deleted.
#pragma once

#include "evaluations/ports.h"

namespace slipway::evaluations::testing {

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
  Result<void> check_exists(store::Reader&, std::int64_t experiment) override {
    if (experiment <= 3) return {};
    return base::error(Code::kNotFound, "no such experiment");
  }
  Result<void> check_active(store::Reader& reader, std::int64_t experiment) override {
    TRY(check_exists(reader, experiment));
    if (experiment < 3) return {};
    return base::error(Code::kFailedPrecondition, "deleted");
  }
};

}  // namespace slipway::evaluations::testing
