#include "app/governed_data.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/log.h"

namespace slipway::app {
namespace {

using datasets::DatasetDefinition;
using governance::ColumnTags;
using governance::Masks;

bool has_tag(const std::vector<std::string>& tags, const std::string& tag) {
  return std::ranges::find(tags, tag) != tags.end();
}

std::vector<std::string> columns_with(const ColumnTags& columns, const std::string& tag) {
  std::vector<std::string> found;
  for (const auto& [column, tags] : columns) {
    if (has_tag(tags, tag)) found.push_back(column);
  }
  return found;
}

void add_tags(ColumnTags& columns, const std::string& column,
              const std::vector<std::string>& tags) {
  for (const std::string& tag : tags) {
    std::vector<std::string>& known = columns[column];
    if (!has_tag(known, tag)) known.push_back(tag);
  }
}

void add_left(JsonArray& left, std::string_view what) {
  if (!what.empty()) left.emplace_back(what);
}

// A cell of a pushed row, as subject_text() says it of a column.
std::string subject_of(const Json& cell) {
  if (cell.is_string()) return std::string(std::string_view(cell.get_string()));
  if (cell.is_int64()) return std::to_string(cell.get_int64());
  if (!cell.is_double()) return "";
  types::Column column = types::Column::of_type("", types::ColumnType::kDouble);
  column.append_double(cell.get_double());
  return governance::subject_text(column, 0);
}

}  // namespace

// Whose rows are to be erased, or counted.
struct GovernedData::Sought {
  std::string tag, value, actor;
  std::vector<std::string> numbers = governance::number_forms(value);
  How how;

  bool is(const std::string& text, bool is_number) const {
    return !text.empty() &&
           (text == value || (is_number && std::ranges::find(numbers, text) != numbers.end()));
  }

  // Rows of which one of the frame's columns is the value.
  std::vector<std::size_t> rows_of(const types::Frame& frame) const {
    std::set<std::size_t> rows;
    for (const types::Column& column : frame.columns()) {
      const bool is_number = column.type != types::ColumnType::kString;
      for (std::size_t row = 0; row < column.size(); ++row) {
        if (is(governance::subject_text(column, row), is_number)) rows.insert(row);
      }
    }
    return {rows.begin(), rows.end()};
  }
};

struct GovernedData::Found {
  JsonArray places;
  JsonArray left;  // where bytes may still be, in words
  // Of each dataset with such columns, also without such rows: what was trained on versions that
  // nobody can look into may have had them.
  std::map<std::string, TrainedModels::Rows> rows;
  // Where rows were looked at, and for what: kind, name, column, type.
  std::set<std::tuple<std::string, std::string, std::string, std::string>> searched;

