#include "types/yaml_json.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>

namespace slipway::types {
namespace {

template <typename Number>
std::optional<Number> find_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

class Converter {
 public:
  explicit Converter(const YamlLimits& limits) : limits_(limits) {}

  Result<Json> convert(const YAML::Node& node, std::size_t depth) {
    if (node.IsScalar()) bytes_ += node.Scalar().size();
    if (depth > limits_.nesting_max || ++values_ > limits_.values_max ||
        bytes_ > limits_.bytes_max) {
      return base::error(Code::kResourceExhausted,
                         "{}: too much YAML: values_max={} nesting_max={} bytes_max={}",
                         place(node), limits_.values_max, limits_.nesting_max, limits_.bytes_max);
    }
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return Json(nullptr);
      case YAML::NodeType::Scalar:
        return scalar(node);
      case YAML::NodeType::Sequence:
        return list(node, depth);
      case YAML::NodeType::Map:
        return map(node, depth);
    }
    return Json(nullptr);
  }

 private:
  static std::string place(const YAML::Node& node) {
    const YAML::Mark mark = node.Mark();
    return fmt::format("line {}, column {}", std::max(mark.line, 0) + 1,
                       std::max(mark.column, 0) + 1);
  }

  static Result<Json> scalar(const YAML::Node& node) {
    const std::string& text = node.Scalar();
    const std::string& tag = node.Tag();
    if (tag == "!" || tag == "tag:yaml.org,2002:str") return Json(text);
    if (!tag.empty() && tag != "?")
      return base::error(Code::kInvalidArgument, "{}: a tag that has no meaning here: {}",
                         place(node), tag);
    if (text == "true" || text == "True" || text == "TRUE") return Json(true);
    if (text == "false" || text == "False" || text == "FALSE") return Json(false);
    if (const auto whole = find_number<std::int64_t>(text)) return Json(*whole);
    const bool is_of_digits = text.find_first_of("0123456789") != std::string::npos;
    if (const auto number = is_of_digits ? find_number<double>(text) : std::nullopt) {
      if (std::isfinite(*number)) return Json(*number);
    }
    if (text == ".inf" || text == "-.inf" || text == ".nan" || text == ".Inf" || text == ".NaN")
      return base::error(Code::kInvalidArgument, "{}: JSON has no such number: {}", place(node),
                         text);
    return Json(text);
  }

  Result<Json> list(const YAML::Node& node, std::size_t depth) {
    JsonArray items;
    for (const YAML::Node& item : node) items.push_back(TRY(convert(item, depth + 1)));
    return Json(std::move(items));
  }

  Result<Json> map(const YAML::Node& node, std::size_t depth) {
    JsonObject members;
    for (const auto& member : node) {
      if (!member.first.IsScalar())
        return base::error(Code::kInvalidArgument, "{}: a key must be text", place(member.first));
      const std::string& key = member.first.Scalar();
      bytes_ += key.size();
      if (members.contains(key))
        return base::error(Code::kInvalidArgument, "{}: the key comes twice: key={}",
                           place(member.first), key);
      members[key] = TRY(convert(member.second, depth + 1));
    }
    return Json(std::move(members));
  }

  const YamlLimits limits_;
  std::size_t values_ = 0, bytes_ = 0;
};

}  // namespace

Result<std::vector<Json>> yaml_as_json(std::string_view text, const YamlLimits& limits) try {
  std::vector<Json> documents;
  Converter converter(limits);
  for (const YAML::Node& node : YAML::LoadAll(std::string(text))) {
    Json document = TRY(converter.convert(node, 0));
    if (!document.is_null()) documents.push_back(std::move(document));
  }
  return documents;
} catch (const YAML::Exception& e) {
  return base::error(Code::kInvalidArgument, "line {}, column {}: not valid YAML: {}",
                     e.mark.line + 1, e.mark.column + 1, e.msg);
}

}  // namespace slipway::types
