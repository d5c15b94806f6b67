// How rows go: whole versions by policy, somebody's rows out of all of them, and the files that no
// version has.
#include <algorithm>
#include <set>

#include "datasets/datasets.h"
#include "datasets/profile.h"
#include "store/parquet.h"

namespace slipway::datasets {

using types::Frame;

Result<std::optional<Datasets::Without>> Datasets::without(const std::string& digest,
                                                           const std::vector<std::string>& columns,
                                                           const AreGone& is_gone, Erase how) {
  if (digest.empty()) return std::optional<Without>();
  const std::filesystem::path file = TRY(blobs_.local_file(digest));
  std::vector<std::string> there;
  for (const auto& [name, type] : TRY(store::parquet_info(file)).columns) {
    if (std::ranges::find(columns, name) != columns.end()) there.push_back(name);
  }
  if (there.empty()) return std::optional<Without>();
  const std::vector<std::size_t> gone = is_gone(TRY(store::read_parquet(file, there)));
  if (gone.empty()) return std::optional<Without>();
  Without found{.gone = static_cast<std::int64_t>(gone.size()), .digest = {}, .frame = {}};
  if (how == Erase::kRemove) {
    const Frame all = TRY(store::read_parquet(file));
    found.frame = all.take(types::all_but(gone, all.rows()));
    found.digest = TRY(put(found.frame));
  }
  return std::optional(std::move(found));
}

Result<std::vector<Datasets::ErasedRows>> Datasets::erase(const std::string& name,
                                                          const std::vector<std::string>& columns,
                                                          const AreGone& is_gone, Erase how,
                                                          const std::string& actor) {
  std::vector<ErasedRows> erased;
  base::MutexLock lock(ingest_mutex_);
  for (Snapshot& snapshot : TRY(snapshots(name))) {
    if (snapshot.rows_removed_at) continue;
    auto kept = TRY(without(snapshot.digest, columns, is_gone, how));
    const auto aside = TRY(without(snapshot.quarantine_digest, columns, is_gone, how));
    if (!kept && !aside) continue;
    ErasedRows& of = erased.emplace_back(ErasedRows{
        .version = snapshot.version, .digest_before = snapshot.digest, .digest = snapshot.digest});
    if (kept) of.rows = kept->gone;
    // What is flagged is among the rows.
    if (aside && snapshot.quarantined > 0) of.quarantined = aside->gone;
    if (how == Erase::kOnlyCount) continue;
    if (kept) {
      snapshot.digests_before.push_back(snapshot.digest);
      of.digest = snapshot.digest = kept->digest;
      snapshot.rows -= kept->gone;
      snapshot.profile = profile(kept->frame);
    }
    if (aside) {
      snapshot.quarantine_digest = aside->frame.rows() > 0 ? aside->digest : "";
      (snapshot.quarantined > 0 ? snapshot.quarantined : snapshot.flagged) -= aside->gone;
    }
    if (snapshot.schema.columns.empty()) {  // damaged: nothing of what it said stays
      const Frame rows = TRY(this->rows(snapshot));
      snapshot.schema = Schema::of(rows);
      snapshot.profile = profile(rows);
    }
    const base::Timestamp now = clock_.now();
    snapshot.notes.push_back(Json(fmt::format("{} rows were erased at {}", of.rows + of.quarantined,
                                              types::to_rfc3339(now))));
    const std::string document = TRY(snapshot.document());
    TRY(db_.write([&](store::Tx& tx) -> Result<void> {
      TRY(
          tx.execute("UPDATE dataset_snapshots SET digest = ?, row_count = ?, quarantined = ?, "
                     "quarantine_digest = ?, document = ? WHERE dataset = ? AND version = ?",
                     {snapshot.digest, snapshot.rows, snapshot.quarantined,
                      snapshot.quarantine_digest, document, name, snapshot.version}));
      return tx.append_event({.kind = "dataset.erased",
                              .subject = fmt::format("datasets/{}/{}", name, snapshot.version),
                              .actor = actor,
                              .payload = {{"rows", of.rows},
                                          {"quarantined", of.quarantined},
                                          {"digest_before", of.digest_before},
                                          {"digest", of.digest}},
                              .event_time = now});
    }));
  }
  return erased;
}

Result<std::int64_t> Datasets::let_go(const std::string& name, base::Timestamp before,
                                      const std::string& actor) {
  const base::Timestamp now = clock_.now();
  return db_.write([&](store::Tx& tx) -> Result<std::int64_t> {
    std::vector<std::int64_t> versions;
    TRY(tx.query(
        "SELECT version FROM dataset_snapshots WHERE dataset = ? AND arrival_time < ? AND "
        "rows_removed_at IS NULL AND version < (SELECT MAX(version) FROM "
        "dataset_snapshots WHERE dataset = ?) ORDER BY version",
        {name, before, name}, [&](const store::Row& row) { versions.push_back(row.int64(0)); }));
    for (const std::int64_t version : versions) {
      TRY(tx.execute(
          "UPDATE dataset_snapshots SET rows_removed_at = ? WHERE dataset = ? AND version = ?",
          {now, name, version}));
      TRY(tx.append_event({.kind = "dataset.rows_removed",
                           .subject = fmt::format("datasets/{}/{}", name, version),
                           .actor = actor,
                           .payload = {{"came_before", types::to_rfc3339(before)}},
                           .event_time = now}));
    }
    return static_cast<std::int64_t>(versions.size());
  });
}

Result<Datasets::Reclaimed> Datasets::reclaim(Reclaim how) {
  base::MutexLock lock(ingest_mutex_);  // a blob that waits for its version is no orphan
  std::set<std::string> used;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT digest, quarantine_digest FROM dataset_snapshots WHERE "
        "rows_removed_at IS NULL",
        {}, [&](const store::Row& row) {
          used.insert(row.string(0));
          used.insert(row.string(1));
        });
  }));
  Reclaimed reclaimed;
  for (const store::BlobInfo& blob : TRY(blobs_.list())) {
    if (used.contains(blob.digest)) continue;
    if (how == Reclaim::kRemove) TRY(blobs_.remove(blob.digest));
    ++reclaimed.blobs;
    reclaimed.bytes += blob.bytes;
  }
  return reclaimed;
}

}  // namespace slipway::datasets
