#include "cli/difference.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace slipway::cli {
namespace {

constexpr std::size_t kShownLength = 120;  // of a line or value

Json shown(const Json& value) {
  if (!value.is_object() && !value.is_array() && !value.is_string()) return value;
  std::string text = value.is_string() ? std::string(value.get_string()) : base::to_text(value);
  if (text.size() > kShownLength) text.replace(kShownLength, std::string::npos, "...");
  return Json(text);
}

Comparison different(std::string where, const Json& before, const Json& now) {
  return {.sameness = Sameness::kDifferent,
          .where = std::move(where),
          .before = shown(before),
          .now = shown(now)};
}

void compare(const Json& before, const Json& now, double tolerance, const std::string& path,
             Comparison& found) {
  if (found.sameness == Sameness::kDifferent) return;
  if (before.is_number() && now.is_number()) {
    if (before == now) return;
    const double a = before.to_number<double>(), b = now.to_number<double>();
    if (a == b && !before.is_double() && !now.is_double()) {  // more digits than a double has
      found.add(different(path, before, now));
      return;
    }
    Comparison numbers = compare_numbers(a, b, tolerance);
    numbers.where = path;
    numbers.before = before;
    numbers.now = now;
    found.add(numbers);
  } else if (before.is_array() && now.is_array()) {
    const JsonArray &a = before.get_array(), &b = now.get_array();
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
      compare(a[i], b[i], tolerance, fmt::format("{}[{}]", path, i), found);
    if (a.size() != b.size())
      found.add(different(fmt::format("{}.length", path), Json(a.size()), Json(b.size())));
  } else if (before.is_object() && now.is_object()) {
    const JsonObject &a = before.get_object(), &b = now.get_object();
    const auto below = [&](std::string_view key) {
      return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
    };
    for (const auto& [key, value] : a) {
      const Json* other = b.if_contains(key);
      compare(value, other == nullptr ? Json(nullptr) : *other, tolerance, below(key), found);
    }
    for (const auto& [key, value] : b) {
      if (!a.contains(key)) compare(nullptr, value, tolerance, below(key), found);
    }
  } else if (before != now) {
    found.add(different(path, before, now));
  }
}

bool is_text(std::string_view bytes) { return bytes.find('\0') == std::string_view::npos; }

std::string_view line_at(std::string_view text, std::size_t at) {
  const std::size_t begin = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
  return text.substr(begin, std::min(text.find('\n', begin), text.size()) - begin);
}

}  // namespace

std::string_view sameness_word(Sameness sameness) {
  switch (sameness) {
    case Sameness::kBitEqual:
      return "bit-equal";
    case Sameness::kWithinTolerance:
      return "within tolerance";
    case Sameness::kDifferent:
      return "different";
  }
  return "";
}

void Comparison::add(const Comparison& other) {
  if (other.sameness > sameness) *this = other;
}

JsonObject Comparison::to_json() const {
  JsonObject object{{"state", sameness_word(sameness)}};
  if (sameness == Sameness::kBitEqual) return object;
  object["where"] = where;
  object["before"] = before;
  object["now"] = now;
  return object;
}

Comparison compare_numbers(double before, double now, double tolerance) {
  const bool is_same = std::bit_cast<std::uint64_t>(before) == std::bit_cast<std::uint64_t>(now) ||
                       (std::isnan(before) && std::isnan(now));
  if (is_same) return {};
  const bool is_near =
      std::isfinite(before) && std::isfinite(now) &&
      std::abs(before - now) <= tolerance * std::max(std::abs(before), std::abs(now));
  return {.sameness = is_near ? Sameness::kWithinTolerance : Sameness::kDifferent,
          .where = "",
          .before = base::number_or_null(before),
          .now = base::number_or_null(now)};
}

Comparison compare_json(const Json& before, const Json& now, double tolerance) {
  Comparison found;
  compare(before, now, tolerance, "", found);
  return found;
}

Comparison compare_bytes(std::string_view before, std::string_view now, double tolerance) {
  if (before == now) return {};
  const auto json_before = base::parse_json(before), json_now = base::parse_json(now);
  if (json_before && json_now) {
    Comparison found = compare_json(*json_before, *json_now, tolerance);
    if (found.sameness != Sameness::kBitEqual) return found;
    return {.sameness = Sameness::kWithinTolerance,
            .where = "how the JSON is written",
            .before = nullptr,
            .now = nullptr};
  }
  const auto at = static_cast<std::size_t>(
      std::mismatch(before.begin(), before.end(), now.begin(), now.end()).first - before.begin());
  if (is_text(before) && is_text(now)) {
    const auto line = 1 + std::count(before.begin(), before.begin() + std::ptrdiff_t(at), '\n');
    return different(fmt::format("line {}", line), Json(line_at(before, at)),
                     Json(line_at(now, at)));
  }
  const auto byte_of = [at](std::string_view bytes) {
    return at < bytes.size()
               ? Json(fmt::format("{:#04x} of {} bytes", static_cast<unsigned char>(bytes[at]),
                                  bytes.size()))
               : Json(fmt::format("the end, after {} bytes", bytes.size()));
  };
  return different(fmt::format("byte {}", at), byte_of(before), byte_of(now));
}

std::string renamed(std::string text, const std::map<std::string, std::string>& names) {
  for (const auto& [from, to] : names) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  }
  return text;
}

}  // namespace slipway::cli
