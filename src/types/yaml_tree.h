// YAML as a tree of items that keep their places and styles; what reads settings and what makes
// JSON share it. Parsed by libyaml (YAML 1.1, https://pyyaml.org/wiki/LibYAML).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace slipway::types {

struct YamlPlace {
  std::uint32_t line = 1, column = 1;  // in characters, from 1

  std::string text() const;  // "line 3, column 7"
};

struct YamlItem {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  int style = 0;         // libyaml's, of scalars, lists or mappings
  bool is_plain = true;  // of scalars: neither quoted nor a block of text
  YamlPlace place;
  std::string text;                    // of scalars
  std::string tag;                     // "tag:yaml.org,2002:str", "!"; mostly empty
  std::uint32_t first = 0, count = 0;  // in YamlTree's children
  std::uint64_t size = 1;              // with all that is in it, aliases written out
};

// Immutable: safe to use from several threads.
class YamlTree {
 public:
  // An alias is the item it stands for. kInvalidArgument "line 3, column 7: ...": no YAML, nested
  // too deep, an alias of what it is part of.
  static Result<std::shared_ptr<const YamlTree>> parse(std::string_view text);

  // Of each document; of one that is null where there is none.
  std::span<const std::uint32_t> roots() const { return roots_; }
  const YamlItem& item(std::uint32_t index) const { return items_[index]; }
  // Of a list: its items; of a mapping: key, value, key, value...
  std::span<const std::uint32_t> children(const YamlItem& item) const {
    return std::span(children_).subspan(item.first, item.count);
  }
  // YAML that reads back as this item, in the style it was written in; aliases are written out.
  std::string dump(std::uint32_t index) const;

 private:
  class Builder;

  std::vector<YamlItem> items_;
  std::vector<std::uint32_t> children_;
  std::vector<std::uint32_t> roots_;
};

}  // namespace slipway::types
