#include "types/yaml_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace slipway::types {
namespace {

bool is_plain(std::string_view text) {
  static const std::set<std::string_view> kWords = {"true", "false", "null", "yes", "no",
                                                    "on",   "off",   "y",    "n"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '/' || c == '-';
  };
  return !text.empty() && (std::isalpha(static_cast<unsigned char>(text[0])) != 0) &&
         std::all_of(text.begin(), text.end(), fits) && !kWords.contains(lower);
}

}  // namespace

std::string yaml_scalar(std::string_view text) {
  if (is_plain(text)) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string flow_yaml(const Json& value) {
  if (value.is_string()) return yaml_scalar(std::string_view(value.get_string()));
  if (value.is_double()) return fmt::format("{}", value.get_double());
  std::string out;
  if (value.is_object()) {
    for (const auto& [key, member] : value.get_object()) {
      out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", yaml_scalar(key), flow_yaml(member));
    }
    return "{" + out + "}";
  }
  if (value.is_array()) {
    for (const Json& item : value.get_array()) out += (out.empty() ? "" : ", ") + flow_yaml(item);
    return "[" + out + "]";
  }
  return base::to_text(value);
}

}  // namespace slipway::types
