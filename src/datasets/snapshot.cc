#include "datasets/snapshot.h"

#include "types/timestamp.h"

namespace slipway::datasets {
namespace {

template <typename Texts>
JsonArray texts(const Texts& items) {
  JsonArray list;
  for (const std::string& item : items) list.push_back(Json(item));
  return list;
}

Snapshot outline(const store::Row& row) {
  Snapshot snapshot{.dataset = row.string(0),
                    .version = row.int64(1),
                    .digest = row.string(2),
                    .rows = row.int64(3),
                    .quarantined = row.int64(4),
                    .quarantine_digest = row.string(5),
                    .source = row.string(7),
                    .source_digest = row.string(8),
                    .arrival_time = row.time(9)};
  if (!row.is_null(10)) snapshot.rows_removed_at = row.time(10);
  return snapshot;
}

Result<void> read_document(std::string_view text, Snapshot& snapshot) {
  const JsonObject document = TRY(base::parse_json_object(text));
  snapshot.schema = TRY(Schema::from_json(document.at("schema").as_array()));
  snapshot.profile = document.at("profile").as_array();
  snapshot.violations = document.at("violations").as_object();
  snapshot.notes = document.at("notes").as_array();
  if (const Json* checks = document.if_contains("checks"))  // versions of before have none
    snapshot.checks = checks->as_array();
  if (const Json* columns = document.if_contains("untyped")) {
    snapshot.untyped.emplace();
    for (const Json& column : columns->as_array())
      snapshot.untyped->emplace(std::string_view(column.as_string()));
  }
  snapshot.flagged = TRY(base::find_int(document, "flagged")).value_or(0);
  snapshot.replayed_as = TRY(base::find_int(document, "replayed_as"));
  if (const Json* digests = document.if_contains("digests_before")) {
    for (const Json& digest : digests->as_array())
      snapshot.digests_before.emplace_back(std::string_view(digest.as_string()));
  }
  return {};
}

}  // namespace

JsonObject Snapshot::to_json() const {
  return {{"dataset", dataset},
          {"version", version},
          {"digest", digest},
          {"schema", schema.to_json()},
          {"rows", rows},
          {"quarantined", quarantined},
          {"violations", violations},
          {"notes", notes},
          {"checks", checks},
          {"digests_before", texts(digests_before)},
          {"profile", profile},
          {"source", source},
          {"source_digest", source_digest},
          {"arrival_time", types::to_rfc3339(arrival_time)},
          {"rows_removed_at",
           rows_removed_at ? Json(types::to_rfc3339(*rows_removed_at)) : Json(nullptr)},
          {"flagged", flagged},
          {"replayed_as", replayed_as ? Json(*replayed_as) : Json(nullptr)}};
}

Result<Snapshot> Snapshot::read(const store::Row& row) {
  Snapshot snapshot = outline(row);
  if (const auto read = read_document(row.text(6), snapshot); !read) {
    return base::error(Code::kCorruption,
                       "what is kept of a version is damaged: dataset={} version={}: {} (slipway "
                       "data ingest {} --anew makes another)",
                       snapshot.dataset, snapshot.version, read.error().message, snapshot.dataset);
  }
  return snapshot;
}

Snapshot Snapshot::read_what_is_there(const store::Row& row) {
  Result<Snapshot> whole = read(row);
  if (whole) return std::move(*whole);
  Snapshot snapshot = outline(row);
  snapshot.notes.push_back(Json(whole.error().message));
  return snapshot;
}

std::set<std::string> Snapshot::without_values() const {
  std::set<std::string> names;
  for (const Json& item : profile) {
    const JsonObject& column = item.as_object();
    if (column.at("missing") == column.at("rows"))
      names.emplace(std::string_view(column.at("name").as_string()));
  }
  return names;
}

void Snapshot::find_untyped(const std::vector<Snapshot>& versions) {
  untyped = without_values();
  for (const Snapshot& version : versions) {
    const std::set<std::string> empty = version.without_values();
    for (const auto& [name, type] : version.schema.columns) {
      if (!empty.contains(name)) untyped->erase(name);
    }
  }
}

Schema Snapshot::schema_for(const types::Frame& rows, std::vector<std::string>& notes) const {
  Schema found = schema;
  for (auto& [name, type] : found.columns) {
    const types::Column* const now = untyped && untyped->contains(name) ? rows.find(name) : nullptr;
    if (now == nullptr || now->type == type) continue;
    type = now->type;
    notes.push_back(
        fmt::format("{} is {}, and had no values before", name, types::type_name(type)));
  }
  return found;
}

Result<std::string> Snapshot::document() const {
  JsonObject document{{"schema", schema.to_json()},
                      {"profile", profile},
                      {"violations", violations},
                      {"notes", notes},
                      {"checks", checks}};
  if (untyped) document["untyped"] = texts(*untyped);
  if (!digests_before.empty()) document["digests_before"] = texts(digests_before);
  if (flagged > 0) document["flagged"] = flagged;
  if (replayed_as) document["replayed_as"] = *replayed_as;
  std::string text = base::to_text(document);
  if (const auto again = base::parse_json_object(text); !again) {
    return base::error(Code::kInternal,
                       "nothing was kept: a version's record couldn't be read again: dataset={} "
                       "version={}: {}",
                       dataset, version, again.error().message);
  }
  return text;
}

}  // namespace slipway::datasets
