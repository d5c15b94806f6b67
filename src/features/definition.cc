#include "features/definition.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "features/tiles.h"

namespace slipway::features {
namespace {

using types::YamlMap;
using types::YamlNode;

template <typename T>
const T* find_named(const std::vector<T>& all, std::string_view name) {
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const T& item) { return item.name == name; });
  return at == all.end() ? nullptr : &*at;
}

Result<std::string> text_or_empty(YamlMap& map, std::string_view key) {
  const std::optional<YamlNode> node = map.find(key);
  if (!node) return std::string();
  return node->text();
}

Result<std::vector<std::string>> texts(YamlMap& map, std::string_view key) {
  std::vector<std::string> out;
  const std::optional<YamlNode> node = map.find(key);
  if (!node) return out;
  for (const YamlNode& item : TRY(node->list())) out.push_back(TRY(item.text()));
  return out;
}

Result<About> read_about(YamlMap& map) {
  About about;
  about.owner = TRY(text_or_empty(map, "owner"));
  about.description = TRY(text_or_empty(map, "description"));
  if (const auto tags = map.find("tags")) {
    for (const auto& [name, item] : TRY(tags->entries())) {
      std::string text = TRY(item.text());
      about.tags.emplace_back(name, std::move(text));
    }
  }
  return about;
}

Result<Source> read_source(const std::string& name, const YamlNode& node) {
  YamlMap map = TRY(node.map("source " + name));
  Source source{.name = name};
  source.dataset = TRY(TRY(map.get("dataset")).text());
  source.event_time = TRY(text_or_empty(map, "event_time"));
  source.arrival_time = TRY(text_or_empty(map, "arrival_time"));
  source.about = TRY(read_about(map));
  if (source.event_time.empty() != source.arrival_time.empty()) {
    return node.error("source {}: event_time and arrival_time come together", name);
  }
  if (const auto key = map.find("deduplication_key")) {
    for (const YamlNode& column : TRY(key->list()))
      source.deduplication_key.push_back(TRY(column.text()));
    if (source.deduplication_key.empty())
      return key->error("source {}: expected the columns that say which rows tell of one event",
                        name);
    if (source.event_time.empty())
      return key->error(
          "source {}: with a deduplication_key the row counts that arrived last: event_time and "
          "arrival_time are missing",
          name);
  }
  TRY(map.finish());
  return source;
}

constexpr std::pair<std::string_view, AggregateFunction> kAggregates[] = {
    {"count", AggregateFunction::kCount},       {"sum", AggregateFunction::kSum},
    {"mean", AggregateFunction::kMean},         {"min", AggregateFunction::kMin},
    {"max", AggregateFunction::kMax},           {"variance", AggregateFunction::kVariance},
    {"stddev", AggregateFunction::kStddev},     {"first", AggregateFunction::kFirst},
    {"last", AggregateFunction::kLast},         {"distinct", AggregateFunction::kDistinct},
    {"top_k", AggregateFunction::kTopK},        {"mode", AggregateFunction::kMode},
    {"quantile", AggregateFunction::kQuantile},
};
constexpr double kTopMax = 100;

// Takes the number after the last comma, "top_k(origin, 3)", off the expression.
Result<void> take_parameter(Aggregate& aggregate, const YamlNode& node) {
  const bool is_top = aggregate.function == AggregateFunction::kTopK;
  if (!is_top && aggregate.function != AggregateFunction::kQuantile) return {};
  std::string& text = aggregate.expression;
  const std::size_t comma = text.rfind(',');
  std::string_view last =
      comma == std::string::npos ? "" : std::string_view(text).substr(comma + 1);
  while (last.starts_with(' ')) last.remove_prefix(1);
  while (last.ends_with(' ')) last.remove_suffix(1);
  double& number = aggregate.parameter;
  const auto [end, code] = std::from_chars(last.data(), last.data() + last.size(), number);
  const bool is_number = code == std::errc() && end == last.data() + last.size();
  if (is_top && !(is_number && number >= 1 && number <= kTopMax && number == std::trunc(number)))
    return node.error("aggregate {}: expected top_k(expression, k), k a whole number from 1 to {}",
                      aggregate.name, kTopMax);
  if (!is_top && !(is_number && number >= 0 && number <= 1))
    return node.error("aggregate {}: expected quantile(expression, q), q from 0 to 1",
                      aggregate.name);
  text.resize(comma);
  return {};
}

