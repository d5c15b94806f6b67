// Keeps datasets as content-addressed snapshots: what was declared, what came in, what was put
// aside and why.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/mutex.h"
#include "base/result.h"
#include "datasets/dataset_rows.h"
#include "datasets/definition.h"
#include "datasets/snapshot.h"
#include "datasets/validation.h"
#include "store/blob_store.h"
#include "store/db.h"
#include "store/parquet.h"
#include "types/frame.h"

namespace slipway::datasets {

store::RoomMigrations migrations();

struct TableDiff;  // diff/table_diff.h
struct TableDiffOptions;

struct DefinitionChange {
  std::string kind = "dataset";
  std::string name;
  std::string change;  // created | updated | unchanged
};

struct IngestReport {
  Snapshot snapshot;
  bool is_new = false;  // the same rows and quarantine as the newest version make no new one
};

// Safe to use from several threads. What is given to the constructor must outlive it.
class Datasets {
 public:
  // Rows of a version that break a rule and stay are also kept beside it, so many, as examples.
  static constexpr std::size_t kFlaggedRowsMax = 1'000;

  // `clock`: of events.
  Datasets(store::Db& db, store::BlobStore& blobs, const base::Clock& clock,
           std::filesystem::path scratch, Outside outside)
      : db_(db),
        blobs_(blobs),
        clock_(clock),
        scratch_(std::move(scratch)),
        outside_(std::move(outside)) {}

  // kInvalidArgument: a definition has a password, which everybody could read who reads
  // definitions.
  static Result<void> check(const std::vector<DatasetDefinition>& definitions);
  Result<std::vector<DefinitionChange>> plan(const std::vector<DatasetDefinition>& definitions);
  // Rules, keys, times and checks that name columns which the newest version doesn't have, a
  // sentence each: the next file may have them.
  Result<std::vector<std::string>> unknown_columns(
      const std::vector<DatasetDefinition>& definitions);
  // Datasets that aren't named stay. `project` is the folder that paths are relative to.
  Result<std::vector<DefinitionChange>> apply(const std::vector<DatasetDefinition>& definitions,
                                              const std::filesystem::path& project,
                                              const std::string& actor);
  Result<std::vector<DatasetDefinition>> definitions();
  // kFailedPrecondition: it has versions, which models may have been made from. kNotFound.
  Result<void> remove(const std::string& name, const std::string& actor);
  Result<DatasetDefinition> definition(const std::string& name);  // kNotFound
  // Where a dataset's rows come from: a file's or folder's absolute path, s3://BUCKET/KEY, or a
  // table of the database at `url`.
  struct Place {
    std::string dataset, address, url, table;
  };
  // Of those whose place is known: variables that are not set, and queries, name none.
  Result<std::vector<Place>> places();

  // Where a path that is given instead of the declared place may lead.
  enum class Reach { kAnywhere, kProject };
  // What of the last version binds: columns that are gone or of another type are an error, and the
  // checks compare with it; columns alone, the change is accepted; or nothing.
  enum class Columns { kFollow, kAccept, kAnew };
  // Reads, validates, keeps. `path`: another file, folder or s3:// address than the declared place;
  // kPermissionDenied where `reach` doesn't go (check_given_path).
  // kNotFound: no such dataset, file or folder. kCorruption: not a Parquet file, or cut short.
  // kInvalidArgument naming file, line and column: what no column can hold. kUnavailable: S3 or
  // PostgreSQL doesn't answer. kFailedPrecondition: rows break a rule and the dataset rejects them,
  // a check of the version fails, or the schema doesn't follow the last one. No version is made
  // then; what was read and isn't taken is told as the event "dataset.refused".
  Result<IngestReport> ingest(const std::string& name, const std::string& path,
                              const std::string& actor, Reach reach = Reach::kAnywhere,
                              Columns columns = Columns::kFollow);
  // The same with a file that somebody has sent, of Parquet or CSV. kInvalidArgument: of neither.
  Result<IngestReport> ingest_sent(const std::string& name, const std::filesystem::path& file,
                                   const std::string& actor, Columns columns = Columns::kFollow);

  // The newest version's rows and those of `more` whose key it doesn't have, as a version; columns
  // that the version doesn't have are left out. Errors as ingest().
  Result<IngestReport> ingest_more(const std::string& name, const types::Frame& more,
                                   const std::string& actor, Columns columns = Columns::kFollow);

  // The newest version's rows and those that were put aside of `version`, or of the newest, checked
  // by the rules of today, as a version: what breaks a rule again is put aside there. Rows whose
  // key the newest version has (without a key: the same rows) are left out, and a note says how
  // many. No version is made whose rows are the newest's. kFailedPrecondition: none were put aside,
  // or they came in by a replay before. Errors as ingest(). The event of it: "dataset.replayed".
  Result<IngestReport> replay(const std::string& name, std::optional<std::int64_t> version,
                              const std::string& actor, Columns columns = Columns::kFollow);

  // How far the newest version that had come by `as_of` goes: its newest event time that
  // had been by then, or when the version came if none had. Nothing: all versions came later.
  // kNotFound: no such dataset, or nothing ever came.
  Result<std::optional<base::Timestamp>> newest_row(const std::string& name, base::Timestamp as_of);

