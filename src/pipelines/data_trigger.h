// News of a dataset or a model that schedules start at and steps wait for, as events tell them.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "store/events.h"

namespace slipway::pipelines {

// A new snapshot of a dataset, a new version of a model, or an alias of it that moves.
struct DataTrigger {
  std::string dataset, model, alias;

  bool empty() const { return dataset.empty() && model.empty(); }
  const char* event_kind() const;  // of the events that may tell it
  // Its version, when that is what `event` tells.
  std::optional<std::string> version_in(const store::Event& event) const;
  bool operator==(const DataTrigger&) const = default;
};

// The version in the first event after `sequence` that tells it; nothing: there is none yet.
Result<std::optional<std::string>> first_version(store::Db& db, const DataTrigger& trigger,
                                                 std::int64_t sequence);

}  // namespace slipway::pipelines
