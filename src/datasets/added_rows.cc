// Versions that are the newest one and rows that come to it: pushed ones, and those that were put
// aside.
#include <unordered_map>

#include "datasets/datasets.h"

namespace slipway::datasets {
namespace {

using types::Column;
using types::Frame;

// What tells a row apart: its key's cells, or all of them. A missing one is no empty text.
std::string identity_of(const std::vector<const Column*>& key, std::size_t row) {
  std::string identity;
  for (const Column* column : key) {
    if (column == nullptr || !column->is_valid(row)) {
      identity += "-";
      continue;
    }
    const std::string cell = cell_text(*column, row);
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
  // Whether it was seen. Of the rows that come alone: the frame may have many more.
  std::unordered_map<std::string, bool> known;
  const std::vector<const Column*> ours = key_of(frame, key), theirs = key_of(more, key);
  for (std::size_t row = 0; row < more.rows(); ++row)
    known.emplace(identity_of(theirs, row), false);
  for (std::size_t row = 0; row < frame.rows(); ++row) {
    if (const auto found = known.find(identity_of(ours, row)); found != known.end())
      found->second = true;
  }
  std::vector<std::size_t> fresh;
  for (std::size_t row = 0; row < more.rows(); ++row) {
    bool& is_seen = known[identity_of(theirs, row)];
    if (!is_seen) fresh.push_back(row);
    is_seen = is_seen || repeats == Repeats::kDrop;
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

}  // namespace slipway::datasets
