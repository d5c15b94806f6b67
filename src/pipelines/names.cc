#include "pipelines/names.h"

#include <algorithm>

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

}  // namespace slipway::pipelines
