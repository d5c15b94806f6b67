#include "api/own/dataset_routes.h"

#include <atomic>
#include <mutex>
#include <set>

#include "api/own/loop_wire.h"
#include "datasets/diff/table_diff.h"
#include "datasets/rule_inference.h"
#include "store/file_system.h"
#include "store/parquet.h"

namespace slipway::api::own {
namespace {

using datasets::Datasets;
using http::Method;
using http::Request;
using http::Response;

using governance::Masks;

// Without what tells of single values.
JsonArray hidden(const JsonArray& profile, const Masks& masks) {
  JsonArray shown;
  for (const Json& column : profile) {
    const JsonObject& all = column.as_object();
    if (!masks.contains(std::string_view(all.at("name").as_string()))) {
      shown.push_back(column);
      continue;
    }
    JsonObject some{{"masked", true}};
    for (const char* member : {"name", "type", "rows", "missing", "distinct"}) {
      if (const Json* value = all.if_contains(member)) some[member] = *value;
    }
    shown.push_back(std::move(some));
  }
  return shown;
}

// With as much of the profile as who asks may see.
JsonObject whole(const datasets::Snapshot& snapshot, const Masks& masks) {
  JsonObject object = snapshot.to_json();
  object["profile"] = hidden(snapshot.profile, masks);
  return object;
}

JsonObject brief(const datasets::Snapshot& snapshot) {
  JsonObject object = snapshot.to_json();
  object.erase("profile");
  return object;
}

Result<Response> list(Datasets& datasets) {
  JsonArray found;
  for (const auto& definition : TRY(datasets.definitions())) {
    JsonObject object{{"name", definition.name}, {"definition", definition.shown()}};
    const auto newest = datasets.snapshot(definition.name);
    object["latest"] = newest ? Json(brief(*newest)) : Json(nullptr);
    found.push_back(std::move(object));
  }
  return reply({{"datasets", std::move(found)}});
}

Result<Response> one(Datasets& datasets, Masking& masking, const Request& request) {
  const auto definition = TRY(datasets.definition(request.param("name")));
  const Masks masks = masking.of_dataset(request, definition);
  JsonArray versions;
  JsonObject object{{"name", definition.name}, {"definition", definition.shown()}};
  object["latest"] = nullptr;
  for (const auto& snapshot : TRY(datasets.snapshots(definition.name))) {
    if (versions.empty()) object["latest"] = whole(snapshot, masks);
    versions.push_back(brief(snapshot));
  }
  object["versions"] = std::move(versions);
  return reply(object);
}

// A file of a version's rows that is there as long as the reply.
Result<http::FileBody> masked_file(Datasets& datasets, const datasets::Snapshot& snapshot,
                                   const Masks& masks, std::string_view key,
                                   const std::filesystem::path& scratch) {
  static std::atomic<std::uint64_t> files{0};
  types::Frame frame = TRY(datasets.rows(snapshot));
  governance::apply_masks(frame, masks, key);
  TRY(store::make_folders(scratch));
  const std::filesystem::path file = scratch / fmt::format("masked-{}.parquet", ++files);
  const std::shared_ptr<const void> owner(nullptr, [file](const void*) {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
  });
  TRY(store::write_parquet(frame, file));
  return http::FileBody{.file = file, .owner = owner};
}

// The newest version, or the one that `version` names, and what of it is hidden from who asks.
struct Asked {
  datasets::Snapshot snapshot;
  Masks masks;
};
Result<Asked> asked_version(Datasets& datasets, Masking& masking, const Request& request) {
  Asked asked;
  const auto definition = TRY(datasets.definition(request.param("name")));
  asked.snapshot = TRY(datasets.snapshot(definition.name, TRY(query_integer(request, "version"))));
  asked.masks = masking.of_dataset(request, definition);
  return asked;
}

Result<Response> rows(Datasets& datasets, Masking& masking, const std::filesystem::path& scratch,
                      const Request& request) {
  const auto [snapshot, masks] = TRY(asked_version(datasets, masking, request));
  Response response{.content_type = "application/vnd.apache.parquet"};
  http::FileBody file = masks.empty()
                            ? http::FileBody{.file = TRY(datasets.file(snapshot))}
                            : TRY(masked_file(datasets, snapshot, masks, masking.key(), scratch));
  std::error_code ec;
  file.bytes = std::filesystem::file_size(file.file, ec);
  if (ec) return base::error(Code::kInternal, "a version's file can't be read: {}", ec.message());
  response.file = std::move(file);
  response.headers = {{"Slipway-Version", std::to_string(snapshot.version)}};
  return response;
}

// "email pattern: a@x" without the value; of several rules the first.
std::string reason_without_values(std::string_view reason) {
  return fmt::format("{} (values are masked)", reason.substr(0, reason.find(':')));
}

Json json_of(const types::Column& column, std::size_t row) {
  if (!column.is_valid(row)) return nullptr;
  switch (column.type) {
    case types::ColumnType::kDouble:
      return base::number_or_null(column.doubles[row]);
    case types::ColumnType::kInt64:
      return column.ints[row];
    case types::ColumnType::kBool:
      return column.ints[row] != 0;
    case types::ColumnType::kString:
    case types::ColumnType::kTimestamp:
      return Json(datasets::cell_text(column, row));
  }
  return nullptr;
}

Result<Response> quarantine(Datasets& datasets, Masking& masking, const Request& request) {
  const auto [snapshot, masks] = TRY(asked_version(datasets, masking, request));
  types::Frame frame = TRY(datasets.quarantine(snapshot));
  if (!masks.empty()) {
    governance::apply_masks(frame, masks, masking.key());
    for (types::Column& column : frame.columns()) {
      if (column.name != "_reason") continue;
      for (std::string& reason : column.strings) reason = reason_without_values(reason);
    }
  }
  const std::size_t limit = TRY(query_limit(request, 100, 10'000));
  JsonArray rows;
  for (std::size_t row = 0; row < std::min(frame.rows(), limit); ++row) {
    JsonObject object;
    for (const types::Column& column : frame.columns()) object[column.name] = json_of(column, row);
    rows.push_back(std::move(object));
  }
  return reply({{"dataset", snapshot.dataset},
                {"version", snapshot.version},
                {"quarantined", snapshot.quarantined},
                {"flagged", snapshot.flagged},
                {"violations", snapshot.violations},
                {"rows", std::move(rows)}});
}

// Of the newest version's rows.
Result<Response> infer(Datasets& datasets, Masking& masking, const Request& request) {
  const types::InferenceOptions options = TRY(query_inference(request));
  const auto definition = TRY(datasets.definition(request.param("name")));
  const auto snapshot = TRY(datasets.snapshot(definition.name));
  const types::Frame frame = TRY(datasets.rows(snapshot));
  std::set<std::string> masked;
  for (const auto& [column, mask] : masking.of_dataset(request, definition)) masked.insert(column);
  const auto inferred = datasets::infer_rules(frame, definition, options, masked);
  return reply({{"dataset", definition.name},
                {"version", snapshot.version},
                {"rows", frame.rows()},
                {"definition", inferred.shown()},
                {"yaml", inferred.rules_yaml(0)}});
}

Datasets::Columns what_binds(bool anew, bool accept) {
  return anew     ? Datasets::Columns::kAnew
         : accept ? Datasets::Columns::kAccept
                  : Datasets::Columns::kFollow;
}

// What came in, told to others and to who asked for it. Also a version that was there: the server
// may have ended before it was bound.
Result<JsonObject> told(Datasets& datasets, Masking& masking, const DatasetRouteHooks& hooks,
                        const Request& request, const datasets::IngestReport& report) {
  TRY(hooks.ingested(report.snapshot.dataset));
  const auto definition = TRY(datasets.definition(report.snapshot.dataset));
  return JsonObject{{"snapshot", whole(report.snapshot, masking.of_dataset(request, definition))},
                    {"new", report.is_new}};
}

Result<Response> replay(Datasets& datasets, Masking& masking, const DatasetRouteHooks& hooks,
                        const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const std::string name = request.param("name"), actor = TRY(read_actor(request, body));
  const bool accept = TRY(base::find_bool(body, "accept")).value_or(false);
  const auto report = TRY(datasets.replay(name, TRY(base::find_int(body, "version")), actor,
                                          what_binds(false, accept)));
  return reply(TRY(told(datasets, masking, hooks, request, report)));
}

// The body, a file.
Result<Response> ingest_sent(Datasets& datasets, Masking& masking, const DatasetRouteHooks& hooks,
                             const Request& request) {
  const auto columns =
      what_binds(request.query("anew") == "true", request.query("accept") == "true");
  const auto report = TRY(datasets.ingest_sent(request.param("name"), request.body_file,
                                               TRY(read_actor(request, JsonObject())), columns));
  return reply(TRY(told(datasets, masking, hooks, request, report)));
}

// "a,b": columns; nothing between two commas is no column.
std::vector<std::string> columns_of(std::string_view text) {
  std::vector<std::string> columns;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    if (comma != 0) columns.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return columns;
}

void hide(datasets::TableDiff& diff, const Masks& masks, std::string_view key) {
  if (masks.empty()) return;
  for (auto* examples : {&diff.added_examples, &diff.removed_examples, &diff.duplicate_examples}) {
    for (JsonObject& row : *examples) governance::apply_masks(row, masks, key);
  }
  for (datasets::RowChange& change : diff.changed_examples) {
    governance::apply_masks(change.key, masks, key);
    for (datasets::CellChange& cell : change.cells) {
      const auto mask = masks.find(cell.column);
      if (mask == masks.end()) continue;
      cell.before = governance::masked(cell.before, mask->second, key);
      cell.after = governance::masked(cell.after, mask->second, key);
    }
  }
  for (datasets::ColumnDifference& column : diff.columns) {
    if (!masks.contains(column.name)) continue;
    for (auto* summary : {&column.before, &column.after}) {
      if (!*summary) continue;
      for (const char* member : {"min", "max", "mean", "stddev", "p05", "p50", "p95", "top"})
        (*summary)->erase(member);
    }
  }
}

Result<Response> diff(Datasets& datasets, Masking& masking, std::int64_t bytes_max,
                      const Request& request) {
  constexpr std::int64_t kExamplesMax = 1'000;
  datasets::TableDiffOptions options{.memory_max = bytes_max};
  const auto key = request.query("key");
  if (key) options.key = columns_of(*key);
  if (const auto examples = TRY(query_integer(request, "examples"))) {
    if (*examples < 0 || *examples > kExamplesMax) {
      return base::error(Code::kInvalidArgument, "examples must be a whole number from 0 to {}: {}",
                         kExamplesMax, *examples);
    }
    options.examples_max = static_cast<std::size_t>(*examples);
  }
  datasets::TableDiff found = TRY(datasets.diff(
      request.param("name"), TRY(query_integer(request, "from")), TRY(query_integer(request, "to")),
      key ? Datasets::DiffKey::kGiven : Datasets::DiffKey::kDeclared, options));
  const auto definition = TRY(datasets.definition(request.param("name")));
  hide(found, masking.of_dataset(request, definition), masking.key());
  return reply(found.to_json());
}

Result<Response> ingest(Datasets& datasets, Masking& masking, const DatasetRouteHooks& hooks,
                        const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const std::string name = request.param("name"),
                    path = TRY(base::find_string(body, "path")).value_or(""),
                    actor = TRY(read_actor(request, body));
  const bool anew = TRY(base::find_bool(body, "anew")).value_or(false),
             accept = TRY(base::find_bool(body, "accept")).value_or(false);
  const auto columns = what_binds(anew, accept);
  datasets::IngestReport report;
  Json without_key = nullptr;
  if (TRY(base::find_bool(body, "pushed")).value_or(false)) {
    if (!path.empty()) {
      return base::error(Code::kInvalidArgument,
                         "either a path or pushed: pushed rows are added to the newest version");
    }
    TRY(datasets.definition(name));
    const features::FeatureStore::PushedRows pushed = TRY(hooks.pushed(name));
    without_key = pushed.without_key;
    report = TRY(datasets.ingest_more(name, pushed.rows, actor, columns));
  } else {
    const auto reach =
        hooks.manages(request) ? Datasets::Reach::kAnywhere : Datasets::Reach::kProject;
    report = TRY(datasets.ingest(name, path, actor, reach, columns));
  }
  JsonObject answer = TRY(told(datasets, masking, hooks, request, report));
  if (!without_key.is_null()) answer["without_key"] = without_key;
  return reply(std::move(answer));
}

}  // namespace

std::vector<http::Route> dataset_routes(Datasets& datasets, Masking& masking,
                                        DatasetRouteHooks hooks, std::int64_t diff_bytes_max) {
  const std::string base = "/slipway/v1/datasets";
  auto turn = std::make_shared<std::mutex>();  // one comparison at a time
  return {
      {.method = Method::kGet,
       .pattern = base,
       .summary = "Every dataset with its newest version.",
       .handler = answering([&datasets](const Request&) { return list(datasets); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}",
       .summary = "One dataset: what is declared, versions, and the newest one's profile.",
       .handler =
           answering([&datasets, &masking](const Request& r) { return one(datasets, masking, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/ingest",
       .summary = "Reads, validates and keeps the dataset's file as a version; with pushed, the "
                  "newest version and what was pushed to its features' sources.",
       .handler = answering([&datasets, &masking, hooks](const Request& r) {
         return ingest(datasets, masking, hooks, r);
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}/rows",
       .summary = "The rows of the newest version, or of version, as a Parquet file.",
       .handler = answering([&datasets, &masking, scratch = hooks.scratch](const Request& r) {
         return rows(datasets, masking, scratch, r);
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/rows",
       .summary =
           "Validates and keeps the body, a Parquet or CSV file, as a version; with "
           "?accept=true whatever the checks say of the version before, with ?anew=true as if "
           "there were none.",
       .handler = answering([&datasets, &masking, hooks](const Request& r) {
         return ingest_sent(datasets, masking, hooks, r);
       }),
       .body = http::Route::Body::kFile,
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}/quarantine",
       .summary = "Rows that were put aside, or the first that are flagged, each with its reason.",
       .handler = answering(
           [&datasets, &masking](const Request& r) { return quarantine(datasets, masking, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = base + "/{name}/quarantine/replay",
       .summary = "Rows put aside of the newest version, or of version, are checked by the rules "
                  "of today; those that hold come to the newest version's, as a version.",
       .handler = answering([&datasets, &masking, hooks](const Request& r) {
         return replay(datasets, masking, hooks, r);
       }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}/rules/inferred",
       .summary = "Rules of columns and checks that hold for the newest version: ranges widened by "
                  "?margin=, texts of at most ?categories_max= values.",
       .handler = answering(
           [&datasets, &masking](const Request& r) { return infer(datasets, masking, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = base + "/{name}/diff",
       .summary =
           "What is different between two versions, from and to, or the two newest: columns, "
           "rows by key, changed cells with examples, distributions.",
       .handler = answering(
           [&datasets, &masking, diff_bytes_max, turn](const Request& r) -> Result<Response> {
             const std::unique_lock mine(*turn, std::try_to_lock);
             if (!mine.owns_lock()) {
               return base::error(Code::kResourceExhausted,
                                  "other versions are being compared; try again when it is done");
             }
             return diff(datasets, masking, diff_bytes_max, r);
           }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/gc/datasets",
       .summary = "Removes the rows of ingests that ended before they were a version.",
       .handler = answering([&datasets](const Request& request) -> Result<Response> {
         const JsonObject body = TRY(read_body(request));
         const bool counts = TRY(base::find_bool(body, "dry_run")).value_or(false);
         const auto reclaimed = TRY(
             datasets.reclaim(counts ? Datasets::Reclaim::kOnlyCount : Datasets::Reclaim::kRemove));
         return reply({{"blobs", reclaimed.blobs}, {"bytes", reclaimed.bytes}});
       }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
