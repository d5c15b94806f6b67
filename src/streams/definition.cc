#include "streams/definition.h"

#include <algorithm>
#include <set>

#include "store/message_log.h"

namespace slipway::streams {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr std::int64_t kRowsMax = 100'000, kWaitMsMax = 60'000;

bool is_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
  });
}

Result<std::string> read_topic(const YamlNode& node) {
  std::string url = TRY(node.text());
  if (const auto address = store::parse_topic_address(url); !address)
    return node.error_of(address.error());
  return url;
}

Result<StreamDefinition> read_stream(const std::string& name, const YamlNode& node) {
  StreamDefinition stream{.name = name};
  if (!is_name(name))
    return node.error("a stream's name is letters, digits, '-', '_' and '.': {}", name);
  YamlMap map = TRY(node.map("stream " + name));
  if (const auto endpoint = map.find("endpoint")) stream.endpoint = TRY(endpoint->text());
  if (const auto features = map.find("features")) stream.features = TRY(features->text());
  if (stream.endpoint.empty() == stream.features.empty()) {
    return node.error(
        "stream {}: either an endpoint scores its messages or a source of features takes them",
        name);
  }
  stream.from = TRY(read_topic(TRY(map.get("from"))));
  if (!stream.endpoint.empty()) {
    const YamlNode to = TRY(map.get("to"));
    stream.to = TRY(read_topic(to));
    if (stream.to == stream.from)
      return to.error("a stream can't write to the topic it reads: {}", stream.to);
  }
  if (const auto dead = map.find("dead_letters")) {
    stream.dead_letters = TRY(read_topic(*dead));
    if (stream.dead_letters == stream.from || stream.dead_letters == stream.to)
      return dead->error("dead letters need a topic of their own: {}", stream.dead_letters);
  }
  stream.group = "slipway-" + name;
  if (const auto group = map.find("group")) {
    stream.group = TRY(group->text());
    if (stream.group.empty()) return group->error("a group needs a name");
  }
  if (const auto format = map.find("format")) {
    stream.format = TRY(format->text());
    if (stream.format != "json")
      return format->error("no such format: format={} known=json", stream.format);
  }
  if (const auto start = map.find("start")) {
    stream.start = TRY(start->text());
    if (stream.start != "earliest" && stream.start != "latest")
      return start->error("start must be earliest or latest: got={}", stream.start);
  }
  if (const auto batching = map.find("batching")) {
    YamlMap members = TRY(batching->map("batching"));
    stream.rows_max = TRY(members.find_integer("max_rows", 1, kRowsMax)).value_or(stream.rows_max);
    stream.wait_ms_max =
        TRY(members.find_integer("max_wait_ms", 0, kWaitMsMax)).value_or(stream.wait_ms_max);
    TRY(members.finish());
  }
  TRY(map.finish());
  return stream;
}

Result<std::set<std::string>> names_in(const std::optional<YamlNode>& section) {
  std::set<std::string> names;
  if (section) {
    for (const auto& [name, node] : TRY(section->entries())) names.insert(name);
  }
  return names;
}

}  // namespace

JsonObject StreamDefinition::to_json() const {
  JsonObject object{{"from", from}, {"group", group}, {"format", format}, {"start", start}};
  if (!endpoint.empty()) {
    object["endpoint"] = endpoint;
    object["to"] = to;
  }
  if (!features.empty()) object["features"] = features;
  if (!dead_letters.empty()) object["dead_letters"] = dead_letters;
  object["batching"] = {{"max_rows", rows_max}, {"max_wait_ms", wait_ms_max}};
  return object;
}

Result<std::vector<StreamDefinition>> parse_streams(const types::YamlSource& slipway_yaml) {
  const YamlNode root = TRY(slipway_yaml.root());
  std::vector<StreamDefinition> streams;
  if (root.is_null()) return streams;
  YamlMap map = TRY(root.map("slipway.yaml"));
  const auto section = map.find("streams");
  if (!section) return streams;
  const std::set<std::string> endpoints = TRY(names_in(map.find("endpoints")));
  std::set<std::string> sources;
  if (const auto features = map.find("features"))
    sources = TRY(names_in(TRY(features->map("features")).find("sources")));
  for (const auto& [name, node] : TRY(section->entries())) {
    StreamDefinition stream = TRY(read_stream(name, node));
    if (!stream.endpoint.empty() && !endpoints.contains(stream.endpoint)) {
      return node.error("stream {}: no such endpoint is declared: endpoint={}", name,
                        stream.endpoint);
    }
    if (!stream.features.empty() && !sources.contains(stream.features)) {
      return node.error("stream {}: no such source of features is declared: features={}", name,
                        stream.features);
    }
    for (const StreamDefinition& other : streams) {
      if (other.group == stream.group && other.from == stream.from) {
        return node.error(
            "streams that read the same topic need groups of their own, or each gets a part: {} "
            "and {} group={}",
            other.name, name, stream.group);
      }
    }
    streams.push_back(std::move(stream));
  }
  return streams;
}

Result<StreamDefinition> parse_stream(const std::string& name, std::string_view text) {
  return read_stream(name, TRY(YamlNode::parse(text)));
}

}  // namespace slipway::streams
