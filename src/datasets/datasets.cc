#include "datasets/datasets.h"

#include <set>

#include "base/hash.h"
#include "base/log.h"
#include "datasets/diff/table_diff.h"
#include "datasets/profile.h"
#include "store/file_system.h"
#include "store/parquet.h"
#include "store/postgres_url.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::ColumnType;
using types::Frame;

constexpr std::string_view kFirst = R"sql(
CREATE TABLE dataset_definitions(
  workspace TEXT NOT NULL DEFAULT 'default',
  name TEXT NOT NULL,
  definition TEXT NOT NULL,
  project TEXT NOT NULL,
  PRIMARY KEY(workspace, name));
CREATE TABLE dataset_snapshots(
  workspace TEXT NOT NULL DEFAULT 'default',
  dataset TEXT NOT NULL,
  version INTEGER NOT NULL,
  digest TEXT NOT NULL,
  row_count INTEGER NOT NULL,
  quarantined INTEGER NOT NULL,
  quarantine_digest TEXT NOT NULL,
  document TEXT NOT NULL,
  source TEXT NOT NULL,
  source_digest TEXT NOT NULL,
  arrival_time INTEGER NOT NULL,
  PRIMARY KEY(workspace, dataset, version));
)sql";

constexpr std::string_view kRemoved =
    "ALTER TABLE dataset_snapshots ADD COLUMN rows_removed_at INTEGER";

Frame put_aside(const Frame& frame, const std::vector<std::size_t>& rows,
                const Validation& validation) {
  std::map<std::size_t, std::string> reasons;
  for (const Violation& violation : validation.violations) {
    if (violation.row > rows.back()) break;  // both are ascending
    std::string& reason = reasons[violation.row];
    reason += fmt::format("{}{} {}: {}", reason.empty() ? "" : "; ", violation.column,
                          violation.rule, violation.value);
  }
  Frame aside = frame.take(rows);
  Column reason = Column::of_type("_reason", ColumnType::kString);
  Column number = Column::of_type("_row", ColumnType::kInt64);
  for (const std::size_t row : rows) {
    reason.append_string(reasons[row]);
    number.append_int(static_cast<std::int64_t>(row));
  }
  aside.columns().push_back(std::move(reason));
  aside.columns().push_back(std::move(number));
  return aside;
}

// Rows of people who were erased don't come back with their file.
void leave_out(DatasetRows& rows, const std::vector<std::size_t>& gone) {
  if (gone.empty()) return;
  std::vector<std::size_t> stay = types::all_but(gone, rows.frame.rows());
  rows.frame = rows.frame.take(stay);
  rows.place = [place = std::move(rows.place), stay = std::move(stay)](std::size_t row) {
    return place(stay[row]);
  };
  rows.notes.push_back(fmt::format("{} rows of people who were erased are left out", gone.size()));
}

// Whether a violation's column, or one of several, has tags: its values aren't for everybody.
// Rather too often: a name may be part of another.
bool has_tags(const DatasetDefinition& definition, const std::string& columns) {
  return std::ranges::any_of(definition.columns, [&](const types::ColumnRule& column) {
    return !column.tags.empty() && columns.find(column.name) != columns.npos;
  });
}

bool is_about_before(const std::vector<CheckOutcome>& outcomes) {
  return std::ranges::any_of(outcomes, [](const CheckOutcome& outcome) {
    return !outcome.holds && (outcome.check == "rows_change_max" || outcome.check == "drift_max");
  });
}

}  // namespace

store::RoomMigrations migrations() { return {"datasets", {{1, kFirst}, {2, kRemoved}}}; }

Result<void> Datasets::check(const std::vector<DatasetDefinition>& definitions) {
  for (const DatasetDefinition& definition : definitions) {
    const std::string url = definition.postgres ? definition.postgres->url : "";
    if (store::without_password(url) == url) continue;
    return base::error(Code::kInvalidArgument,
                       "postgres: the url has a password, which everybody could read who reads "
                       "definitions: use ${{NAME}}, a variable of the server's environment that "
                       "holds the url: dataset={}",
                       definition.name);
  }
  return {};
}

