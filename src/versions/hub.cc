#include "versions/hub.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <thread>

#include "base/log.h"

namespace slipway::versions {
namespace {

constexpr std::size_t kLoggedMax = 20;  // of damages at once

Error not_there(std::string_view name) {
  return base::error(Code::kNotFound,
                     "no such data repository: {}; `slipway data push {}` makes it", name, name);
}

Result<HubRef> read_ref(const store::Row& row) {
  return HubRef{.kind = TRY(parse_ref_kind(row.text(0))),
                .name = row.string(1),
                .commit = TRY(parse_digest(row.text(2))),
                .moved_at = row.time(3),
                .moved_by = row.string(4)};
}

Result<std::vector<HubRef>> read_refs(store::Reader& reader, std::string_view repository) {
  std::vector<HubRef> refs;
  std::optional<Error> failed;
  TRY(
      reader.query("SELECT kind, name, commit_digest, moved_at, moved_by FROM data_refs WHERE "
                   "workspace = 'default' AND repository = ? ORDER BY kind, name",
                   {repository}, [&](const store::Row& row) {
                     Result<HubRef> ref = read_ref(row);
                     if (ref) {
                       refs.push_back(std::move(*ref));
                     } else {
                       failed = std::move(ref).error();
                     }
                   }));
  if (failed) return std::move(*failed);
  return refs;
}

Error collecting(std::string_view name) {
  return base::error(Code::kUnavailable, "gc removes objects of {}: try again when it is done",
                     name);
}

// Of a push that is under way: objects in young packs that the commits `named` don't need even with
// all their files.
Result<DigestSet> find_coming(const Packs& packs, const std::vector<Digest>& named,
                              base::Duration grace) {
  const std::vector<Digest> found = TRY(find_needed(packs, named, {}));
  const DigestSet needed(found.begin(), found.end());
  const std::int64_t since = base::SystemClock().now().micros - grace.micros;
  std::map<std::uint32_t, bool> is_young;
  DigestSet coming;
  for (const PackedObject& object : packs.list()) {
    const auto [known, is_new] = is_young.try_emplace(object.place.pack, false);
    struct stat stat;
    if (is_new && ::stat(packs.pack_file(object.place.pack).c_str(), &stat) == 0)
      known->second = std::int64_t{stat.st_mtim.tv_sec} * 1'000'000 >= since;
    if (known->second && !needed.contains(object.digest)) coming.insert(object.digest);
  }
  return coming;
}

Result<Compacted> collect_from(Packs& packs, const HubRepository& repository,
                               const Hub::Collection& collection, base::Timestamp now) {
  std::vector<Digest> named, branches;
  for (const HubRef& ref : repository.refs) {
    named.push_back(ref.commit);
    if (ref.kind == RefKind::kBranch) branches.push_back(ref.commit);
  }
  const KeepPolicy keep = keep_policy(collection.keep_last, collection.keep_days, now);
  return remove_unneeded(packs, named, TRY(find_expired(packs, named, branches, keep)),
                         TRY(find_coming(packs, named, collection.grace)), collection.mode);
}

std::string text_of(const std::optional<Digest>& digest) { return digest ? to_hex(*digest) : ""; }

}  // namespace

Result<void> check_repository_name(std::string_view name) {
  if (check_ref_name(name) && name.find('/') == std::string_view::npos) return {};
  return base::error(
      Code::kInvalidArgument,
      "a repository is called by letters, digits, '.', '_' and '-' and begins with a "
      "letter or digit: {}",
      name.substr(0, 80));
}

std::string_view ref_kind_name(RefKind kind) {
  switch (kind) {
    case RefKind::kBranch:
      return "branch";
    case RefKind::kTag:
      return "tag";
    case RefKind::kRemote:
      return "remote";
  }
  return "";
}

Result<RefKind> parse_ref_kind(std::string_view name) {
  if (name == "branch") return RefKind::kBranch;
  if (name == "tag") return RefKind::kTag;
  return base::error(Code::kInvalidArgument, "kind must be branch or tag: {}", name);
}

Result<std::vector<HubRepository>> Hub::list() {
  return db_.read([](store::Reader& reader) -> Result<std::vector<HubRepository>> {
    std::vector<HubRepository> found;
    TRY(reader.query(
        "SELECT name, created_at FROM data_repositories WHERE workspace = 'default' "
        "ORDER BY name",
        {}, [&](const store::Row& row) {
          found.push_back({.name = row.string(0), .created_at = row.time(1), .refs = {}});
        }));
    for (HubRepository& repository : found)
      repository.refs = TRY(read_refs(reader, repository.name));
    return found;
  });
}

Result<HubRepository> Hub::get(std::string_view name) {
  return db_.read([&](store::Reader& reader) -> Result<HubRepository> {
    auto found = TRY(reader.find(
        "SELECT created_at FROM data_repositories WHERE workspace = "
        "'default' AND name = ?",
        {name}, [&](const store::Row& row) {
          return HubRepository{.name = std::string(name), .created_at = row.time(0), .refs = {}};
        }));
    if (!found) return not_there(name);
    found->refs = TRY(read_refs(reader, name));
    return std::move(*found);
  });
}

Result<std::shared_ptr<Packs>> Hub::open_packs(const std::string& name) {
  const base::MutexLock lock(mutex_);
  if (collected_.contains(name)) return collecting(name);
  std::shared_ptr<Packs>& packs = open_[name];
  if (packs == nullptr) {
    auto opened = Packs::open(folder_ / name / "packs");
    if (!opened) {
      open_.erase(name);
      return std::move(opened).error();
    }
    packs = std::move(*opened);
    for (const Error& damage : packs->damaged())
      base::log_error("versions", "repository {}: {}", name, damage.message);
  }
  return packs;
}

Result<std::shared_ptr<Packs>> Hub::packs(std::string_view name) {
  TRY(get(name));
  return open_packs(std::string(name));
}

Result<std::shared_ptr<Packs>> Hub::ensure_packs(std::string_view name) {
  TRY(check_repository_name(name));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    const std::int64_t added = TRY(
        tx.execute("INSERT INTO data_repositories(name, created_at) VALUES(?, ?) ON CONFLICT DO "
                   "NOTHING",
                   {name, clock_.now()}));
    if (added == 0) return {};
    return tx.append_event({.kind = "data.repository_created",
                            .subject = fmt::format("data/{}", name),
                            .payload = {}});
  }));
  return open_packs(std::string(name));
}

