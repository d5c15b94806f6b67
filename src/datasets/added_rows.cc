// Versions that are the newest one and rows that come to it: pushed ones, and those that were put
// aside.
#include <set>

#include "datasets/datasets.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::Frame;

// What tells a row apart: its key's cells, or all of them.
std::string identity_of(const std::vector<const Column*>& key, std::size_t row) {
  std::string identity;
  for (const Column* column : key) {
    const std::string cell =
        column == nullptr || !column->is_valid(row) ? "" : cell_text(*column, row);
    identity += fmt::format("{}:{}", cell.size(), cell);
  }
  return identity;
}

std::vector<const Column*> key_of(const Frame& frame, const std::vector<std::string>& names) {
  std::vector<const Column*> key;
  for (const std::string& name : names) key.push_back(frame.find(name));
  return key;
}

// Whether rows of `more` are looked for among one another, too.
enum class Repeats { kDrop, kKeep };

// Appends rows that the frame doesn't have; returns how many it has.
Result<std::size_t> append_new(Frame& frame, const Frame& more, std::vector<std::string> key,
                               Repeats repeats) {
  if (frame.columns().empty()) {
    for (const Column& column : more.columns())
      TRY(frame.add(Column::of_type(column.name, column.type)));
  }
  if (key.empty()) {
    for (const Column& column : frame.columns()) key.push_back(column.name);
  }
  std::set<std::string> known;
  const std::vector<const Column*> ours = key_of(frame, key);
  for (std::size_t row = 0; row < frame.rows(); ++row) known.insert(identity_of(ours, row));
  std::vector<std::size_t> fresh;
  const std::vector<const Column*> theirs = key_of(more, key);
  for (std::size_t row = 0; row < more.rows(); ++row) {
    std::string identity = identity_of(theirs, row);
    const bool is_new = repeats == Repeats::kKeep ? !known.contains(identity)
                                                  : known.insert(std::move(identity)).second;
    if (is_new) fresh.push_back(row);
  }
  for (Column& column : frame.columns()) {
    const Column* const from = more.find(column.name);
    if (from != nullptr && from->type == column.type) {
      column.append_rows(*from, fresh);
      continue;
    }
    if (from != nullptr && !fresh.empty()) {
      return base::error(Code::kFailedPrecondition,
                         "the column's type is another one in the rows that are added: column={}",
                         column.name);
    }
    for (std::size_t i = 0; i < fresh.size(); ++i) column.append_null();
  }
  return more.rows() - fresh.size();
}

}  // namespace

Result<IngestReport> Datasets::ingest_more(const std::string& name, const Frame& more,
                                           const std::string& actor, Columns columns) {
  const DatasetDefinition definition = TRY(this->definition(name));
  return take_in(
      definition, Basis::kRows, columns,
      [&](const std::optional<Snapshot>& last) -> Result<DatasetRows> {
        DatasetRows rows{.source = "pushed rows",
                         .place = [](std::size_t row) { return fmt::format("row={}", row); }};
        if (last) {
          rows.frame = TRY(this->rows(*last));
          rows.source = fmt::format("version {} and pushed rows", last->version);
          rows.source_digest = last->digest;
        }
        TRY(append_new(rows.frame, more, definition.key, Repeats::kDrop));
        return rows;
      },
      actor);
}

Result<IngestReport> Datasets::replay(const std::string& name, std::optional<std::int64_t> version,
                                      const std::string& actor, Columns columns) {
  const DatasetDefinition definition = TRY(this->definition(name));
  const std::int64_t of = TRY(snapshot(name, version)).version;
  return take_in(
      definition, Basis::kRows, columns,
      [&](const std::optional<Snapshot>& last) -> Result<DatasetRows> {
        const Snapshot from = TRY(snapshot(name, of));
        if (from.replayed_as) {
          return base::error(Code::kFailedPrecondition,
                             "the rows put aside came in as version {}, and what broke a rule "
                             "again is put aside there: dataset={} version={}",
                             *from.replayed_as, name, of);
        }
        if (from.quarantined == 0) {
          return base::error(Code::kFailedPrecondition,
                             "no rows of this version are put aside: dataset={} version={} "
                             "(`version` names another one)",
                             name, of);
        }
        Frame aside = TRY(quarantine(from));
        aside.columns().resize(aside.columns().size() - 2);  // _reason and _row
        DatasetRows rows{
            .source = fmt::format("version {} and rows put aside of version {}", last->version, of),
            .source_digest = last->digest,
            .replays = of,
            .place = [](std::size_t row) { return fmt::format("row={}", row); }};
        rows.frame = TRY(this->rows(*last));
        const std::size_t known =
            TRY(append_new(rows.frame, aside, definition.key, Repeats::kKeep));
        if (known > 0)
          rows.notes.push_back(
              fmt::format("{} rows put aside of version {} are here already", known, of));
        return rows;
      },
      actor);
}

Result<std::vector<std::string>> Datasets::unknown_columns(
    const std::vector<DatasetDefinition>& definitions) {
  std::vector<std::string> unknown;
  for (const DatasetDefinition& definition : definitions) {
    const std::optional<Snapshot> last = TRY(newest(definition.name));
    if (!last) continue;
    Frame frame;
    for (const auto& [name, type] : last->schema.columns)
      TRY(frame.add(Column::of_type(name, type)));
    std::set<std::string> named(definition.key.begin(), definition.key.end());
    named.insert({definition.event_time, definition.arrival_time});
    for (const types::ColumnRule& rule : definition.columns) named.insert(rule.name);
    for (const auto& [column, limit] : definition.checks.missing_max) named.insert(column);
    for (const auto& [column, limit] : definition.checks.drift_max) named.insert(column);
    for (const auto& columns : definition.checks.unique)
      named.insert(columns.begin(), columns.end());
    const std::string of = fmt::format("version {} of dataset {}", last->version, definition.name);
    for (const std::string& name : named) {
      if (!name.empty() && frame.find(name) == nullptr)
        unknown.push_back(fmt::format(
            "{} has no column {}, which rules or checks name: a file without it is refused", of,
            name));
    }
    for (const RowRule& rule : definition.rules) {
      if (!outside_.condition) break;
      if (const auto read = outside_.condition(rule.condition, frame); !read)
        unknown.push_back(
            fmt::format("rule {} doesn't fit {}: {}", rule.name, of, read.error().message));
    }
  }
  return unknown;
}

}  // namespace slipway::datasets
