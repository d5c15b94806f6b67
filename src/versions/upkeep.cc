#include "versions/upkeep.h"

#include <algorithm>
#include <atomic>

#include "versions/run_beside.h"

namespace slipway::versions {
namespace {

// Copies what `stays` says of the packs `leaving` into new ones, then removes them.
Result<void> rewrite(Packs& packs, const std::set<std::uint32_t>& leaving,
                     const std::function<bool(const PackedObject&)>& stays) {
  PackWriter writer(packs, leaving);
  std::string bytes;
  for (const PackedObject& object : packs.list()) {
    if (!leaving.contains(object.place.pack) || !stays(object)) continue;
    bytes.clear();
    TRY(packs.read(object.place, bytes));
    TRY(writer.add(object.digest, bytes));
  }
  TRY(writer.finish());
  return packs.remove({leaving.begin(), leaving.end()});
}

}  // namespace

JsonObject to_json(const Compacted& compacted) {
  return {{"objects_removed", compacted.objects_removed},
          {"bytes_freed", compacted.bytes_freed},
          {"packs_rewritten", compacted.packs_rewritten},
          {"versions_expired", compacted.versions_expired}};
}

Result<Compacted> compact(Packs& packs, const DigestSet& needed, GcMode mode) {
  Compacted compacted;
  std::set<std::uint32_t> leaving;
  DigestSet seen;
  for (const PackedObject& object : packs.list()) {
    if (needed.contains(object.digest) && seen.insert(object.digest).second) continue;
    leaving.insert(object.place.pack);
    ++compacted.objects_removed;
    compacted.bytes_freed += object.place.bytes;
  }
  compacted.packs_rewritten = leaving.size();
  if (mode == GcMode::kDryRun) return compacted;
  const std::uint64_t before = packs.bytes();
  TRY(rewrite(packs, leaving,
              [&](const PackedObject& object) { return needed.contains(object.digest); }));
  const std::uint64_t after = TRY(Packs::open(packs.folder()))->bytes();
  compacted.bytes_freed = before > after ? before - after : 0;
  return compacted;
}

Result<Compacted> remove_unneeded(Packs& packs, const std::vector<Digest>& named,
                                  const std::vector<Digest>& expired, DigestSet also, GcMode mode) {
  std::uint64_t told_bytes = 0;
  {
    PackWriter writer(packs);
    for (const Digest& commit : expired) {
      const std::string tombstone = write_tombstone(commit);
      if (packs.find(tombstone_of(commit))) continue;
      told_bytes += tombstone.size();
      if (mode == GcMode::kDo) TRY(writer.add(tombstone_of(commit), tombstone));
    }
    TRY(writer.finish());
  }
  const std::vector<Digest> found =
      TRY(find_needed(packs, named, {}, DigestSet(expired.begin(), expired.end())));
  also.insert(found.begin(), found.end());
  Compacted compacted = TRY(compact(packs, also, mode));
  compacted.bytes_freed -= std::min(compacted.bytes_freed, told_bytes);
  compacted.versions_expired = expired.size();
  return compacted;
}

Verified verify(const Packs& packs, std::size_t threads,
                const std::function<void(std::uint64_t bytes)>& progress, const DigestSet* only) {
  std::vector<PackedObject> objects = packs.list();
  if (only != nullptr)
    std::erase_if(objects, [&](const PackedObject& one) { return !only->contains(one.digest); });
  Verified verified{.objects = objects.size()};
  base::Mutex mutex;
  std::atomic<std::size_t> next = 0;
  constexpr std::size_t kAtOnce = 64;
  const auto work = [&] {
    std::string bytes;
    for (std::size_t from; (from = next.fetch_add(kAtOnce)) < objects.size();) {
      std::uint64_t read = 0;
      std::vector<Damage> damages;
      std::vector<NamedCommit> commits;
      std::optional<Error> unread;
      for (std::size_t at = from; at < std::min(from + kAtOnce, objects.size()); ++at) {
        const auto& [digest, place] = objects[at];
        bytes.clear();
        Result<void> got = packs.read(place, bytes);
        if (!got && got.error().code != Code::kCorruption) {
          unread = std::move(got).error();
        } else if (!got || base::sha256(bytes) != digest) {
          damages.push_back({objects[at], packs.pack_file(place.pack).string()});
        } else if (bytes.starts_with(kCommitBegin)) {
          if (auto commit = read_commit(bytes)) commits.push_back({digest, std::move(*commit)});
        }
        read += place.bytes;
      }
      const base::MutexLock lock(mutex);
      verified.bytes += read;
      verified.damages.insert(verified.damages.end(), damages.begin(), damages.end());
      std::ranges::move(commits, std::back_inserter(verified.commits));
      if (unread) verified.unread = std::move(unread);
      if (progress) progress(verified.bytes);
    }
  };
  run_beside(threads, work);
  return verified;
}

Result<void> drop_damaged(Packs& packs, const Verified& verified) {
  if (verified.unread) return *verified.unread;
  std::set<std::pair<std::uint32_t, std::uint64_t>> damaged;  // packs and offsets
  std::set<std::uint32_t> leaving(packs.cut().begin(), packs.cut().end());
  for (const auto& [object, file] : verified.damages) {
    damaged.emplace(object.place.pack, object.place.offset);
    leaving.insert(object.place.pack);
  }
  TRY(rewrite(packs, leaving, [&](const PackedObject& object) {
    return !damaged.contains({object.place.pack, object.place.offset});
  }));
  return packs.put_aside_damaged();
}

}  // namespace slipway::versions