Result<std::vector<DefinitionChange>> Datasets::plan(
    const std::vector<DatasetDefinition>& definitions) {
  TRY(check(definitions));
  std::map<std::string, DatasetDefinition> known;
  for (DatasetDefinition& definition : TRY(this->definitions())) {
    std::string name = definition.name;
    known[std::move(name)] = std::move(definition);
  }
  std::vector<DefinitionChange> changes;
  for (const DatasetDefinition& definition : definitions) {
    const auto found = known.find(definition.name);
    changes.push_back({.name = definition.name,
                       .change = found == known.end()          ? "created"
                                 : found->second == definition ? "unchanged"
                                                               : "updated"});
  }
  return changes;
}

Result<std::vector<DefinitionChange>> Datasets::apply(
    const std::vector<DatasetDefinition>& definitions, const std::filesystem::path& project,
    const std::string& actor) {
  const auto changes = TRY(plan(definitions));
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    for (std::size_t i = 0; i < definitions.size(); ++i) {
      const std::string text = base::to_text(definitions[i].to_json());
      TRY(
          tx.execute("INSERT INTO dataset_definitions(name, definition, project) VALUES(?, ?, ?) "
                     "ON CONFLICT(workspace, name) DO UPDATE SET definition = "
                     "excluded.definition, project = excluded.project",
                     {definitions[i].name, text, project.string()}));
      if (changes[i].change == "unchanged") continue;
      TRY(tx.append_event({.kind = "dataset.declared",
                           .subject = "datasets/" + definitions[i].name,
                           .actor = actor,
                           .payload = definitions[i].shown()}));
    }
    return {};
  }));
  return changes;
}

Result<void> Datasets::remove(const std::string& name, const std::string& actor) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    const auto newest =
        TRY(tx.find("SELECT COALESCE(MAX(version), 0) FROM dataset_snapshots WHERE dataset = ?",
                    {name}, [](const store::Row& row) { return row.int64(0); }));
    if (newest.value_or(0) > 0)
      return base::error(Code::kFailedPrecondition,
                         "a dataset with versions stays: dataset={} version={}", name, *newest);
    if (TRY(tx.execute("DELETE FROM dataset_definitions WHERE name = ?", {name})) == 0)
      return base::error(Code::kNotFound, "no such dataset: dataset={}", name);
    return tx.append_event(
        {.kind = "dataset.removed", .subject = "datasets/" + name, .actor = actor});
  });
}

Result<std::vector<DatasetDefinition>> Datasets::definitions() {
  Result<std::vector<DatasetDefinition>> found = std::vector<DatasetDefinition>();
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query("SELECT name, definition FROM dataset_definitions ORDER BY name", {},
                        [&](const store::Row& row) {
                          Result<DatasetDefinition> one = parse_dataset(row.string(0), row.text(1));
                          if (!found) return;
                          if (one) {
                            found->push_back(std::move(*one));
                          } else {
                            found = std::move(one).error();
                          }
                        });
  }));
  return found;
}

Result<DatasetDefinition> Datasets::definition(const std::string& name) {
  for (DatasetDefinition& definition : TRY(definitions())) {
    if (definition.name == name) return std::move(definition);
  }
  return base::error(Code::kNotFound, "no such dataset: dataset={}", name);
}

Result<std::vector<Datasets::Place>> Datasets::places() {
  std::map<std::string, std::filesystem::path> projects;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query("SELECT name, project FROM dataset_definitions", {},
                        [&](const store::Row& row) { projects[row.string(0)] = row.string(1); });
  }));
  std::vector<Place> places;
  for (const DatasetDefinition& definition : TRY(definitions())) {
    Place place{.dataset = definition.name};
    if (!definition.postgres) {
      place.address =
          definition.path.starts_with("s3://")
              ? definition.path
              : (projects[definition.name] / definition.path).lexically_normal().string();
    } else if (!definition.postgres->table.empty()) {
      const std::string& url = definition.postgres->url;
      const bool is_variable = url.starts_with("${") && url.ends_with('}');
      place.url =
          is_variable ? outside_.environment(url.substr(2, url.size() - 3)).value_or("") : url;
      if (!place.url.empty()) place.table = definition.postgres->table;
    }
    if (!place.address.empty() || !place.table.empty()) places.push_back(std::move(place));
  }
  return places;
}

Result<std::filesystem::path> Datasets::file(const Snapshot& snapshot, const std::string& digest) {
  if (snapshot.rows_removed_at) {
    return base::error(Code::kFailedPrecondition,
                       "the rows of this version were removed at {}, as the dataset's `keep` says: "
                       "dataset={} version={}",
                       types::to_rfc3339(*snapshot.rows_removed_at), snapshot.dataset,
                       snapshot.version);
  }
  return blobs_.local_file(digest);
}