namespace {

// Clones keep each as a file: `a` and `a/b` can't both be there.
Result<void> check_way(const std::vector<HubRef>& refs, const RefMove& move) {
  for (const HubRef& ref : refs) {
    const bool is_in_the_way = ref.kind == move.kind && (ref.name.starts_with(move.name + "/") ||
                                                         move.name.starts_with(ref.name + "/"));
    if (is_in_the_way)
      return base::error(Code::kConflict, "{} {} is in the way of {}", ref_kind_name(ref.kind),
                         ref.name, move.name);
  }
  return {};
}

}  // namespace

Result<HubRef> Hub::move(std::string_view repository, const RefMove& move) {
  TRY(check_ref_name(move.name));
  const std::shared_ptr<Packs> packs = TRY(this->packs(repository));
  const auto is_at = [&](const std::vector<HubRef>& refs) -> std::optional<Digest> {
    const auto found = std::find_if(refs.begin(), refs.end(), [&](const HubRef& ref) {
      return ref.kind == move.kind && ref.name == move.name;
    });
    if (found == refs.end()) return std::nullopt;
    return found->commit;
  };
  const auto elsewhere = [&](const std::optional<Digest>& at) {
    return base::error(Code::kConflict,
                       "{} {} has moved meanwhile: is={} expected={}; `slipway data pull` brings "
                       "what is new",
                       ref_kind_name(move.kind), move.name, text_of(at), text_of(move.from));
  };
  const HubRepository before = TRY(get(repository));
  if (const auto at = is_at(before.refs); at != move.from) return elsewhere(at);
  if (!move.to && !move.from)
    return base::error(Code::kNotFound, "no such {}: {}", ref_kind_name(move.kind), move.name);
  const bool may_lose = move.force == RefMove::Force::kYes || !move.to || !move.from;
  if (move.kind == RefKind::kTag && !may_lose && move.from != move.to)
    return base::error(Code::kConflict, "a tag stays where it is: {}", move.name);
  if (move.to) {
    std::vector<Digest> known;
    for (const HubRef& ref : before.refs) known.push_back(ref.commit);
    if (const auto needed = find_needed(*packs, {*move.to}, known); !needed) {
      return base::error(Code::kFailedPrecondition, "push the objects first: {}",
                         needed.error().message);
    }
    if (is_expired(*packs, *move.to)) TRY(folder_of(*packs, *move.to));
    if (!may_lose && !TRY(is_ancestor(*packs, *move.from, *move.to))) {
      return base::error(Code::kConflict,
                         "branch {} has commits that would be lost; `slipway data pull` brings "
                         "them, --force drops them",
                         move.name);
    }
  }
  return db_.write([&](store::Tx& tx) -> Result<HubRef> {
    const std::vector<HubRef> refs = TRY(read_refs(tx, repository));
    if (const auto at = is_at(refs); at != move.from) return elsewhere(at);
    if (!move.from) TRY(check_way(refs, move));
    HubRef ref{.kind = move.kind,
               .name = move.name,
               .commit = move.to.value_or(Digest()),
               .moved_at = clock_.now(),
               .moved_by = base::acting_user_or("anonymous")};
    if (move.to) {
      TRY(
          tx.execute("INSERT INTO data_refs(repository, kind, name, commit_digest, moved_at, "
                     "moved_by) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(workspace, repository, kind, "
                     "name) DO UPDATE SET commit_digest = excluded.commit_digest, moved_at = "
                     "excluded.moved_at, moved_by = excluded.moved_by",
                     {repository, ref_kind_name(ref.kind), ref.name, to_hex(ref.commit),
                      ref.moved_at, ref.moved_by}));
    } else {
      TRY(
          tx.execute("DELETE FROM data_refs WHERE workspace = 'default' AND repository = ? AND "
                     "kind = ? AND name = ?",
                     {repository, ref_kind_name(ref.kind), ref.name}));
    }
    TRY(tx.append_event({.kind = move.to ? "data.ref_moved" : "data.ref_removed",
                         .subject = fmt::format("data/{}", repository),
                         .payload = {{"kind", ref_kind_name(ref.kind)},
                                     {"name", ref.name},
                                     {"from", text_of(move.from)},
                                     {"to", text_of(move.to)},
                                     {"force", move.force == RefMove::Force::kYes}}}));
    return ref;
  });
}

