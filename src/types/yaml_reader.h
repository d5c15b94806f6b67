// Reading declared settings out of YAML strictly: every mistake is told with line and column, and a
// key nobody reads is one.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "types/timestamp.h"
#include "types/yaml_tree.h"

namespace slipway::types {

class YamlMap;

// One place in a YAML document. A value; cheap to copy, keeps the document alive.
class YamlNode {
 public:
  static constexpr std::int64_t kIntegerMax = std::numeric_limits<std::int64_t>::max();

  // kInvalidArgument "line 3, column 7: ..." when the text isn't YAML or is several documents. An
  // empty document is a null node.
  static Result<YamlNode> parse(std::string_view text);

  // kInvalidArgument with this place in front of the message.
  template <typename... Args>
  Error error(fmt::format_string<Args...> format, Args&&... args) const {
    return base::error(Code::kInvalidArgument, "{}: {}", place(),
                       fmt::format(format, std::forward<Args>(args)...));
  }
  // The same for a message that another parser made.
  Error error_of(const Error& cause) const { return error("{}", cause.message); }

  bool is_null() const;
  bool is_list() const;
  bool is_map() const;

  // kInvalidArgument naming the place when it's something else.
  Result<std::string> text() const;
  Result<double> number() const;  // finite
  Result<std::int64_t> integer() const;
  // `what` names it in messages.
  Result<std::int64_t> integer(std::string_view what, std::int64_t low,
                               std::int64_t high = kIntegerMax) const;
  Result<bool> boolean() const;
  Result<Duration> duration() const;
  Result<Timestamp> time() const;
  Result<std::vector<YamlNode>> list() const;
  // In the order written; a key that comes twice is refused.
  Result<std::vector<std::pair<std::string, YamlNode>>> entries() const;
  // `what` names the thing in messages: "endpoint flight-delay".
  Result<YamlMap> map(std::string what) const;

  std::string place() const;  // "line 3, column 7"
  std::string dump() const;   // YAML that reads back as this part

 private:
  friend class YamlMap;
  YamlNode(std::shared_ptr<const YamlTree> tree, std::uint32_t index, YamlPlace place,
           YamlPlace key_place = {})
      : tree_(std::move(tree)), index_(index), place_(place), key_place_(key_place) {}
  const YamlItem& item() const { return tree_->item(index_); }

  std::shared_ptr<const YamlTree> tree_;
  std::uint32_t index_;
  YamlPlace place_;
  YamlPlace key_place_;  // of a member of a mapping
};

// A mapping whose members are asked for by name; finish() then refuses what nobody asked for.
class YamlMap {
 public:
  // Nothing when the member is absent or null.
  std::optional<YamlNode> find(std::string_view key);
  // Likewise.
  Result<std::optional<std::int64_t>> find_integer(std::string_view key, std::int64_t low,
                                                   std::int64_t high = YamlNode::kIntegerMax);
  // kInvalidArgument when it's absent.
  Result<YamlNode> get(std::string_view key);
  // kInvalidArgument naming the first unknown key, where it is, and the keys there are.
  Result<void> finish() const;

  const YamlNode& node() const { return node_; }

 private:
  friend class YamlNode;
  YamlMap(YamlNode node, std::string what, std::vector<std::pair<std::string, YamlNode>> entries);

  YamlNode node_;
  std::string what_;
  std::vector<std::pair<std::string, YamlNode>> entries_;
  std::vector<std::string> asked_;
};

// A document, or the text of one, for functions that each read a part of it: whoever calls several
// parses it once. A text must outlive it.
class YamlSource {
 public:
  YamlSource(std::string_view text) : text_(text) {}
  YamlSource(const std::string& text) : text_(text) {}
  YamlSource(const char* text) : text_(text) {}
  YamlSource(YamlNode root) : root_(std::move(root)) {}

  // As YamlNode::parse().
  Result<YamlNode> root() const {
    return root_ ? Result<YamlNode>(*root_) : YamlNode::parse(text_);
  }

 private:
  std::string_view text_;
  std::optional<YamlNode> root_;
};

}  // namespace slipway::types
