#include "api/feast_source/declaration.h"

#include <fmt/format.h>

#include <algorithm>

#include "types/timestamp.h"
#include "types/yaml_text.h"

namespace slipway::api::feast_source {
namespace {

using types::yaml_scalar;

std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "[" : ", ") + yaml_scalar(item);
  return out.empty() ? "[]" : out + "]";
}

// The members of a map in braces or, as lines of `indent`, below each other.
class Map {
 public:
  void add(std::string_view key, std::string value) {
    members_.emplace_back(yaml_scalar(key), std::move(value));
  }
  void add_text(std::string_view key, const std::string& text) {
    if (!text.empty()) add(key, yaml_scalar(text));
  }
  void add_about(const features::About& about) {
    add_text("owner", about.owner);
    add_text("description", about.description);
    Map tags;
    for (const auto& [name, value] : about.tags) tags.add(name, yaml_scalar(value));
    if (!about.tags.empty()) add("tags", tags.in_braces());
  }
  std::string in_braces() const {
    std::string out;
    for (const auto& [key, value] : members_)
      out += (out.empty() ? "{" : ", ") + key + ": " + value;
    return out.empty() ? "{}" : out + "}";
  }
  std::string in_lines(std::size_t indent) const {
    std::string out;
    for (const auto& [key, value] : members_)
      out += std::string(indent, ' ') + key + ": " + value + "\n";
    return out;
  }

 private:
  std::vector<std::pair<std::string, std::string>> members_;
};

std::string write_view(const features::View& view) {
  Map map;
  map.add_text("source", view.source);
  if (!view.keys.empty()) map.add("keys", list(view.keys));
  if (view.ttl) map.add("ttl", types::to_text(*view.ttl));
  map.add_about(view.about);
  if (view.is_windowed()) {
    std::vector<std::string> windows;
    for (const features::Window& window : view.windows) windows.push_back(window.text);
    map.add("windows", list(windows));
    Map aggregates;
    for (const features::Aggregate& aggregate : view.aggregates) {
      aggregates.add(aggregate.name,
                     yaml_scalar(fmt::format("{}({})", function_name(aggregate.function),
                                             aggregate.expression)));
    }
    map.add("aggregates", aggregates.in_braces());
  } else {
    Map columns;
    for (const features::ViewColumn& column : view.columns)
      columns.add(column.name, yaml_scalar(column.expression));
    map.add("columns", columns.in_braces());
  }
  return map.in_lines(6);
}

std::string write_service(const features::Service& service) {
  Map map, request;
  map.add_text("event_time", service.event_time);
  map.add_about(service.about);
  for (const features::RequestColumn& column : service.request)
    request.add(column.name, std::string(types::type_name(column.type)));
  map.add("request", request.in_braces());
  map.add("features", list(service.features));
  return map.in_lines(6);
}

}  // namespace

std::string to_yaml(const Declaration& declaration, const std::vector<std::string>& remarks) {
  std::string out;
  for (std::string remark : remarks) {
    std::replace_if(
        remark.begin(), remark.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    out += "# " + remark + "\n";
  }
  out += "project: " + yaml_scalar(declaration.project) + "\n";
  if (!declaration.owner.empty()) out += "owner: " + yaml_scalar(declaration.owner) + "\n";
  if (!declaration.datasets.empty()) out += "\ndatasets:\n";
  for (const datasets::DatasetDefinition& dataset : declaration.datasets) {
    Map map;
    map.add_text("path", dataset.path);
    if (dataset.postgres) {
      Map rows;
      rows.add_text("url", dataset.postgres->url);
      rows.add_text("table", dataset.postgres->table);
      rows.add_text("query", dataset.postgres->query);
      map.add("postgres", rows.in_braces());
    }
    if (!dataset.key.empty()) map.add("key", list(dataset.key));
    map.add_text("event_time", dataset.event_time);
    map.add_text("arrival_time", dataset.arrival_time);
    out += "  " + yaml_scalar(dataset.name) + ":\n" + map.in_lines(4);
  }
  const features::Definitions& features = declaration.features;
  if (features.sources.empty() && features.views.empty()) return out;
  out += "\nfeatures:\n";
  if (!features.sources.empty()) out += "  sources:\n";
  for (const features::Source& source : features.sources) {
    Map map;
    map.add_text("dataset", source.dataset);
    map.add_text("event_time", source.event_time);
    map.add_text("arrival_time", source.arrival_time);
    map.add_about(source.about);
    out += "    " + yaml_scalar(source.name) + ": " + map.in_braces() + "\n";
  }
  out += "  views:\n";
  for (const features::View& view : features.views)
    out += "    " + yaml_scalar(view.name) + ":\n" + write_view(view);
  if (!features.services.empty()) out += "  services:\n";
  for (const features::Service& service : features.services)
    out += "    " + yaml_scalar(service.name) + ":\n" + write_service(service);
  return out;
}

}  // namespace slipway::api::feast_source
