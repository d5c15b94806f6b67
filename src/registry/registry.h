// Keeps registered models, their versions, and which version each alias points to, with the history
// of every move. Prompts are registered models of a kind.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "registry/sources.h"
#include "registry/values.h"
#include "store/db.h"

namespace slipway::registry {

// Told after an alias has moved, outside any transaction.
class AliasObserver {
 public:
  virtual ~AliasObserver() = default;
  virtual void alias_moved(const AliasMove& move) = 0;
};

struct SearchQuery {
  std::string filter;                 // model_grammar(), version_grammar()
  std::vector<std::string> order_by;  // empty: models by name, versions newest change first
  std::int64_t max_results = 100;
  std::int64_t offset = 0;
};

// Safe to use from several threads. Everything given to the constructor must outlive it. Every
// change appends an event in its transaction; a model or version that isn't there is kNotFound.
class Registry {
 public:
  Registry(store::Db& db, const base::Clock& clock, ArtifactPlaces& places,
           std::optional<SourcePattern> pattern = std::nullopt)
      : db_(db), clock_(clock), places_(places), pattern_(std::move(pattern)) {}
  // At most one observer, set before the first request; it must outlive the registry's use.
  void set_observer(AliasObserver* observer) { observer_ = observer; }

  // kAlreadyExists. kInvalidArgument: empty, or with '/' or ':'.
  Result<RegisteredModel> create_model(const std::string& name, const std::string& description,
                                       const std::vector<KeyValue>& tags,
                                       const Change& change = {});
  Result<RegisteredModel> get_model(const std::string& name);
  Result<RegisteredModel> update_model(const std::string& name, const std::string& description,
                                       const Change& change = {});
  // kPermissionDenied: an alias of it is protected. The protection would go with the model, and
  // leave its old name, which others follow, to anybody.
  Result<RegisteredModel> rename_model(const std::string& name, const std::string& new_name,
                                       const Change& change = {});
  // kPermissionDenied: a protected alias points to one of its versions.
  Result<void> delete_model(const std::string& name, const Change& change = {});
  Result<void> set_model_tag(const std::string& name, const KeyValue& tag,
                             const Change& change = {});
  // A tag that isn't there is no error, here and for versions.
  Result<void> delete_model_tag(const std::string& name, const std::string& key,
                                const Change& change = {});
  // Without prompts, unless the filter asks for them by kPromptTag.
  Result<Page<RegisteredModel>> search_models(const SearchQuery& query);

  // `draft` has model, source, run, description, tags; a source "models:/..." is resolved to where
  // its files are. Numbers never come back: one more than any version ever had. kInvalidArgument:
  // a source that must not be registered (sources.h).
  Result<ModelVersion> create_version(ModelVersion draft, const Change& change = {});
  Result<ModelVersion> get_version(const std::string& model, std::int64_t version);
  Result<ModelVersion> update_version(const std::string& model, std::int64_t version,
                                      const std::string& description, const Change& change = {});
  // Its aliases go with it. kPermissionDenied: one of them is protected.
  Result<void> delete_version(const std::string& model, std::int64_t version,
                              const Change& change = {});
  Result<void> set_version_tag(const std::string& model, std::int64_t version, const KeyValue& tag,
                               const Change& change = {});
  Result<void> delete_version_tag(const std::string& model, std::int64_t version,
                                  const std::string& key, const Change& change = {});
  // None, Staging, Production, Archived in any case. kInvalidArgument: another word, or
  // `archive_existing` for a stage that is none of Staging and Production.
  Result<ModelVersion> set_stage(const std::string& model, std::int64_t version,
                                 const std::string& stage, bool archive_existing,
                                 const Change& change = {});
  // The newest version of each stage; `stages` in any case, empty: all.
  Result<std::vector<ModelVersion>> latest_versions(const std::string& model,
                                                    const std::vector<std::string>& stages);
  Result<Page<ModelVersion>> search_versions(const SearchQuery& query);
  // A version that was made from this run or logged model ("" for either), as "models:/churn/3";
  // nothing when there is none.
  Result<std::optional<std::string>> find_made_from(const std::string& run_id,
                                                    const std::string& model_id);

  // kPermissionDenied: the alias is protected, and this change has neither what it needs (see
  // Protection). kInvalidArgument: no alias name.
  Result<void> set_alias(const std::string& model, const std::string& alias, std::int64_t version,
                         const Change& change);
  Result<void> delete_alias(const std::string& model, const std::string& alias,
                            const Change& change);  // none there is no error
  // "latest" is the newest version. kInvalidArgument when there is no such alias (as MLflow has
  // it).
  Result<ModelVersion> version_by_alias(const std::string& model, const std::string& alias);
  // Moves an alias with the gate's verdict, which is stored with the version. kPermissionDenied:
  // the alias has approvers, and none of them moves it or has approved.
  Result<AliasMove> promote(const std::string& model, const std::string& alias,
                            std::int64_t version, const std::string& gate, const Change& change);

  // From now on the alias moves only through promote().
  Result<void> protect_alias(const std::string& model, const std::string& alias,
                             const Change& change = {});
  // From now on the alias moves only when one of `approvers` moves it or has approved the version.
  // kPermissionDenied: it has approvers already, and `change.actor` is none of them.
  Result<void> set_approvers(const std::string& model, const std::string& alias,
                             const std::vector<std::string>& approvers, const Change& change);
  // kPermissionDenied: as set_approvers. kNotFound: the alias is not protected.
  Result<void> unprotect_alias(const std::string& model, const std::string& alias,
                               const Change& change);
  // Lets the next move of the alias to this version through. kPermissionDenied: `change.actor` is
  // no approver of it.
  Result<void> approve(const std::string& model, const std::string& alias, std::int64_t version,
                       const Change& change);
  Result<std::vector<Protection>> protections(const std::string& model);
  // Newest first; `alias` empty: of all aliases. A name that was deleted keeps its history.
  Result<std::vector<AliasMove>> alias_history(const std::string& model,
                                               const std::string& alias = {});

 private:
  Result<AliasMove> move_alias(const std::string& model, const std::string& alias,
                               std::optional<std::int64_t> to, const Change& change,
                               const std::string& gate);
  // Follows a reference and checks the place: fills source, storage, run_id and model_id.
  Result<void> resolve_source(ModelVersion& draft);

  store::Db& db_;
  const base::Clock& clock_;
  ArtifactPlaces& places_;
  const std::optional<SourcePattern> pattern_;
  AliasObserver* observer_ = nullptr;
};

store::RoomMigrations migrations();

}  // namespace slipway::registry