Result<std::string> Datasets::put(const Frame& frame) {
  const std::filesystem::path file = scratch_ / "ingest.parquet";  // under ingest_mutex_
  TRY(store::make_folders(scratch_));
  TRY(store::write_parquet(frame, file));
  return TRY(blobs_.put_file(file, store::BlobStore::Source::kConsume)).digest;
}

Result<std::optional<Snapshot>> Datasets::newest(const std::string& name, Columns columns) {
  Result<Snapshot> found = snapshot(name);
  if (found && !found->untyped) found->find_untyped(TRY(snapshots(name)));
  if (found) return std::optional(std::move(*found));
  if (found.error().code == Code::kNotFound) return std::optional<Snapshot>();
  if (found.error().code == Code::kCorruption && columns == Columns::kAnew) {
    Snapshot damaged = TRY(snapshots(name)).front();
    damaged.digest.clear();  // the same rows make another
    return std::optional(std::move(damaged));
  }
  return std::move(found).error();
}

Result<IngestReport> Datasets::ingest(const std::string& name, const std::string& path,
                                      const std::string& actor, Reach reach, Columns columns) {
  const DatasetDefinition definition = TRY(this->definition(name));
  const std::filesystem::path project =
      TRY(db_.read([&](store::Reader& reader) {
        return reader.find("SELECT project FROM dataset_definitions WHERE name = ?", {name},
                           [](const store::Row& row) { return row.string(0); });
      })).value_or(".");
  if (!path.empty() && reach == Reach::kProject)
    TRY(check_given_path(definition, path, project, outside_));
  // What a storage has is copied there, by this ingest alone.
  const std::filesystem::path copies = scratch_ / fmt::format("ingest-{}", ++copies_);
  const auto remove_copies = [&copies] {
    std::error_code ignored;
    std::filesystem::remove_all(copies, ignored);
  };
  remove_copies();  // of a server that was killed
  return take_in(
      definition, columns == Columns::kAnew ? Basis::kNothing : Basis::kTypes, columns,
      [&](const std::optional<Snapshot>& last) {
        Result<DatasetRows> rows =
            read_dataset_rows(definition, path, project, types_of(last), outside_, copies);
        remove_copies();
        return rows;
      },
      actor);
}

Result<IngestReport> Datasets::ingest_sent(const std::string& name,
                                           const std::filesystem::path& file,
                                           const std::string& actor, Columns columns) {
  const DatasetDefinition definition = TRY(this->definition(name));
  return take_in(
      definition, columns == Columns::kAnew ? Basis::kNothing : Basis::kTypes, columns,
      [&](const std::optional<Snapshot>& last) {
        return read_sent_rows(definition, file, types_of(last), outside_);
      },
      actor);
}

Datasets::Types Datasets::types_of(const std::optional<Snapshot>& version) {
  if (!version) return Types();
  Types types(version->schema.columns.begin(), version->schema.columns.end());
  for (const std::string& name : version->untyped.value_or(std::set<std::string>()))
    types.erase(name);
  return types;
}

Result<IngestReport> Datasets::take_in(const DatasetDefinition& definition, Basis basis,
                                       Columns columns, const ReadRows& read,
                                       const std::string& actor) {
  for (;;) {
    std::optional<Snapshot> last = TRY(newest(definition.name, columns));
    if (basis == Basis::kNothing) last.reset();
    DatasetRows rows = TRY(read(last));
    base::MutexLock lock(ingest_mutex_);
    std::optional<Snapshot> before = TRY(newest(definition.name, columns));
    // Somebody else was quicker, with other columns: rows are read as the version before them says.
    if (basis != Basis::kNothing && types_of(before) != types_of(last)) continue;
    const auto version_of = [](const auto& snapshot) { return snapshot ? snapshot->version : 0; };
    if (basis == Basis::kRows && version_of(before) != version_of(last)) continue;
    return keep(definition, columns, std::move(rows), std::move(before), actor);
  }
}

Result<std::vector<CheckOutcome>> Datasets::check(const DatasetDefinition& definition,
                                                  const Frame& frame, std::int64_t quarantined,
                                                  const Snapshot* before, base::Timestamp now) {
  const VersionChecks& checks = definition.checks;
  if (before == nullptr)
    return check_version(checks, frame, quarantined, definition.time_column(), now, nullptr);
  std::vector<std::string> columns;
  for (const auto& [column, type] : before->schema.columns) {
    if (checks.drift_max.contains(column)) columns.push_back(column);
  }
  Frame earlier;
  if (!columns.empty()) earlier = TRY(rows(*before, columns));
  const VersionBefore of_before{.rows = before->rows, .frame = earlier};
  return check_version(checks, frame, quarantined, definition.time_column(), now, &of_before);
}