namespace {

// Takes the name of a repository out of those that something is done with, also when it throws.
struct Leaving {
  ~Leaving() {
    const base::MutexLock lock(mutex);
    names.erase(name);
  }
  base::Mutex& mutex;
  std::set<std::string, std::less<>>& names;
  const std::string& name;
};

}  // namespace

Result<void> Hub::close_packs(const std::string& name, std::int64_t wait_ms) {
  constexpr std::int64_t kLookMs = 10;
  {
    const base::MutexLock lock(mutex_);
    if (!collected_.insert(name).second) return collecting(name);
  }
  for (std::int64_t waited = 0;; waited += kLookMs) {
    {
      const base::MutexLock lock(mutex_);
      const auto open = open_.find(name);
      const bool is_used = open != open_.end() && open->second.use_count() > 1;
      if (!is_used) {
        if (open != open_.end()) open_.erase(open);
        return {};
      }
      if (waited >= wait_ms) {
        collected_.erase(name);
        return base::error(Code::kUnavailable,
                           "somebody pushes to {0} or pulls from it: try again later", name);
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
  }
}

template <typename T>
Result<T> Hub::alone(const std::string& name, std::int64_t wait_ms,
                     const std::function<Result<T>(Packs&)>& work) {
  TRY(close_packs(name, wait_ms));
  const Leaving done{mutex_, collected_, name};
  return work(*TRY(Packs::open(folder_ / name / "packs")));
}

Result<Compacted> Hub::collect(std::string_view repository, const Collection& collection) {
  const std::string name(repository);
  TRY(get(name));
  if (collection.mode == GcMode::kDryRun)
    return collect_from(*TRY(packs(name)), TRY(get(name)), collection, clock_.now());
  // Branches stand still: moving one needs the packs.
  const Compacted compacted =
      TRY(alone<Compacted>(name, collection.wait_ms, [&](Packs& packs) -> Result<Compacted> {
        return collect_from(packs, TRY(get(name)), collection, clock_.now());
      }));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    return tx.append_event({.kind = "data.collected",
                            .subject = fmt::format("data/{}", name),
                            .payload = to_json(compacted)});
  }));
  return compacted;
}

