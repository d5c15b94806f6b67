#include "features/service_versions.h"

#include <map>

#include "features/plan.h"

namespace slipway::features {
namespace {

JsonArray list_of(const std::vector<std::string>& texts) {
  JsonArray list;
  for (const std::string& text : texts) list.push_back(Json(text));
  return list;
}

// As it is written: "top_k(origin, 3)".
std::string text_of(const Aggregate& aggregate) {
  const bool has_parameter = aggregate.function == AggregateFunction::kTopK ||
                             aggregate.function == AggregateFunction::kQuantile;
  return fmt::format("{}({}{})", function_name(aggregate.function), aggregate.expression,
                     has_parameter ? fmt::format(", {}", aggregate.parameter) : "");
}

JsonObject describe(const Source& source) {
  JsonObject described{{"dataset", source.dataset}};
  if (!source.event_time.empty()) {
    described["event_time"] = source.event_time;
    described["arrival_time"] = source.arrival_time;
  }
  if (!source.deduplication_key.empty())
    described["deduplication_key"] = list_of(source.deduplication_key);
  return described;
}

JsonObject describe(const View& view) {
  JsonObject described;
  if (!view.source.empty()) described["source"] = view.source;
  if (!view.keys.empty()) described["keys"] = list_of(view.keys);
  if (view.is_windowed()) {
    JsonArray windows;
    for (const Window& window : view.windows) windows.push_back(Json(window.text));
    JsonObject aggregates;
    for (const Aggregate& aggregate : view.aggregates)
      aggregates[aggregate.name] = text_of(aggregate);
    described["windows"] = std::move(windows);
    described["aggregates"] = std::move(aggregates);
  } else {
    JsonObject columns;
    for (const ViewColumn& column : view.columns) columns[column.name] = column.expression;
    described["columns"] = std::move(columns);
  }
  if (view.resolution) described["resolution"] = types::to_text(*view.resolution);
  if (view.ttl) described["ttl"] = types::to_text(*view.ttl);
  return described;
}

Result<JsonObject> read_definition(std::string_view text) {
  Result<Json> json = base::parse_json(text);
  if (!json || !json->is_object())
    return base::error(Code::kCorruption, "a version of a feature service is damaged");
  return std::move(json->get_object());
}

Error no_such(const std::string& service) {
  return base::error(Code::kNotFound, "no such feature service: service={}", service);
}

}  // namespace

std::optional<JsonObject> service_definition(const Definitions& definitions,
                                             std::string_view name) {
  const Definitions part = only(definitions, name);
  const Service* service = part.find_service(name);
  if (service == nullptr) return std::nullopt;
  JsonObject request, views, sources;
  for (const RequestColumn& column : service->request)
    request[column.name] = types::type_name(column.type);
  for (const View& view : part.views) views[view.name] = describe(view);
  for (const Source& source : part.sources) sources[source.name] = describe(source);
  return JsonObject{{"event_time", service->event_time},
                    {"request", std::move(request)},
                    {"features", list_of(service->features)},
                    {"views", std::move(views)},
                    {"sources", std::move(sources)}};
}

Result<void> ServiceVersions::number(Definitions& definitions) const {
  struct Last {
    std::int64_t version;
    std::string definition;
  };
  std::map<std::string, Last> last;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT service, version, definition FROM feature_service_versions "
        "ORDER BY service, version",
        {}, [&](const store::Row& row) {
          last[row.string(0)] = {row.int64(1), row.string(2)};
        });
  }));
  for (Service& service : definitions.services) {
    service.version = 1;
    const auto before = last.find(service.name);
    if (before == last.end()) continue;
    const JsonObject then = TRY(read_definition(before->second.definition));
    const bool is_same = service_definition(definitions, service.name) == then;
    service.version = before->second.version + (is_same ? 0 : 1);
  }
  return {};
}

Result<void> ServiceVersions::keep(const Definitions& definitions) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    for (const Service& service : definitions.services) {
      const auto definition = service_definition(definitions, service.name);
      TRY(
          tx.execute("INSERT INTO feature_service_versions(service, version, since, definition) "
                     "VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING",
                     {service.name, service.version, clock_.now(), base::to_text(*definition)}));
    }
    return {};
  });
}

Result<std::vector<ServiceVersion>> ServiceVersions::all(const std::string& service) const {
  std::vector<ServiceVersion> versions;
  Result<void> outcome;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query(
        "SELECT version, since, definition FROM feature_service_versions WHERE service = ? "
        "ORDER BY version DESC",
        {service}, [&](const store::Row& row) {
          Result<JsonObject> definition = read_definition(row.text(2));
          if (definition) {
            versions.push_back({row.int64(0), row.time(1), std::move(*definition)});
          } else {
            outcome = definition.error();
          }
        });
  }));
  TRY(std::move(outcome));
  if (versions.empty()) return no_such(service);
  return versions;
}

}  // namespace slipway::features