Error Datasets::refuse(const std::string& name, const Refusal& refusal, Error why,
                       const std::string& actor) {
  // What is the matter with the server is no matter of the data.
  if (why.code != Code::kFailedPrecondition && why.code != Code::kInvalidArgument) return why;
  const auto told = db_.write([&](store::Tx& tx) {
    return tx.append_event(
        {.kind = "dataset.refused",
         .subject = "datasets/" + name,
         .actor = actor,
         .payload = {{"reason", refusal.reason.empty() ? why.message : refusal.reason},
                     {"rows", refusal.rows_read},
                     {"violations", refusal.violations},
                     {"source", refusal.rows.source},
                     {"source_digest", refusal.rows.source_digest}},
         .event_time = clock_.now()});
  });
  if (!told)
    base::log_warning("datasets", "nobody hears of rows that were refused: dataset={} error={}",
                      name, told.error().message);
  return std::move(why).with_context("dataset " + name);
}

Result<IngestReport> Datasets::keep(const DatasetDefinition& definition, Columns columns,
                                    DatasetRows rows, std::optional<Snapshot> before,
                                    const std::string& actor) {
  const std::string& name = definition.name;
  Frame& frame = rows.frame;
  if (outside_.erased) leave_out(rows, outside_.erased(frame, definition));
  const Schema last = before ? before->schema_for(frame, rows.notes) : Schema();
  auto checked =
      validate(frame, definition, last.columns.empty() ? nullptr : &last,  // or damaged
               outside_.condition, columns == Columns::kAnew ? Changes::kTold : Changes::kRefused);
  Refusal refusal{.rows = rows, .rows_read = static_cast<std::int64_t>(frame.rows())};
  if (!checked) return refuse(name, refusal, std::move(checked).error(), actor);
  const Validation validation = std::move(*checked);
  for (const auto& [rule, count] : validation.counts()) refusal.violations[rule] = count;
  std::set<std::size_t> broken;
  for (const Violation& violation : validation.violations) broken.insert(violation.row);
  std::vector<std::size_t> good, bad;
  if (definition.on_violation != types::OnViolation::kFlag && !validation.violations.empty()) {
    if (definition.on_violation == types::OnViolation::kReject) {
      const Violation& first = validation.violations.front();
      // Values are for who sent them, not for all who read events.
      refusal.reason = fmt::format(
          "{} rows break a rule and the dataset rejects them; the first: row={} column={} rule={}",
          validation.violations.size(), first.row, first.column, first.rule);
      const std::string value =
          has_tags(definition, first.column) ? "" : fmt::format(" value={}", first.value);
      return refuse(name, refusal,
                    base::error(Code::kFailedPrecondition, "{}{} {}", refusal.reason, value,
                                rows.place(first.row)),
                    actor);
    }
    for (std::size_t row = 0; row < frame.rows(); ++row)
      (broken.contains(row) ? bad : good).push_back(row);
  }
  Snapshot fresh{.dataset = name,
                 .version = before ? before->version + 1 : 1,
                 .violations = refusal.violations,
                 .source = rows.source,
                 .source_digest = rows.source_digest,
                 .arrival_time = clock_.now()};
  std::optional<Frame> aside;
  if (!bad.empty()) {
    aside = put_aside(frame, bad, validation);
    fresh.quarantined = static_cast<std::int64_t>(bad.size());
    frame = frame.take(good);
  } else if (!broken.empty()) {  // on_violation: flag
    fresh.flagged = std::ssize(broken);
    bad.assign(broken.begin(), broken.end());
    bad.resize(std::min(bad.size(), kFlaggedRowsMax));
    aside = put_aside(frame, bad, validation);
  }
  auto outcomes =
      check(definition, frame, fresh.quarantined,
            columns == Columns::kFollow && before ? &*before : nullptr, fresh.arrival_time);
  if (!outcomes) return refuse(name, refusal, std::move(outcomes).error(), actor);
  const std::string failed = failed_words(*outcomes);
  if (!failed.empty() && definition.checks.rejects) {
    return refuse(name, refusal,
                  base::error(Code::kFailedPrecondition,
                              "the version doesn't pass the dataset's checks: {}{}", failed,
                              is_about_before(*outcomes)
                                  ? " (--accept, or accept: true, if the change is meant)"
                                  : ""),
                  actor);
  }
  for (const CheckOutcome& outcome : *outcomes) fresh.checks.push_back(outcome.to_json());
  if (aside) fresh.quarantine_digest = TRY(put(*aside));
  fresh.digest = TRY(put(frame));
  fresh.rows = static_cast<std::int64_t>(frame.rows());
  const bool is_replay = rows.replays != 0;
  // Nothing is put aside: examples of what is flagged say nothing of the rows, but of the rules.
  const bool none_aside = !before || before->quarantined + fresh.quarantined == 0;
  if (before && before->digest == fresh.digest &&
      (is_replay || none_aside || before->quarantine_digest == fresh.quarantine_digest)) {
    if (!failed.empty()) {
      TRY(db_.write([&](store::Tx& tx) {
        return tx.append_event({.kind = "dataset.flagged",
                                .subject = fmt::format("datasets/{}/{}", name, before->version),
                                .actor = actor,
                                .payload = {{"failed_checks", failed}},
                                .event_time = fresh.arrival_time});
      }));
    }
    before->checks = std::move(fresh.checks);  // as they are today
    if (!is_replay) {
      before->flagged = fresh.flagged;
      before->violations = std::move(fresh.violations);
    }
    return IngestReport{.snapshot = std::move(*before), .is_new = false};
  }
  fresh.schema = Schema::of(frame);
  fresh.profile = profile(frame);
  fresh.untyped = fresh.without_values();
  if (columns != Columns::kAnew) {
    for (const auto& [column, type] : types_of(before)) fresh.untyped->erase(column);
  }
  for (const std::string& note : rows.notes) fresh.notes.push_back(Json(note));
  for (const std::string& note : validation.notes) fresh.notes.push_back(Json(note));
  const std::string document = TRY(fresh.document());
  std::optional<Snapshot> replayed;
  std::string replayed_document;
  if (is_replay) {
    replayed = TRY(snapshot(name, rows.replays));
    replayed->replayed_as = fresh.version;
    replayed_document = TRY(replayed->document());
  }
  // The blobs are durable; only now the row that points to them.
  TRY(db_.write([&](store::Tx& tx) -> Result<void> {
    TRY(tx.execute(
        "INSERT INTO dataset_snapshots(dataset, version, digest, row_count, quarantined, "
        "quarantine_digest, document, source, source_digest, arrival_time) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {name, fresh.version, fresh.digest, fresh.rows, fresh.quarantined, fresh.quarantine_digest,
         document, fresh.source, fresh.source_digest, fresh.arrival_time}));
    if (replayed) {
      TRY(tx.execute("UPDATE dataset_snapshots SET document = ? WHERE dataset = ? AND version = ?",
                     {replayed_document, name, replayed->version}));
      TRY(tx.append_event({.kind = "dataset.replayed",
                           .subject = fmt::format("datasets/{}/{}", name, replayed->version),
                           .actor = actor,
                           .payload = {{"version", fresh.version},
                                       {"rows", fresh.rows},
                                       {"quarantined", fresh.quarantined}},
                           .event_time = fresh.arrival_time}));
    }
    return tx.append_event({.kind = "dataset.ingested",
                            .subject = fmt::format("datasets/{}/{}", name, fresh.version),
                            .actor = actor,
                            .payload = {{"digest", fresh.digest},
                                        {"rows", fresh.rows},
                                        {"quarantined", fresh.quarantined},
                                        {"flagged", fresh.flagged},
                                        {"violations", fresh.violations},
                                        {"failed_checks", failed},
                                        {"source_digest", fresh.source_digest}},
                            .event_time = fresh.arrival_time});
  }));
  return IngestReport{.snapshot = std::move(fresh), .is_new = true};
}

