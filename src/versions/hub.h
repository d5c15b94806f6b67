// Repositories of data on the server: what people push to and pull from. Objects are in a folder
// for each, branches and tags in the database.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "store/db.h"
#include "versions/examine.h"
#include "versions/pack_stream.h"
#include "versions/repository.h"

namespace slipway::versions {

struct HubRef {
  RefKind kind = RefKind::kBranch;  // or kTag
  std::string name;
  Digest commit{};
  base::Timestamp moved_at;
  std::string moved_by;
};

struct HubRepository {
  std::string name;
  base::Timestamp created_at;
  std::vector<HubRef> refs;
};

struct RefMove {
  RefKind kind = RefKind::kBranch;
  std::string name;
  std::optional<Digest> from;  // where it was when the caller looked; none: it was not there
  std::optional<Digest> to;    // none: it goes
  enum class Force { kNo, kYes };
  Force force = Force::kNo;  // kYes: whatever `to` comes from
};

// Letters, digits, '.', '_' and '-', the first one a letter or digit. kInvalidArgument.
Result<void> check_repository_name(std::string_view name);
std::string_view ref_kind_name(RefKind kind);
// "branch" or "tag". kInvalidArgument.
Result<RefKind> parse_ref_kind(std::string_view name);

// Safe to use from several threads. `db` and `clock` must outlive it.
class Hub {
 public:
  // `verify_threads`: that read what one verify() does.
  Hub(store::Db& db, const base::Clock& clock, std::filesystem::path folder,
      std::size_t verify_threads = 1)
      : db_(db), clock_(clock), folder_(std::move(folder)), verify_threads_(verify_threads) {}

  Result<std::vector<HubRepository>> list();
  Result<HubRepository> get(std::string_view name);  // kNotFound
  // Its objects. kNotFound: nobody has pushed to a repository of that name.
  Result<std::shared_ptr<Packs>> packs(std::string_view name);
  // The same, made when it is not there. kInvalidArgument: it can't be called so.
  Result<std::shared_ptr<Packs>> ensure_packs(std::string_view name);

  // Moves a branch or a tag, on record as an event. kConflict: it is elsewhere than `from` by now,
  // or without force a branch would lose commits, or a tag would move. kFailedPrecondition: objects
  // that `to` needs are missing. kNotFound: what is to go isn't there.
  Result<HubRef> move(std::string_view repository, const RefMove& move);

  // Removes objects that no branch and no tag needs, and as the policy says files of versions; on
  // record as an event. kUnavailable: somebody still moves objects after `wait_ms`, and to whoever
  // comes meanwhile.
  struct Collection {
    std::optional<std::uint64_t> keep_last, keep_days;  // as KeepPolicy
    GcMode mode = GcMode::kDo;
    std::int64_t wait_ms = 10'000;
    // Objects that nothing needs stay so long after they came: a push may be about to.
    base::Duration grace = base::Duration::hours(1);
  };
  Result<Compacted> collect(std::string_view repository, const Collection& collection);

  // Reads all objects, or those given, and compares them with their digests. Damage is on record as
  // an event and in the log. kUnavailable: somebody has all of them read already.
  Result<Examined> verify(std::string_view repository, std::optional<DigestSet> only);
  // Removes those copies of these objects that are damaged, and of packs in which nothing can be
  // found, so that they can be sent anew; as an event. Gives how many. kUnavailable: as collect().
  Result<std::uint64_t> drop_damaged(std::string_view repository, const DigestSet& objects,
                                     std::int64_t wait_ms = 10'000);

  // A branch, a tag or a whole commit's digest.
  Result<Digest> resolve(std::string_view repository, std::string_view text);

 private:
  Result<std::shared_ptr<Packs>> open_packs(const std::string& name);
  Result<void> report_damage(std::string_view repository, const Examined& examined);
  Result<void> close_packs(const std::string& name, std::int64_t wait_ms);
  // `work` with the packs of a repository that nobody else has; as collect().
  template <typename T>
  Result<T> alone(const std::string& name, std::int64_t wait_ms,
                  const std::function<Result<T>(Packs&)>& work);

  store::Db& db_;
  const base::Clock& clock_;
  const std::filesystem::path folder_;
  const std::size_t verify_threads_;
  base::Mutex mutex_;
  std::map<std::string, std::shared_ptr<Packs>, std::less<>> open_ GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> collected_ GUARDED_BY(mutex_);  // nobody may open them
  std::set<std::string, std::less<>> verified_ GUARDED_BY(mutex_);   // all of them is read
};

// A file of a version as its bytes, piece by piece.
class ContentSource {
 public:
  static Result<ContentSource> open(std::shared_ptr<Packs> packs, const Content& content);
  // The next piece, checked; empty at the end.
  Result<std::string> next();

 private:
  ContentSource(std::shared_ptr<Packs> packs, std::vector<Chunk> chunks)
      : packs_(std::move(packs)), chunks_(std::move(chunks)) {}

  std::shared_ptr<Packs> packs_;
  std::vector<Chunk> chunks_;
  std::size_t next_ = 0;
};

}  // namespace slipway::versions
