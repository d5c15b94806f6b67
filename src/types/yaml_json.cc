#include "types/yaml_json.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>

#include "types/yaml_tree.h"

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

std::optional<double> find_infinity(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (text == ".inf" || text == ".Inf" || text == ".INF")
    return is_negative ? -kInfinity : kInfinity;
  return std::nullopt;
}

// The digits of a whole number without its sign, and their base; nothing: it is none.
std::optional<std::pair<std::string, int>> find_digits(std::string_view text) {
  int base = 10;
  for (const auto& [prefix, of] : {std::pair{"0x", 16}, {"0o", 8}, {"0b", 2}}) {
    if (!text.starts_with(prefix)) continue;
    base = of;
    text.remove_prefix(2);
    break;
  }
  std::string digits;
  for (const char c : text)
    if (c != '_') digits += c;
  const std::string_view known =
      std::string_view("0123456789abcdefABCDEF").substr(0, base == 16 ? 22 : base);
  if (digits.empty() || digits.find_first_not_of(known) != std::string::npos) return std::nullopt;
  return std::pair{digits, base};
}

Result<Json> python_scalar(const YamlItem& item) {
  std::string_view text = item.text;
  if (const auto infinite = find_infinity(text)) return Json(*infinite);
  if (text == ".nan" || text == ".NaN" || text == ".NAN")
    return Json(std::numeric_limits<double>::quiet_NaN());
  if (text.starts_with('_')) return Json(item.text);
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  if (const auto whole = find_digits(text)) {
    const auto& [digits, base] = *whole;
    std::uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    constexpr auto kHalf = std::uint64_t{1} << 63;
    if (error != std::errc() || (is_negative && value > kHalf))
      return base::error(Code::kInvalidArgument, "{}: a whole number beyond 64 bits: {}",
                         item.place.text(), item.text);
    if (is_negative) return Json(static_cast<std::int64_t>(-value));
    return value < kHalf ? Json(static_cast<std::int64_t>(value)) : Json(value);
  }
  // Between digits, but not of the exponent, '_' may stand.
  if (text.find_first_not_of("0123456789_.eE+-") != text.npos || text.starts_with('_') ||
      text.find_first_of("0123456789") == text.npos ||
      text.find('_', text.find_first_of("eE")) != text.npos)
    return Json(item.text);
  std::string number = item.text;
  std::erase(number, '_');
  char* end = nullptr;
  const double value = std::strtod(number.c_str(), &end);  // beyond its range: infinity, or 0
  if (end != number.c_str() + number.size()) return Json(item.text);
  return Json(value);
}

class Converter {
 public:
  Converter(const YamlTree& tree, const YamlLimits& limits) : tree_(tree), limits_(limits) {}

  Result<Json> convert(std::uint32_t index, std::size_t depth) {
    const YamlItem& item = tree_.item(index);
    bytes_ += item.text.size();
    if (depth > limits_.nesting_max || ++values_ > limits_.values_max ||
        bytes_ > limits_.bytes_max) {
      return base::error(
          Code::kResourceExhausted, "{}: too much YAML: values_max={} nesting_max={} bytes_max={}",
          item.place.text(), limits_.values_max, limits_.nesting_max, limits_.bytes_max);
    }
    switch (item.kind) {
      case YamlItem::Kind::kNull:
        return Json(nullptr);
      case YamlItem::Kind::kScalar:
        return scalar(item);
      case YamlItem::Kind::kList:
        return list(item, depth);
      case YamlItem::Kind::kMap:
        return map(item, depth);
    }
    return Json(nullptr);
  }

 private:
  Result<Json> scalar(const YamlItem& item) const {
    const std::string& text = item.text;
    if (item.tag == "!" || item.tag == "tag:yaml.org,2002:str") return Json(text);
    if (!item.tag.empty())
      return base::error(Code::kInvalidArgument, "{}: a tag that has no meaning here: {}",
                         item.place.text(), item.tag);
    if (!item.is_plain) return Json(text);
    if (text == "true" || text == "True" || text == "TRUE") return Json(true);
    if (text == "false" || text == "False" || text == "FALSE") return Json(false);
    if (limits_.python_numbers) return python_scalar(item);
    if (const auto whole = find_number<std::int64_t>(text)) return Json(*whole);
    const bool is_of_digits = text.find_first_of("0123456789") != std::string::npos;
    if (const auto number = is_of_digits ? find_number<double>(text) : std::nullopt) {
      if (std::isfinite(*number)) return Json(*number);
    }
    if (text == ".inf" || text == "-.inf" || text == ".nan" || text == ".Inf" || text == ".NaN")
      return base::error(Code::kInvalidArgument, "{}: JSON has no such number: {}",
                         item.place.text(), text);
    return Json(text);
  }

  Result<Json> list(const YamlItem& item, std::size_t depth) {
    JsonArray items;
    items.reserve(item.count);
    for (const std::uint32_t child : tree_.children(item))
      items.push_back(TRY(convert(child, depth + 1)));
    return Json(std::move(items));
  }

  Result<Json> map(const YamlItem& item, std::size_t depth) {
    JsonObject members;
    const auto children = tree_.children(item);
    for (std::size_t i = 0; i + 1 < children.size(); i += 2) {
      const YamlItem& key = tree_.item(children[i]);
      if (key.kind != YamlItem::Kind::kScalar)
        return base::error(Code::kInvalidArgument, "{}: a key must be text", key.place.text());
      bytes_ += key.text.size();
      if (members.contains(key.text))
        return base::error(Code::kInvalidArgument, "{}: the key comes twice: key={}",
                           key.place.text(), key.text);
      members[key.text] = TRY(convert(children[i + 1], depth + 1));
    }
    return Json(std::move(members));
  }

  const YamlTree& tree_;
  const YamlLimits limits_;
  std::size_t values_ = 0, bytes_ = 0;
};

}  // namespace

Result<std::vector<Json>> yaml_as_json(std::string_view text, const YamlLimits& limits) {
  const auto tree = TRY(YamlTree::parse(text));
  std::vector<Json> documents;
  Converter converter(*tree, limits);
  for (const std::uint32_t root : tree->roots()) {
    Json document = TRY(converter.convert(root, 0));
    if (!document.is_null()) documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace slipway::types