Result<std::vector<Snapshot>> Datasets::snapshots(const std::string& name) {
  TRY(definition(name));
  std::vector<Snapshot> found;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        fmt::format("SELECT {} FROM dataset_snapshots WHERE dataset = ? ORDER BY "
                    "version DESC",
                    kSnapshotColumns),
        {name}, [&](const store::Row& row) { found.push_back(Snapshot::read_what_is_there(row)); });
  }));
  return found;
}

Result<Snapshot> Datasets::snapshot(const std::string& name, std::optional<std::int64_t> version) {
  const auto found = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(
        fmt::format("SELECT {} FROM dataset_snapshots WHERE dataset = ? AND version = COALESCE(?, "
                    "(SELECT MAX(version) FROM dataset_snapshots WHERE dataset = ?))",
                    kSnapshotColumns),
        {name, version, name}, Snapshot::read);
  }));
  if (!found) {
    return base::error(Code::kNotFound, "nothing was ingested{}: dataset={} (slipway data ingest)",
                       version ? fmt::format(" as version {}", *version) : "", name);
  }
  return *found;
}

Result<std::optional<base::Timestamp>> Datasets::newest_row(const std::string& name,
                                                            base::Timestamp as_of) {
  const DatasetDefinition declared = TRY(definition(name));
  TRY(snapshot(name));
  const auto version = TRY(db_.read([&](store::Reader& reader) {
    return reader.find(
        "SELECT version FROM dataset_snapshots WHERE workspace = 'default' AND dataset = ? AND "
        "arrival_time <= ? ORDER BY version DESC LIMIT 1",
        {name, as_of}, [](const store::Row& row) { return row.int64(0); });
  }));
  if (!version) return std::optional<base::Timestamp>();
  const Snapshot found = TRY(snapshot(name, version));
  for (const Json& column : found.profile) {
    const JsonObject& of = column.as_object();
    if (TRY(base::get_string(of, "name")) != declared.time_column()) continue;
    // Versions of before may have had another type there.
    if (TRY(base::get_string(of, "type")) != types::type_name(ColumnType::kTimestamp)) continue;
    const auto newest = TRY(base::find_string(of, "max"));
    if (!newest) continue;
    const auto time = types::parse_rfc3339(*newest);  // fails after the year 9999
    if (time && *time <= as_of) return std::optional(*time);
    // What is yet to come says nothing of how far it goes.
    std::optional<base::Timestamp> been;
    TRY(scan(found, {declared.time_column()}, std::nullopt,
             [&](const Frame& piece, std::int64_t) -> Result<void> {
               const Column& times = *TRY(piece.column(declared.time_column()));
               for (std::size_t row = 0; row < times.size(); ++row) {
                 if (!times.is_valid(row) || times.ints[row] > as_of.micros) continue;
                 been = std::max(been.value_or(base::Timestamp{times.ints[row]}),
                                 base::Timestamp{times.ints[row]});
               }
               return {};
             }));
    return std::optional(been.value_or(found.arrival_time));
  }
  return std::optional(found.arrival_time);
}

