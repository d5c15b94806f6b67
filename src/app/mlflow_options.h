// What `mlflow server` takes and our settings have no word for, so that the line in a unit file
// works as it is. Settings that mean the same carry MLflow's names in their own row (settings.cc).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/settings.h"

namespace slipway::app {

// A flag of `mlflow server` that is accepted and answered with one line saying what it does here.
struct MlflowOption {
  std::string name;        // "workers": flag --workers
  std::string short_flag;  // "-w"
  std::string variable;    // "MLFLOW_WORKERS"
  bool takes_value = true;
  std::string here;  // "one process already uses every core"
};

const std::vector<MlflowOption>& mlflow_options();

// Carries out what MLflow's options ask for, as far as it isn't a setting: fills `loaded.notes`,
// turns --app-name into login, --backend-store-uri into data. kInvalidArgument: something that must
// not be ignored, such as an existing MLflow database, TLS or workspaces.
Result<void> apply_mlflow_options(
    const std::map<std::string, std::string>& flags,
    const std::function<std::optional<std::string>(const std::string&)>& environment,
    LoadedSettings& loaded);

}  // namespace slipway::app