Result<Examined> Hub::verify(std::string_view repository, std::optional<DigestSet> only) {
  const auto packs = TRY(this->packs(repository));
  const std::string name(repository);
  std::optional<Leaving> done;
  if (!only) {
    const base::MutexLock lock(mutex_);
    if (!verified_.insert(name).second) {
      return base::error(Code::kUnavailable,
                         "all of {} is being read for somebody else: try again when that is done",
                         name);
    }
    done.emplace(mutex_, verified_, name);
  }
  Examination examination{.only = std::move(only), .threads = verify_threads_};
  for (const HubRef& ref : TRY(get(repository)).refs) examination.named.push_back(ref.commit);
  Examined examined = examine(*packs, examination);
  if (examined.is_damaged()) TRY(report_damage(repository, examined));
  return examined;
}

Result<void> Hub::report_damage(std::string_view repository, const Examined& examined) {
  for (const Damage& damage :
       std::span(examined.read.damages).first(std::min(examined.read.damages.size(), kLoggedMax))) {
    base::log_error("versions", "repository {}: an object is damaged: digest={} file={} offset={}",
                    repository, to_hex(damage.object.digest), damage.file,
                    damage.object.place.offset);
  }
  std::set<std::string> paths;
  for (const Affected& part : examined.affected.parts) {
    if (paths.size() < kLoggedMax) paths.insert(shown_name(part.path, For::kJson));
  }
  const std::size_t damaged = damaged_objects(examined).size();
  base::log_error("versions",
                  "repository {}: {} objects are damaged, {}{} files or folders have damaged or "
                  "missing ones, as {}; `slipway data verify --cloud --repair {}` from an intact "
                  "copy mends it",
                  repository, damaged, examined.affected.is_cut ? "more than " : "",
                  examined.affected.parts.size(), fmt::join(paths, ", "), repository);
  return db_.write([&](store::Tx& tx) -> Result<void> {
    return tx.append_event({.kind = "data.damaged",
                            .subject = fmt::format("data/{}", repository),
                            .payload = {{"objects", damaged},
                                        {"packs", examined.packs.size()},
                                        {"affected", examined.affected.parts.size()},
                                        {"paths", JsonArray(paths.begin(), paths.end())}}});
  });
}

Result<std::uint64_t> Hub::drop_damaged(std::string_view repository, const DigestSet& objects,
                                        std::int64_t wait_ms) {
  const std::string name(repository);
  TRY(get(name));
  const std::uint64_t dropped =
      TRY(alone<std::uint64_t>(name, wait_ms, [&](Packs& packs) -> Result<std::uint64_t> {
        const Verified found = versions::verify(packs, verify_threads_, {}, &objects);
        TRY(versions::drop_damaged(packs, found));
        return found.damages.size();
      }));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    return tx.append_event({.kind = "data.damaged_dropped",
                            .subject = fmt::format("data/{}", name),
                            .payload = {{"objects", dropped}}});
  }));
  return dropped;
}

Result<Digest> Hub::resolve(std::string_view repository, std::string_view text) {
  const HubRepository found = TRY(get(repository));
  for (const HubRef& ref : found.refs) {
    if (ref.name == text) return ref.commit;
  }
  if (auto digest = parse_digest(text)) return digest;
  return base::error(Code::kNotFound, "no such branch, tag or commit: {}", text);
}

Result<ContentSource> ContentSource::open(std::shared_ptr<Packs> packs, const Content& content) {
  std::vector<Chunk> chunks = TRY(chunks_of(*packs, content));
  return ContentSource(std::move(packs), std::move(chunks));
}

Result<std::string> ContentSource::next() {
  if (next_ == chunks_.size()) return std::string();
  return packs_->read(chunks_[next_++].digest);
}

}  // namespace slipway::versions