Result<Frame> Datasets::rows(const Snapshot& snapshot, const std::vector<std::string>& columns) {
  return store::read_parquet(TRY(file(snapshot)), columns);
}

Result<void> Datasets::scan(const Snapshot& snapshot, const std::vector<std::string>& columns,
                            const std::optional<store::ParquetRange>& range,
                            const store::ParquetVisit& visit) {
  constexpr std::int64_t kRowsPerPiece = 64 * 1024;
  return store::scan_parquet(TRY(file(snapshot)), columns, kRowsPerPiece, range, visit);
}

Result<TableDiff> Datasets::diff(const std::string& name, std::optional<std::int64_t> from,
                                 std::optional<std::int64_t> to, DiffKey key,
                                 TableDiffOptions options) {
  const DatasetDefinition definition = TRY(this->definition(name));
  const Snapshot newer = TRY(snapshot(name, to));
  if (!from && newer.version == 1) {
    return base::error(Code::kFailedPrecondition,
                       "there is no version before to compare with: dataset={} version={}", name,
                       newer.version);
  }
  const Snapshot older = TRY(snapshot(name, from.value_or(newer.version - 1)));
  if (key == DiffKey::kDeclared) options.key = definition.key;
  options.scratch = scratch_;
  TRY(store::make_folders(scratch_));
  const auto version = [&](const Snapshot& of) -> Result<TableVersion> {
    TableVersion found{.name = fmt::format("{}@{}", name, of.version)};
    RowFile file;
    file.file = TRY(this->file(of));
    file.name = found.name;
    found.files.push_back(std::move(file));
    return found;
  };
  return diff_tables(TRY(version(older)), TRY(version(newer)), options);
}

Result<Frame> Datasets::quarantine(const Snapshot& snapshot) {
  if (snapshot.quarantine_digest.empty()) return Frame();
  return store::read_parquet(TRY(file(snapshot, snapshot.quarantine_digest)));
}

}  // namespace slipway::datasets
