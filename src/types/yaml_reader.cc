#include "types/yaml_reader.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_set>

namespace slipway::types {
namespace {

constexpr std::uint64_t kSizeMax = 20'000'000;  // values, with what aliases stand for

}  // namespace

Result<YamlNode> YamlNode::parse(std::string_view text) {
  auto tree = TRY(YamlTree::parse(text));
  const auto roots = tree->roots();
  if (roots.size() > 1) {
    return base::error(Code::kInvalidArgument, "{}: one document is expected, another begins here",
                       tree->item(roots[1]).place.text());
  }
  const std::uint32_t root = roots[0];
  const YamlPlace place = tree->item(root).place;
  if (tree->item(root).size > kSizeMax) {
    return base::error(Code::kInvalidArgument, "{}: its aliases stand for too much: values_max={}",
                       place.text(), kSizeMax);
  }
  return YamlNode(std::move(tree), root, place);
}

std::string YamlNode::place() const { return place_.text(); }

std::string YamlNode::dump() const { return tree_->dump(index_); }

bool YamlNode::is_null() const { return item().kind == YamlItem::Kind::kNull; }
bool YamlNode::is_list() const { return item().kind == YamlItem::Kind::kList; }
bool YamlNode::is_map() const { return item().kind == YamlItem::Kind::kMap; }

Result<std::string> YamlNode::text() const {
  if (item().kind != YamlItem::Kind::kScalar) return error("expected text");
  return item().text;
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
  if (!is_list()) return error("expected a list");
  std::vector<YamlNode> items;
  items.reserve(item().count);
  for (const std::uint32_t child : tree_->children(item()))
    items.push_back(YamlNode(tree_, child, tree_->item(child).place));
  return items;
}

Result<std::vector<std::pair<std::string, YamlNode>>> YamlNode::entries() const {
  if (!is_map()) return error("expected a mapping");
  std::vector<std::pair<std::string, YamlNode>> entries;
  entries.reserve(item().count / 2);
  std::unordered_set<std::string_view> names;
  const auto children = tree_->children(item());
  for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
    const YamlNode key(tree_, children[i], tree_->item(children[i]).place);
    std::string name = TRY(key.text());
    if (!names.insert(key.item().text).second)
      return key.error("the key comes twice: key={}", name);
    const YamlItem& value = tree_->item(children[i + 1]);
    // An empty value has the place of its key.
    const YamlPlace place = value.kind == YamlItem::Kind::kNull ? key.place_ : value.place;
    entries.emplace_back(std::move(name), YamlNode(tree_, children[i + 1], place, key.place_));
  }
  return entries;
}

Result<YamlMap> YamlNode::map(std::string what) const {
  if (!is_map()) return error("{} must be a mapping", what);
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
    return base::error(Code::kInvalidArgument, "{}: {} has no such key: key={} known={}",
                       value.key_place_.text(), what_, name, fmt::join(asked_, ", "));
  }
  return {};
}

}  // namespace slipway::types