// "mean(arr_delay > 15)" -> the function and what is inside its parentheses.
Result<Aggregate> read_aggregate(const std::string& name, const YamlNode& node) {
  const std::string text = TRY(node.text());
  const std::size_t open = text.find('(');
  if (open == std::string::npos || !text.ends_with(')'))
    return node.error("aggregate {}: expected function(expression), got {}", name, text);
  std::string all;
  for (const auto& [known, function] : kAggregates) {
    all += (all.empty() ? "" : ", ") + std::string(known);
    if (text.substr(0, open) != known) continue;
    Aggregate aggregate{.name = name,
                        .function = function,
                        .expression = text.substr(open + 1, text.size() - open - 2)};
    aggregate.place = node.place();
    TRY(take_parameter(aggregate, node));
    if (aggregate.expression.empty() && function != AggregateFunction::kCount)
      return node.error("aggregate {}: {} needs an expression", name, known);
    return aggregate;
  }
  return node.error("aggregate {}: unknown function {} ({})", name, text.substr(0, open), all);
}

// Whether what is kept online of a view can be corrected: kInvalidArgument where it can't.
Result<void> check_corrections(const View& view, const Source& source, const YamlNode& node) {
  if (source.deduplication_key.empty()) return {};
  if (view.resolution) {
    return node.error(
        "view {}: a resolution keeps sums online, which no corrected row can be taken out of: "
        "leave out the resolution, or the deduplication_key of source {}",
        view.name, source.name);
  }
  if (!view.is_windowed() && !view.ttl) {
    return node.error(
        "view {}: source {} has a deduplication_key, so that a correction may bring back an older "
        "row: a ttl is missing, which says how long rows are kept for that",
        view.name, source.name);
  }
  return {};
}

Result<View> read_view(const std::string& name, const YamlNode& node, const Definitions& before) {
  YamlMap map = TRY(node.map("view " + name));
  View view{.name = name};
  view.source = TRY(text_or_empty(map, "source"));
  view.about = TRY(read_about(map));
  if (!view.source.empty() && before.find_source(view.source) == nullptr)
    return node.error("view {}: no such source: {}", name, view.source);
  view.keys = TRY(texts(map, "keys"));
  if (const auto windows = map.find("windows")) {
    for (const YamlNode& item : TRY(windows->list())) {
      const std::string text = TRY(item.text());
      const types::Duration length = TRY(item.duration());
      if (length.micros <= 0) return item.error("a window must be longer than nothing");
      view.windows.push_back({text, length});
    }
  }
  if (const auto resolution = map.find("resolution")) {
    view.resolution = TRY(resolution->duration());
    if (view.windows.empty())
      return resolution->error("view {}: a resolution is for windows, and there are none", name);
    if (view.resolution->micros <= 0)
      return resolution->error("view {}: a resolution must be longer than nothing", name);
    for (const Window& window : view.windows) {
      if (window.length.micros % view.resolution->micros == 0) continue;
      return resolution->error(
          "view {}: every window must be a multiple of the resolution: window={} resolution={}",
          name, window.text, types::to_text(*view.resolution));
    }
  }
  if (const auto aggregates = map.find("aggregates")) {
    for (const auto& [aggregate, item] : TRY(aggregates->entries()))
      view.aggregates.push_back(TRY(read_aggregate(aggregate, item)));
  }
  if (const auto ttl = map.find("ttl")) view.ttl = TRY(ttl->duration());
  if (const auto columns = map.find("columns")) {
    for (const auto& [column, item] : TRY(columns->entries())) {
      const std::string expression = TRY(item.text());
      view.columns.push_back({column, expression, item.place()});
    }
  }
  TRY(map.finish());
  if (view.windows.empty() != view.aggregates.empty())
    return node.error("view {}: windows and aggregates come together", name);
  if (view.is_windowed() == !view.columns.empty())
    return node.error("view {}: has either windows with aggregates or columns", name);
  if (view.is_on_demand() && (view.is_windowed() || !view.keys.empty() || view.ttl)) {
    return node.error("view {}: without a source it has only columns over the request", name);
  }
  if (!view.is_on_demand() && view.keys.empty())
    return node.error("view {}: keys are missing", name);
  if (view.is_windowed() && before.find_source(view.source)->event_time.empty()) {
    return node.error("view {}: windows need a source with event_time and arrival_time", name);
  }
  if (!view.is_on_demand()) TRY(check_corrections(view, *before.find_source(view.source), node));
  return view;
}

