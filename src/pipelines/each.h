// What `each` of a step says, and the items that it becomes. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "pipelines/command_template.h"
#include "pipelines/condition.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

// Items are JSON texts: a number, a text, an object, ...
struct Each {
  std::vector<std::string> items;          // as written; or
  std::optional<ConditionOperand> source;  // a parameter or an earlier step's output with the list

  bool operator==(const Each&) const = default;
};

// A list, or a reference in braces. kInvalidArgument with the place: anything else.
Result<Each> read_each(const types::YamlNode& node);

// YAML as JSON: what is written as JSON writes a number, true or false is one, other scalars are
// texts. kInvalidArgument with the place: a key that comes twice.
Result<std::string> as_json(const types::YamlNode& node);

// The items of a JSON list, `member` ("a.b") of a document when it isn't empty. kInvalidArgument:
// it is no JSON, or no list. kNotFound: no such member.
Result<std::vector<std::string>> items_of(std::string_view document, std::string_view member);

// "train[3]"
std::string item_name(std::string_view step, std::size_t index);
// "0003", so that they stand in order
std::string item_folder(std::size_t index);

// What `{item}` and `{item.a.b}` in a command stand for, by reference without braces: texts,
// numbers and truth values as they are, others as JSON. kNotFound: the item has no such member.
Result<std::map<std::string, std::string>> item_texts(const std::vector<CommandPiece>& command,
                                                      const std::string& item);
// Whether a reference of a command is one of those.
bool is_of_item(std::string_view reference);

}  // namespace slipway::pipelines
