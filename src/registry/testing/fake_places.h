// Runs and logged models as tests want them.
#pragma once

#include <map>
#include <vector>

#include "registry/sources.h"

namespace slipway::registry::testing {

class FakePlaces final : public ArtifactPlaces {
 public:
  Result<std::string> run_place(const std::string& run_id) override {
    const auto found = runs.find(run_id);
    if (found == runs.end())
      return base::error(Code::kNotFound, "Run with id={} not found", run_id);
    return found->second;
  }
  Result<LoggedModel> logged_model(const std::string& model_id) override {
    const auto found = models.find(model_id);
    if (found == models.end())
      return base::error(Code::kNotFound, "Logged model with ID '{}' not found.", model_id);
    return found->second;
  }
  Result<void> version_made(const std::string& model_id, const std::string& model,
                            std::int64_t version) override {
    made.push_back(fmt::format("{} {} {}", model_id, model, version));
    return {};
  }

  std::map<std::string, std::string> runs;
  std::map<std::string, LoggedModel> models;
  std::vector<std::string> made;
};

}  // namespace slipway::registry::testing
