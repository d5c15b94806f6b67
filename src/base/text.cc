#include "base/text.h"

#include <algorithm>

namespace slipway::base {
namespace {

constexpr std::size_t kToldMax = 60;  // bytes of a text whose difference is told
constexpr std::size_t kSameMax = 20;  // of them, that come before what differs

std::string piece(std::string_view text, std::size_t begin) {
  const auto is_inside = [&](std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  while (begin > 0 && is_inside(begin)) --begin;
  const std::string_view rest = text.substr(std::min(begin, text.size()));
  const std::string_view shown = beginning(rest, kToldMax);
  std::string told =
      (begin > 0 ? "..." : "") + std::string(shown) + (shown.size() < rest.size() ? "..." : "");
  std::replace(told.begin(), told.end(), '\n', ' ');
  return told;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view beginning(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

std::pair<std::string, std::string> what_differs(std::string_view before, std::string_view now) {
  const auto first = std::mismatch(before.begin(), before.end(), now.begin(), now.end()).first;
  const auto same = static_cast<std::size_t>(first - before.begin());
  const bool is_long = before.size() > kToldMax || now.size() > kToldMax;
  const std::size_t begin = is_long && same > kSameMax ? same - kSameMax : 0;
  return {piece(before, begin), piece(now, begin)};
}

}  // namespace slipway::base
