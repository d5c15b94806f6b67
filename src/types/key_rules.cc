#include "types/key_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

namespace slipway::types {

std::optional<std::string> fault_of_key(std::string_view key) {
  const auto is_good = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return std::isalnum(byte) != 0 || byte >= 0x80 ||
           std::string_view("_-. :/").find(c) != std::string_view::npos;
  };
  if (!std::all_of(key.begin(), key.end(), is_good)) {
    return "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces "
           "( ), colon(:) and slashes (/).";
  }
  if (is_deceptive_path(key)) {
    return "Names may be treated as files in certain cases, and must not resolve to other names "
           "when treated as such.";
  }
  return std::nullopt;
}

bool is_deceptive_path(std::string_view name) {
  const std::string normal = std::filesystem::path(name).lexically_normal().string();
  return normal != name || name == "." || name.starts_with("..") || name.starts_with('/') ||
         name.ends_with('/');
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

}  // namespace slipway::types
