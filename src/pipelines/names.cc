#include "pipelines/names.h"

#include <algorithm>
#include <filesystem>

namespace slipway::pipelines {
namespace {

constexpr std::size_t kNameLengthMax = 64;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

Result<void> check_name(const std::string& name, const types::YamlNode& node,
                        std::string_view what) {
  const bool good = !name.empty() && name.size() <= kNameLengthMax && is_letter(name.front()) &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
                    });
  if (good) return {};
  return node.error(
      "the name of a {} starts with a letter and has letters, digits, '-' and '_' only, {} at "
      "most: {}",
      what, kNameLengthMax, name);
}

bool stays_inside(const std::string& path) {
  const std::filesystem::path p(path);
  if (p.empty() || p.is_absolute() || path.find('\0') != std::string::npos) return false;
  return std::none_of(p.begin(), p.end(), [](const auto& part) { return part == ".."; });
}

}  // namespace slipway::pipelines