  std::vector<std::size_t> rows_of(const types::Frame& frame, const Sought& sought,
                                   const std::string& kind, const std::string& name) {
    for (const types::Column& column : frame.columns())
      searched.emplace(kind, name, column.name, types::type_name(column.type));
    return sought.rows_of(frame);
  }
  JsonArray searched_as_json() const {
    JsonArray list;
    for (const auto& [kind, name, column, type] : searched)
      list.push_back(
          JsonObject{{"kind", kind}, {"name", name}, {"column", column}, {"type", type}});
    return list;
  }
};

ColumnTags tags_of(const DatasetDefinition& definition) {
  ColumnTags columns;
  for (const types::ColumnRule& column : definition.columns) {
    if (!column.tags.empty()) columns[column.name] = column.tags;
  }
  return columns;
}

governance::Viewer GovernedData::viewer(const http::Request& request) const {
  if (access_ == nullptr || request.user.starts_with(access::kServicePrefix) ||
      access_->is_admin(request.user))
    return {.sees_all = true};
  governance::Viewer viewer;
  for (const access::Role& role : access_->roles_of(request.user)) {
    if (role.workspace == access::kDefaultWorkspace) viewer.roles.push_back(role.name);
  }
  return viewer;
}

Masks GovernedData::of_dataset(const http::Request& request, const DatasetDefinition& definition) {
  return governance_.masks(tags_of(definition), viewer(request));
}

Result<Masks> GovernedData::of_names(const http::Request& request) {
  const governance::Viewer who = viewer(request);
  if (who.sees_all) return Masks();
  ColumnTags columns = TRY(all_tags());
  TRY(add_features(columns));
  return governance_.masks(columns, who);
}

Result<void> GovernedData::check_columns(const governance::Viewer& who, const std::string& dataset,
                                         const std::function<bool(const std::string&)>& is_read) {
  const ColumnTags tags = tags_of(TRY(datasets_.definition(dataset)));
  for (const auto& [column, mask] : governance_.masks(tags, who)) {
    if (!is_read(column)) continue;
    return base::error(Code::kPermissionDenied,
                       "the training set would have values that are masked for you: dataset={} "
                       "column={} tags={} (`tags:` of slipway.yaml names the roles that may read "
                       "them)",
                       dataset, column, fmt::join(tags.at(column), ", "));
  }
  return {};
}

Result<void> GovernedData::check_training_set(const http::Request& request,
                                              const std::string& service,
                                              const std::string& entities,
                                              const std::string& label) {
  const governance::Viewer who = viewer(request);
  if (who.sees_all) return {};
  const auto definitions = features_.definitions();
  const features::Service* of = definitions->find_service(service);
  if (of == nullptr) return {};  // the features say so
  if (!entities.empty()) {
    TRY(check_columns(who, entities, [&](const std::string& column) {
      return label.find(column) != std::string::npos ||
             std::ranges::find(of->request, column, &features::RequestColumn::name) !=
                 of->request.end();
    }));
  }
  std::set<std::string> given;
  for (const auto& output : TRY(features_.outputs(service))) given.insert(output.name);
  for (const features::View& view : definitions->views) {
    if (view.is_on_demand()) continue;
    const auto shape = TRY(features_.view_shape(view.name));
    std::set<std::string> reads;
    for (std::size_t i = 0; i < shape.features.size(); ++i) {
      if (!given.contains(shape.features[i].name)) continue;
      reads.insert(shape.reads[i].begin(), shape.reads[i].end());
    }
    TRY(check_columns(who, definitions->find_source(view.source)->dataset,
                      [&](const std::string& column) { return reads.contains(column); }));
  }
  return {};
}

Result<ColumnTags> GovernedData::all_tags() {
  ColumnTags columns;
  for (const DatasetDefinition& definition : TRY(datasets_.definitions())) {
    for (const auto& [column, tags] : tags_of(definition)) add_tags(columns, column, tags);
  }
  for (const auto& status : TRY(releases_.statuses())) {
    for (const types::InputRule& input : status.endpoint.definition.running.inputs.columns)
      add_tags(columns, input.rule.name, input.rule.tags);
  }
  return columns;
}

Result<void> GovernedData::add_features(ColumnTags& columns) {
  const auto definitions = features_.definitions();
  std::map<std::string, ColumnTags> by_dataset;
  for (const DatasetDefinition& definition : TRY(datasets_.definitions()))
    by_dataset[definition.name] = tags_of(definition);
  const auto add = [&](const features::View& view, const ColumnTags& read) -> Result<void> {
    const auto shape = TRY(features_.view_shape(view.name));
    for (std::size_t i = 0; i < shape.reads.size(); ++i) {
      for (const std::string& column : shape.reads[i]) {
        if (const auto of = read.find(column); of != read.end())
          add_tags(columns, shape.features[i].name, of->second);
      }
    }
    return {};
  };
  for (const features::View& view : definitions->views) {
    if (!view.is_on_demand())
      TRY(add(view, by_dataset[definitions->find_source(view.source)->dataset]));
  }
  // Those read columns of requests and others' features.
  for (ColumnTags before; before != columns;) {
    before = columns;
    for (const features::View& view : definitions->views) {
      if (view.is_on_demand()) TRY(add(view, before));
    }
  }
  return {};
}

Result<JsonObject> GovernedData::tags() {
  std::map<std::string, JsonObject> tags;
  const auto add = [&](const governance::TagPolicy& policy) -> JsonObject& {
    const auto [entry, is_new] = tags.try_emplace(policy.tag, policy.to_json());
    if (is_new) entry->second["columns"] = JsonArray();
    return entry->second;
  };
  for (const governance::TagPolicy& policy : governance_.policies()) add(policy);
  for (const DatasetDefinition& definition : TRY(datasets_.definitions())) {
    for (const auto& [column, column_tags] : tags_of(definition)) {
      for (const std::string& tag : column_tags) {
        const auto mask =
            tag == governance::kPersonal ? governance::Mask::kHide : governance::Mask::kNone;
        add({.tag = tag, .mask = mask})["columns"].as_array().push_back(
            JsonObject{{"dataset", definition.name}, {"column", column}});
      }
    }
  }
  JsonArray list;
  for (auto& [name, tag] : tags) list.push_back(std::move(tag));
  return JsonObject{{"tags", std::move(list)}};
}

Result<void> GovernedData::erase_dataset(const DatasetDefinition& definition, const Sought& sought,
                                         Found& found) {
  const std::vector<std::string> columns = columns_with(tags_of(definition), sought.tag);
  if (columns.empty()) return {};
  const bool counts = sought.how == How::kOnlyCount;
  const auto erased = TRY(datasets_.erase(
      definition.name, columns,
      [&](const types::Frame& frame) {
        return found.rows_of(frame, sought, "dataset", definition.name);
      },
      counts ? datasets::Datasets::Erase::kOnlyCount : datasets::Datasets::Erase::kRemove,
      sought.actor));
  TrainedModels::Rows& rows = found.rows[definition.name];
  for (const auto& of : erased) {
    if (of.rows > 0) rows.versions.insert(of.version);  // nobody is trained on what is put aside
    found.places.push_back(JsonObject{{"kind", "dataset"},
                                      {"name", definition.name},
                                      {"version", of.version},
                                      {"rows", of.rows + of.quarantined},
                                      {"digest_before", of.digest_before},
                                      {"digest", of.digest}});
  }
  const std::int64_t pushed = TRY(features_.erase_pushed(
      definition.name,
      [&](const JsonObject& cells) {
        return std::ranges::any_of(columns, [&](const std::string& column) {
          const Json* cell = cells.if_contains(column);
          return cell != nullptr && sought.is(subject_of(*cell), !cell->is_string());
        });
      },
      counts ? features::FeatureStore::Erase::kOnlyCount : features::FeatureStore::Erase::kRemove));
  rows.were_pushed = pushed > 0;
  if (pushed > 0)
    found.places.push_back(
        JsonObject{{"kind", "pushed rows"}, {"name", definition.name}, {"rows", pushed}});
  return {};
}

Result<void> GovernedData::erase_datasets(const Sought& sought, Found& found) {
  for (const DatasetDefinition& definition : TRY(datasets_.definitions()))
    TRY(erase_dataset(definition, sought, found));
  return {};
}

Result<void> GovernedData::erase_logs(const Sought& sought, Found& found) {
  const bool counts = sought.how == How::kOnlyCount;
  const std::vector<std::string> columns = columns_with(TRY(all_tags()), sought.tag);
  for (const std::string& endpoint : TRY(log_.endpoints())) {
    const std::int64_t rows = TRY(log_.erase(
        endpoint, columns,
        [&](const types::Frame& frame) {
          return found.rows_of(frame, sought, "request log", endpoint);
        },
        counts ? serving::RequestLog::Erase::kOnlyCount : serving::RequestLog::Erase::kRemove));
    if (rows > 0)
      found.places.push_back(
          JsonObject{{"kind", "request log"}, {"name", endpoint}, {"rows", rows}});
  }
  return {};
}

Result<JsonObject> GovernedData::erase(const std::string& tag, const std::string& value, How how,
                                       const std::string& actor) {
  if (columns_with(TRY(all_tags()), tag).empty()) {
    return base::error(Code::kNotFound,
                       "no column has this tag, of any dataset or endpoint: tag={} (`tags:` of a "
                       "column in slipway.yaml)",
                       tag);
  }
  if (is_erasing_.exchange(true))
    return base::error(Code::kConflict, "somebody else is being erased: try again when it is done");
  struct Done {
    std::atomic<bool>& flag;
    ~Done() { flag = false; }
  } const done{is_erasing_};
  std::string id;
  // First of all nothing of it comes in any more.
  if (how == How::kErase) id = TRY(governance_.begin_erasure(tag, value, actor)).id;
  Sought sought{.tag = tag, .value = value, .actor = actor, .how = How::kOnlyCount};
  Found found;
  TRY(erase_datasets(sought, found));
  // What is gone is no longer found, so what was made of it is looked for, and kept, before.
  JsonObject report = TRY(models_.find(found.rows));
  if (how == How::kErase) {
    TRY(governance_.report_erasure(id, report));
    sought.how = How::kErase;
    found = {};
    TRY(erase_datasets(sought, found));
    // Tables that requests look features up in hold copies of all of these.
    add_left(found.left, TRY(features_.renew_online()));
  }
  TRY(erase_logs(sought, found));
  if (how == How::kErase) {
    TRY(datasets_.reclaim(datasets::Datasets::Reclaim::kRemove));
    // Nobody finds the rows any more, whatever becomes of their bytes.
    const auto scrubbed = db_.scrub();
    add_left(found.left, scrubbed ? *scrubbed : scrubbed.error().message);
    report["left"] = std::move(found.left);
  }
  std::int64_t rows = 0;
  for (const Json& place : found.places) rows += place.at("rows").as_int64();
  report["rows"] = rows;
  report["places"] = std::move(found.places);
  report["searched"] = found.searched_as_json();
  if (how == How::kErase) {
    JsonObject told = report;
    for (const char* models : {"models", "models_uncertain"})
      told[models] = told[models].as_array().size();
    return TRY(governance_.finish_erasure(id, std::move(report), std::move(told))).to_json();
  }
  report["tag"] = tag;
  report["dry_run"] = true;
  return report;
}

Result<JsonArray> GovernedData::erasures() {
  JsonArray list;
  for (const governance::Erasure& erasure : TRY(governance_.erasures()))
    list.push_back(erasure.to_json());
  return list;
}

void GovernedData::start(base::Duration interval) {
  passes_.start({}, [this, interval] {
    if (const auto done = keep_no_longer(); !done)
      base::log_warning("governance", "what is too old could not be removed: why={}",
                        done.error().message);
    return interval;
  });
}

Result<void> GovernedData::keep_no_longer() {
  const base::Timestamp now = clock_.now();
  std::int64_t versions = 0;
  for (const DatasetDefinition& definition : TRY(datasets_.definitions())) {
    if (definition.keep)
      versions += TRY(datasets_.let_go(definition.name, now - *definition.keep, "policy"));
  }
  if (versions > 0) {
    const auto freed = TRY(datasets_.reclaim(datasets::Datasets::Reclaim::kRemove));
    base::log_info("governance",
                   "old versions of datasets have no rows any more: versions={} bytes={}", versions,
                   freed.bytes);
  }
  for (const auto& status : TRY(releases_.statuses())) {
    const auto& keep = status.endpoint.definition.log_keep;
    if (!keep) continue;
    const std::string& endpoint = status.endpoint.name();
    const std::int64_t bytes = TRY(log_.remove_days(endpoint, now - *keep));
    if (bytes > 0)
      base::log_info("governance", "old requests are gone: endpoint={} bytes={}", endpoint, bytes);
  }
  return {};
}

}  // namespace slipway::app
