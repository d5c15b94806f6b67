#include "objects/names.h"

#include <algorithm>

#include "base/json_document.h"

namespace slipway::objects {
namespace {

constexpr std::size_t kBucketBytesMin = 3, kBucketBytesMax = 63;
constexpr std::size_t kKeyBytesMax = 1024;

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

Result<void> check_bucket_name(std::string_view name) {
  const bool good = name.size() >= kBucketBytesMin && name.size() <= kBucketBytesMax &&
                    is_letter_or_digit(name.front()) && is_letter_or_digit(name.back()) &&
                    name.find("..") == std::string_view::npos &&
                    std::ranges::all_of(
                        name, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '.'; });
  if (good) return {};
  return base::error(
      Code::kInvalidArgument,
      "a bucket's name has {} to {} of a-z, 0-9, '-' and '.', begins and ends with a "
      "letter or digit and has no two dots in a row: bucket={}",
      kBucketBytesMin, kBucketBytesMax, name.substr(0, 100));
}

Result<void> check_key(std::string_view key) {
  if (key.empty()) return base::error(Code::kInvalidArgument, "an object needs a key");
  if (key.size() > kKeyBytesMax)
    return base::error(Code::kInvalidArgument, "the key is too long: bytes={} key_bytes_max={}",
                       key.size(), kKeyBytesMax);
  if (!base::is_utf8(key) || key.find('\0') != std::string_view::npos)
    return base::error(Code::kInvalidArgument, "a key is UTF-8 without NUL");
  return {};
}

}  // namespace slipway::objects
