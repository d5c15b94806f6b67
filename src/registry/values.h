// The nouns of the registry, as plain values. Names and meaning follow MLflow's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/actor.h"
#include "types/timestamp.h"

namespace slipway::registry {

struct KeyValue {
  std::string key, value;
};

struct Alias {
  std::string alias;
  std::int64_t version = 0;
};

struct ModelVersion {
  std::string model;
  std::int64_t version = 0;
  types::Timestamp created, updated;
  std::string description, stage = "None", run_id, run_link, model_id;
  std::string source;   // as it was registered: "runs:/...", "models:/name/3", a place
  std::string storage;  // where the files are, when `source` was a reference; else empty
  std::string gate;     // the verdict it was promoted with, as JSON; empty: none
  std::vector<KeyValue> tags;
  std::vector<std::string> aliases;

  const std::string& place() const { return storage.empty() ? source : storage; }
};

struct RegisteredModel {
  std::string name, description;
  types::Timestamp created, updated;
  std::vector<KeyValue> tags;
  std::vector<Alias> aliases;
  std::vector<ModelVersion> latest_versions;  // the newest of each stage
};

// A prompt is a registered model with this tag set to "true"; its versions carry it too. Prompts
// are found only by those who ask for them.
inline constexpr std::string_view kPromptTag = "mlflow.prompt.is_prompt";
bool is_prompt(const std::vector<KeyValue>& tags);

// One move of an alias. `from` is nothing the first time, `to` when it was removed.
struct AliasMove {
  std::string model, alias;
  std::optional<std::int64_t> from, to;
  types::Timestamp time;
  std::string actor, reason;
};

// Somebody who may, said that this version may have the alias.
struct Approval {
  std::int64_t version = 0;
  std::string approver, reason;
  types::Timestamp time;
};

// What stands between an alias and whoever wants to move it.
struct Protection {
  std::string alias;
  bool gated = false;                  // moves only with a gate's verdict
  std::vector<std::string> approvers;  // one of them must move it or have approved; empty: nobody
  std::vector<Approval> approvals;     // not used up yet
};

// Who changes something, and why. Whoever is not logged in may call himself anything, so only a
// proven actor can be an approver.
struct Change {
  std::string actor = base::acting_user_or("anonymous");
  std::string reason;
  bool proven = !base::acting_user().empty();
};

template <typename T>
struct Page {
  std::vector<T> items;
  std::int64_t next_offset = -1;  // -1: this is the last page
};

}  // namespace slipway::registry