  // Newest first, damaged ones with a note instead of schema and profile. kNotFound: no such
  // dataset.
  Result<std::vector<Snapshot>> snapshots(const std::string& name);
  // The newest, or one version. kNotFound. kCorruption: what is kept of it is damaged.
  Result<Snapshot> snapshot(const std::string& name, std::optional<std::int64_t> version = {});
  // The Parquet file of a version. kFailedPrecondition: its rows were removed.
  Result<std::filesystem::path> file(const Snapshot& snapshot) {
    return file(snapshot, snapshot.digest);
  }
  // Rows of a version: these columns, or all when there are none.
  Result<types::Frame> rows(const Snapshot& snapshot, const std::vector<std::string>& columns = {});
  // The same a piece at a time (store::scan_parquet).
  Result<void> scan(const Snapshot& snapshot, const std::vector<std::string>& columns,
                    const std::optional<store::ParquetRange>& range,
                    const store::ParquetVisit& visit);
  // What is different between two versions: `to`, or the newest, and `from`, or the one before it.
  // Without a key in `options` the declared one is taken where `key` says so. `options.scratch` and
  // `options.csv` don't matter. kNotFound: no such dataset or version; kFailedPrecondition: there
  // is no version before. Errors as diff_tables().
  enum class DiffKey { kDeclared, kGiven };
  Result<TableDiff> diff(const std::string& name, std::optional<std::int64_t> from,
                         std::optional<std::int64_t> to, DiffKey key, TableDiffOptions options);
  // Takes rows out of all versions and of what was put aside, for good: those that `is_gone` names
  // by their positions, ascending, of a frame with some of `columns`. A version keeps its number
  // and gets another digest and profile, and a damaged one another record. The files of before stay
  // until reclaim(). Done again after a crash it goes on. Returns what was found; kOnlyCount
  // changes nothing.
  struct ErasedRows {
    std::int64_t version = 0, rows = 0, quarantined = 0;
    std::string digest_before, digest;
  };
  using AreGone = std::function<std::vector<std::size_t>(const types::Frame& frame)>;
  enum class Erase { kRemove, kOnlyCount };
  Result<std::vector<ErasedRows>> erase(const std::string& name,
                                        const std::vector<std::string>& columns,
                                        const AreGone& is_gone, Erase how,
                                        const std::string& actor);
  // Lets go of the rows of versions that came before `before`, but the newest; reclaim() removes
  // them. Their records stay. Returns how many versions.
  Result<std::int64_t> let_go(const std::string& name, base::Timestamp before,
                              const std::string& actor);
  // Removes blobs that no version has: an ingest that ended before its version was written has left
  // them. Nobody else may keep blobs in the store.
  struct Reclaimed {
    std::int64_t blobs = 0;
    std::int64_t bytes = 0;
  };
  enum class Reclaim { kRemove, kOnlyCount };
  Result<Reclaimed> reclaim(Reclaim how);
  // Rows that were put aside, or the first kFlaggedRowsMax that are flagged, with columns `_reason`
  // ("wind_speed max: 1048.36") and `_row`.
  Result<types::Frame> quarantine(const Snapshot& snapshot);

 private:
  using Types = std::map<std::string, types::ColumnType>;
  using ReadRows = std::function<Result<DatasetRows>(const std::optional<Snapshot>& last_version)>;
  // What of the last version rows depend on: when it is another by then, they are read again.
  enum class Basis { kNothing, kTypes, kRows };

  // Reads, which may take long and depends on others, without the lock; keeps under it.
  Result<IngestReport> take_in(const DatasetDefinition& definition, Basis basis, Columns columns,
                               const ReadRows& read, const std::string& actor);
  static Types types_of(const std::optional<Snapshot>& version);  // that bind the next
  // `before`: the newest version, or none.
  Result<IngestReport> keep(const DatasetDefinition& definition, Columns columns, DatasetRows rows,
                            std::optional<Snapshot> before, const std::string& actor)
      REQUIRES(ingest_mutex_);
  // `before`: nullable.
  Result<std::vector<CheckOutcome>> check(const DatasetDefinition& definition,
                                          const types::Frame& frame, std::int64_t quarantined,
                                          const Snapshot* before, base::Timestamp now);
  struct Refusal {
    const DatasetRows& rows;
    std::int64_t rows_read = 0;
    JsonObject violations{};  // "column rule" -> count
    std::string reason{};     // empty: as the error says
  };
  // A version's rows, or those put aside, without the ones that are gone: their file's new digest.
  // Nothing: there are none.
  struct Without {
    std::int64_t gone = 0;
    std::string digest;
    types::Frame frame;
  };
  Result<std::optional<Without>> without(const std::string& digest,
                                         const std::vector<std::string>& columns,
                                         const AreGone& is_gone, Erase how) REQUIRES(ingest_mutex_);
  // Tells of it, if the data is to blame, and gives it back.
  Error refuse(const std::string& name, const Refusal& refusal, Error why,
               const std::string& actor);
  Result<std::filesystem::path> file(const Snapshot& snapshot, const std::string& digest);
  Result<std::string> put(const types::Frame& frame) REQUIRES(ingest_mutex_);
  // Nothing: none came. kCorruption: it is damaged; anew it counts by its number alone.
  Result<std::optional<Snapshot>> newest(const std::string& name,
                                         Columns columns = Columns::kFollow);

  store::Db& db_;
  store::BlobStore& blobs_;
  const base::Clock& clock_;
  const std::filesystem::path scratch_;
  const Outside outside_;
  std::atomic<std::uint64_t> copies_{0};  // folders that were made in scratch_
  base::Mutex ingest_mutex_;              // one version at a time
};

}  // namespace slipway::datasets