Result<Service> read_service(const std::string& name, const YamlNode& node,
                             const Definitions& before) {
  YamlMap map = TRY(node.map("service " + name));
  Service service{.name = name};
  service.event_time = TRY(TRY(map.get("event_time")).text());
  service.about = TRY(read_about(map));
  for (const auto& [column, item] : TRY(TRY(map.get("request")).entries())) {
    const auto type = types::parse_type(TRY(item.text()));
    if (!type) return item.error_of(type.error());
    service.request.push_back({column, *type});
  }
  const RequestColumn* time = find_named(service.request, service.event_time);
  if (time == nullptr || time->type != types::ColumnType::kTimestamp) {
    return node.error("service {}: event_time must be a request column of type timestamp: {}", name,
                      service.event_time);
  }
  const YamlNode features = TRY(map.get("features"));
  for (const YamlNode& item : TRY(features.list())) {
    const std::string text = TRY(item.text());
    const std::size_t dot = text.find('.');
    const std::string head = text.substr(0, dot),
                      tail = dot == std::string::npos ? "" : text.substr(dot + 1);
    if (head == "request") {
      if (find_named(service.request, tail) == nullptr)
        return item.error("service {}: no such request column: {}", name, tail);
    } else {
      const View* view = before.find_view(head);
      if (view == nullptr) return item.error("service {}: no such view: {}", name, head);
      const std::vector<std::string> names = view->feature_names();
      if (!tail.empty() &&
          std::find(names.begin(), names.end(), head + "__" + tail) == names.end()) {
        return item.error("service {}: view {} has no feature {}", name, head, tail);
      }
      for (const std::string& key : view->keys) {
        if (find_named(service.request, key) == nullptr)
          return item.error("service {}: view {} needs the request column {}", name, head, key);
      }
    }
    service.features.push_back(text);
  }
  TRY(map.finish());
  return service;
}

}  // namespace

std::int64_t View::window_begin(types::Duration window, std::int64_t moment) const {
  constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min();
  const std::int64_t begin = moment < kFirst + window.micros ? kFirst : moment - window.micros;
  return resolution ? bucket_begin(begin, resolution->micros) : begin;
}

std::int64_t View::bucket_end(std::int64_t event) const {
  return resolution ? features::bucket_end(event, resolution->micros) : event;
}

types::Duration View::reach() const {
  types::Duration longest;
  for (const Window& window : windows) longest = std::max(longest, window.length);
  return {longest.micros + resolution.value_or(types::Duration()).micros};
}

std::string_view function_name(AggregateFunction function) {
  const auto at = std::ranges::find(kAggregates, function, [](const auto& a) { return a.second; });
  return at->first;
}

std::vector<std::string> View::feature_names() const {
  std::vector<std::string> names;
  for (const ViewColumn& column : columns) names.push_back(name + "__" + column.name);
  for (const Aggregate& aggregate : aggregates) {
    for (const Window& window : windows)
      names.push_back(name + "__" + aggregate.name + "_" + window.text);
  }
  return names;
}

const Source* Definitions::find_source(std::string_view name) const {
  return find_named(sources, name);
}
const View* Definitions::find_view(std::string_view name) const { return find_named(views, name); }
const Service* Definitions::find_service(std::string_view name) const {
  return find_named(services, name);
}

std::string feature_text(const Definitions& definitions, const View& view, std::size_t position) {
  std::string text = fmt::format("{}|{}", view.name, fmt::join(view.keys, ","));
  if (const Source* source = definitions.find_source(view.source)) {
    text += fmt::format("|{}|{}|{}|{}", source->name, source->dataset, source->event_time,
                        source->arrival_time);
    if (!source->deduplication_key.empty())
      text += fmt::format("|deduplicated by {}", fmt::join(source->deduplication_key, ","));
  }
  if (view.ttl) text += fmt::format("|{}", view.ttl->micros);
  if (view.resolution) text += fmt::format("|resolution {}", view.resolution->micros);
  if (!view.is_windowed()) return text + "|" + view.columns[position].expression;
  const Aggregate& aggregate = view.aggregates[position / view.windows.size()];
  return text + fmt::format("|{}|{}|{}|{}", static_cast<int>(aggregate.function),
                            aggregate.expression, aggregate.parameter,
                            view.windows[position % view.windows.size()].length.micros);
}

std::string feature_texts(const Definitions& definitions) {
  std::string text;
  for (const View& view : definitions.views) {
    const std::vector<std::string> names = view.feature_names();
    for (std::size_t i = 0; i < names.size(); ++i)
      text += names[i] + "|" + feature_text(definitions, view, i) + "\n";
  }
  return text;
}

Result<Definitions> parse_definitions(const types::YamlSource& slipway_yaml) {
  Definitions definitions;
  const YamlNode root = TRY(slipway_yaml.root());
  if (root.is_null()) return definitions;
  YamlMap document = TRY(root.map("slipway.yaml"));
  const std::optional<YamlNode> part = document.find("features");
  if (!part) return definitions;
  YamlMap map = TRY(part->map("features"));
  if (const auto sources = map.find("sources")) {
    for (const auto& [name, node] : TRY(sources->entries()))
      definitions.sources.push_back(TRY(read_source(name, node)));
  }
  if (const auto views = map.find("views")) {
    for (const auto& [name, node] : TRY(views->entries()))
      definitions.views.push_back(TRY(read_view(name, node, definitions)));
  }
  if (const auto services = map.find("services")) {
    for (const auto& [name, node] : TRY(services->entries()))
      definitions.services.push_back(TRY(read_service(name, node, definitions)));
  }
  TRY(map.finish());
  return definitions;
}

}  // namespace slipway::features
