// Keeps registered models, their versions, and which version each alias points to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/actor.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/db.h"
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
  std::string description, stage = "None", source, run_id, run_link, model_id;
  std::string gate;  // the verdict it was promoted with, as JSON; empty: none
  std::vector<KeyValue> tags;
  std::vector<std::string> aliases;
};

struct RegisteredModel {
  std::string name, description;
  types::Timestamp created, updated;
  std::vector<KeyValue> tags;
  std::vector<Alias> aliases;
  std::vector<ModelVersion> latest_versions;  // the newest of each stage
};

// One move of an alias. `from` is nothing the first time, `to` when it was removed.
struct AliasMove {
  std::string model, alias;
  std::optional<std::int64_t> from, to;
  types::Timestamp time;
  std::string actor, reason;
};

template <typename T>
struct Page {
  std::vector<T> items;
  std::int64_t next_offset = -1;  // -1: this is the last page
};

// Told after an alias has moved, outside any transaction.
class AliasObserver {
 public:
  virtual ~AliasObserver() = default;
  virtual void alias_moved(const AliasMove& move) = 0;
};

struct Change {
  std::string actor = base::acting_user_or("anonymous");
  std::string reason;
};

// Safe to use from several threads. Everything given to the constructor must outlive it.
class Registry {
 public:
  Registry(store::Db& db, const base::Clock& clock) : db_(db), clock_(clock) {}
  // At most one observer, set before the first request; it must outlive the registry's use.
  void set_observer(AliasObserver* observer) { observer_ = observer; }

  // kAlreadyExists. kInvalidArgument: empty, or with '/' or ':'.
  Result<RegisteredModel> create_model(const std::string& name, const std::string& description,
                                       const std::vector<KeyValue>& tags);
  Result<RegisteredModel> get_model(const std::string& name);  // kNotFound
  Result<RegisteredModel> update_model(const std::string& name, const std::string& description);
  Result<RegisteredModel> rename_model(const std::string& name, const std::string& new_name);
  Result<void> delete_model(const std::string& name);
  Result<void> set_model_tag(const std::string& name, const KeyValue& tag);
  Result<void> delete_model_tag(const std::string& name, const std::string& key);
  // By name. `name_like` is a LIKE pattern; empty: all.
  Result<Page<RegisteredModel>> search_models(const std::string& name_like,
                                              std::int64_t max_results, std::int64_t offset);

  // Numbers never come back: one more than any version ever had. kNotFound: no such model.
  Result<ModelVersion> create_version(const ModelVersion& draft);
  Result<ModelVersion> get_version(const std::string& model, std::int64_t version);
  Result<ModelVersion> update_version(const std::string& model, std::int64_t version,
                                      const std::string& description);
  Result<void> delete_version(const std::string& model,
                              std::int64_t version);  // its aliases go with it
  Result<void> set_version_tag(const std::string& model, std::int64_t version, const KeyValue& tag);
  Result<void> delete_version_tag(const std::string& model, std::int64_t version,
                                  const std::string& key);
  // None, Staging, Production, Archived in any case. kInvalidArgument: another word.
  Result<ModelVersion> set_stage(const std::string& model, std::int64_t version,
                                 const std::string& stage, bool archive_existing);
  struct VersionFilter {
    std::string model, run_id, source;  // empty: any
  };
  // Newest first.
  Result<Page<ModelVersion>> search_versions(const VersionFilter& filter, std::int64_t max_results,
                                             std::int64_t offset);

  // kPermissionDenied: the alias is protected, and only promote() moves it. kInvalidArgument: no
  // alias name.
  Result<void> set_alias(const std::string& model, const std::string& alias, std::int64_t version,
                         const Change& change);
  Result<void> delete_alias(const std::string& model, const std::string& alias,
                            const Change& change);  // none there is no error
  // kInvalidArgument when there is none (as MLflow has it).
  Result<ModelVersion> version_by_alias(const std::string& model, const std::string& alias);
  // From now on only promote() moves it.
  Result<void> protect_alias(const std::string& model, const std::string& alias);
  // Moves an alias with the gate's verdict, which is stored with the version.
  Result<AliasMove> promote(const std::string& model, const std::string& alias,
                            std::int64_t version, const std::string& gate, const Change& change);
  // Newest first.
  Result<std::vector<AliasMove>> alias_history(const std::string& model);

 private:
  Result<AliasMove> move_alias(const std::string& model, const std::string& alias,
                               std::optional<std::int64_t> to, const Change& change,
                               bool allow_protected, const std::string& gate);

  store::Db& db_;
  const base::Clock& clock_;
  AliasObserver* observer_ = nullptr;
};

store::RoomMigrations migrations();

}  // namespace slipway::registry
