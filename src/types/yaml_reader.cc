#include "types/yaml_reader.h"

#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace slipway::types {

struct YamlNode::Impl {
  YAML::Node node;
  YAML::Mark mark;  // of the key for members, so that an empty value has a place too
};

Result<YamlNode> YamlNode::parse(std::string_view text) {
  try {
    YAML::Node node = YAML::Load(std::string(text));
    const YAML::Mark mark = node.Mark();
    return YamlNode(std::make_shared<const Impl>(Impl{std::move(node), mark}));
  } catch (const YAML::Exception& e) {
    return base::error(Code::kInvalidArgument, "line {}, column {}: not valid YAML: {}",
                       e.mark.line + 1, e.mark.column + 1, e.msg);
  }
}

std::string YamlNode::place() const {
  const YAML::Mark own = impl_->node.Mark();
  const YAML::Mark& mark = own.is_null() ? impl_->mark : own;
  // An empty document has no mark at all.
  return fmt::format("line {}, column {}", std::max(mark.line, 0) + 1,
                     std::max(mark.column, 0) + 1);
}

std::string YamlNode::dump() const { return YAML::Dump(impl_->node); }

bool YamlNode::is_null() const { return !impl_->node.IsDefined() || impl_->node.IsNull(); }
bool YamlNode::is_list() const { return impl_->node.IsSequence(); }
bool YamlNode::is_map() const { return impl_->node.IsMap(); }

Result<std::string> YamlNode::text() const {
  if (!impl_->node.IsScalar()) return error("expected text");
  return impl_->node.Scalar();
}

Result<double> YamlNode::number() const {
  const std::string written = TRY(text());
  double value = 0;
  const auto [end, ec] = std::from_chars(written.data(), written.data() + written.size(), value);
  if (ec != std::errc() || end != written.data() + written.size() || !std::isfinite(value)) {
    return error("expected a number: text={}", written);
  }
  return value;
}

Result<std::int64_t> YamlNode::integer() const {
  const std::string written = TRY(text());
  std::int64_t value = 0;
  const auto [end, ec] = std::from_chars(written.data(), written.data() + written.size(), value);
  if (ec != std::errc() || end != written.data() + written.size()) {
    return error("expected a whole number: text={}", written);
  }
  return value;
}

Result<std::int64_t> YamlNode::integer(std::string_view what, std::int64_t low,
                                       std::int64_t high) const {
  const std::int64_t value = TRY(integer());
  if (value >= low && value <= high) return value;
  if (high == kIntegerMax) return error("{} must be at least {}: got={}", what, low, value);
  return error("{} must be from {} to {}: got={}", what, low, high, value);
}

Result<bool> YamlNode::boolean() const {
  const std::string written = TRY(text());
  if (written == "true") return true;
  if (written == "false") return false;
  return error("expected true or false: text={}", written);
}

Result<Duration> YamlNode::duration() const {
  auto duration = parse_duration(TRY(text()));
  if (!duration) return error_of(duration.error());
  return *duration;
}

Result<Timestamp> YamlNode::time() const {
  auto time = parse_rfc3339(TRY(text()));
  if (!time) return error_of(time.error());
  return *time;
}

Result<std::vector<YamlNode>> YamlNode::list() const {
  if (!impl_->node.IsSequence()) return error("expected a list");
  std::vector<YamlNode> items;
  for (const YAML::Node& item : impl_->node) {
    items.push_back(YamlNode(std::make_shared<const Impl>(Impl{item, item.Mark()})));
  }
  return items;
}

Result<std::vector<std::pair<std::string, YamlNode>>> YamlNode::entries() const {
  if (!impl_->node.IsMap()) return error("expected a mapping");
  std::vector<std::pair<std::string, YamlNode>> entries;
  for (const auto& member : impl_->node) {
    const YamlNode key(std::make_shared<const Impl>(Impl{member.first, member.first.Mark()}));
    std::string name = TRY(key.text());
    for (const auto& [earlier, value] : entries) {
      if (earlier == name) return key.error("the key comes twice: key={}", name);
    }
    entries.emplace_back(
        std::move(name),
        YamlNode(std::make_shared<const Impl>(Impl{member.second, member.first.Mark()})));
  }
  return entries;
}

Result<YamlMap> YamlNode::map(std::string what) const {
  if (!impl_->node.IsMap()) return error("{} must be a mapping", what);
  return YamlMap(*this, std::move(what), TRY(entries()));
}

YamlMap::YamlMap(YamlNode node, std::string what,
                 std::vector<std::pair<std::string, YamlNode>> entries)
    : node_(std::move(node)), what_(std::move(what)), entries_(std::move(entries)) {}

std::optional<YamlNode> YamlMap::find(std::string_view key) {
  asked_.emplace_back(key);
  for (const auto& [name, value] : entries_) {
    if (name == key && !value.is_null()) return value;
  }
  return std::nullopt;
}

Result<std::optional<std::int64_t>> YamlMap::find_integer(std::string_view key, std::int64_t low,
                                                          std::int64_t high) {
  const auto node = find(key);
  if (!node) return std::optional<std::int64_t>();
  return std::optional(TRY(node->integer(key, low, high)));
}

Result<YamlNode> YamlMap::get(std::string_view key) {
  std::optional<YamlNode> found = find(key);
  if (!found) return node_.error("{} needs a key: key={}", what_, key);
  return std::move(*found);
}

Result<void> YamlMap::finish() const {
  for (const auto& [name, value] : entries_) {
    if (std::find(asked_.begin(), asked_.end(), name) != asked_.end()) continue;
    const YamlNode at(std::make_shared<const YamlNode::Impl>(
        YamlNode::Impl{YAML::Node(YAML::NodeType::Undefined), value.impl_->mark}));
    return at.error("{} has no such key: key={} known={}", what_, name, fmt::join(asked_, ", "));
  }
  return {};
}

}  // namespace slipway::types
