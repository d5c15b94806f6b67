#include "api/feast/cells.h"

#include <fmt/compile.h>

#include <array>
#include <charconv>
#include <cmath>

namespace slipway::api::feast {
namespace {

using features::Value;
using features::ValueType;

constexpr std::int64_t kMicros = 1'000'000;
constexpr std::int64_t kSecondsMax = INT64_MAX / kMicros;
// Beyond it a double does not know its neighbours.
constexpr double kWholeMax = 9007199254740992.0;

std::optional<double> number_of(std::string_view text) {
  double number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool says_its_zone(std::string_view text) {
  if (text.ends_with('Z') || text.ends_with('z')) return true;
  const std::size_t time = text.find_first_of("T ");
  return time == std::string_view::npos || text.find_first_of("+-", time) != std::string_view::npos;
}

std::optional<std::int64_t> whole_of(std::string_view text) {
  std::int64_t whole = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), whole);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return whole;
}

}  // namespace

Result<types::Timestamp> read_time(std::string_view text) {
  return types::parse_rfc3339(says_its_zone(text) ? std::string(text) : std::string(text) + "Z");
}

Result<Value> read_cell(const Json& cell, ValueType type, std::string_view column) {
  if (cell.is_null()) return Value();
  switch (type) {
    case ValueType::kNumber:
    case ValueType::kBool:
      if (cell.is_bool()) return Value(cell.get_bool() ? 1.0 : 0.0);
      if (cell.is_int64()) return features::whole_number(cell.get_int64());
      if (cell.is_number()) return Value(cell.to_number<double>());
      if (cell.is_string()) {
        if (const auto whole = whole_of(cell.get_string())) return features::whole_number(*whole);
        if (const auto number = number_of(cell.get_string()); number && !std::isnan(*number))
          return Value(*number);
      }
      break;
    case ValueType::kText:
      if (cell.is_string()) return Value(std::string(std::string_view(cell.get_string())));
      break;
    case ValueType::kTime:
      if (cell.is_int64() && cell.get_int64() < kSecondsMax && cell.get_int64() > -kSecondsMax)
        return Value(types::Timestamp{cell.get_int64() * kMicros});
      if (cell.is_string()) {
        const auto time = read_time(cell.get_string());
        if (!time) return Error(time.error()).with_context(column);
        return Value(*time);
      }
      break;
  }
  std::string got = base::to_text(cell);
  if (got.size() > 60) got.replace(60, std::string::npos, "...");
  return base::error(Code::kInvalidArgument, "{} must be a {}: {}", column,
                     features::value_type_name(type), got);
}

void write_text(std::string& out, std::string_view text) { out += base::to_text(Json(text)); }

void write_cell(std::string& out, const Value& value, ValueType type, bool is_whole) {
  if (const auto* text = std::get_if<std::string>(&value)) return write_text(out, *text);
  std::array<char, kShortCell> room;
  out.append(room.data(), write_short_cell(room.data(), value, type, is_whole));
}

char* write_short_cell(char* at, const Value& value, ValueType type, bool is_whole) {
  const auto put = [at](std::string_view text) { return std::ranges::copy(text, at).out; };
  if (const auto* number = std::get_if<double>(&value)) {
    if (type == ValueType::kBool) return put(*number != 0 ? "true" : "false");
    if (std::isinf(*number)) return put(*number > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    if (std::isnan(*number)) return put("\"NaN\"");
    if (is_whole && std::abs(*number) <= kWholeMax && *number == std::trunc(*number))
      return fmt::format_to(at, FMT_COMPILE("{}"), static_cast<std::int64_t>(*number));
    char* end = fmt::format_to(at, FMT_COMPILE("{}"), *number);  // 24 characters at most
    const bool looks_whole =
        std::find_if(at, end, [](char c) { return c == '.' || c == 'e'; }) == end;
    return looks_whole ? std::ranges::copy(std::string_view(".0"), end).out : end;
  }
  if (const auto* whole = std::get_if<std::int64_t>(&value))
    return fmt::format_to(at, FMT_COMPILE("{}"), *whole);
  if (const auto* time = std::get_if<types::Timestamp>(&value)) {
    const std::int64_t below = time->micros % kMicros < 0 ? 1 : 0;
    return fmt::format_to(at, FMT_COMPILE("{}"), time->micros / kMicros - below);
  }
  return put("null");
}

}  // namespace slipway::api::feast
