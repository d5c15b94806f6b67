#include "api/http/byte_range.h"

#include <algorithm>
#include <charconv>

namespace slipway::http {
namespace {

// Digits only, and not too many of them.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<std::optional<ByteRange>> parse_range(std::string_view header, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  const std::optional<ByteRange> all;
  if (!header.starts_with(kUnit)) return all;
  header.remove_prefix(kUnit.size());
  const std::size_t dash = header.find('-');
  if (dash == std::string_view::npos) return all;
  const auto first = number(header.substr(0, dash));
  const auto last = number(header.substr(dash + 1));
  std::uint64_t from = 0, end = size;
  if (first && last) {
    if (*last < *first) return all;
    from = *first;
    end = *last < size ? *last + 1 : size;
  } else if (first && header.substr(dash + 1).empty()) {
    from = *first;
  } else if (last && dash == 0) {  // the last so many
    from = size - std::min(size, *last);
  } else {
    return all;
  }
  if (from >= end)
    return base::error(Code::kInvalidArgument, "the range is not there: bytes={}", size);
  return std::optional(ByteRange{from, end - from});
}

}  // namespace slipway::http
