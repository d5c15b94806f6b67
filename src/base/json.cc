#include "base/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>

namespace slipway::base {
namespace {

// Builds a value out of what the parser finds, and reads doubles itself: the parser's own are off
// by a unit in the last place for one in ten.
struct ExactNumbers {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using Text = boost::json::string_view;
  using ErrorCode = boost::json::error_code;

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode&) { return true; }
  bool on_object_end(std::size_t n, ErrorCode&) {
    stack.push_object(n);
    return true;
  }
  bool on_array_begin(ErrorCode&) { return true; }
  bool on_array_end(std::size_t n, ErrorCode&) {
    stack.push_array(n);
    return true;
  }
  bool on_key_part(Text part, std::size_t, ErrorCode&) {
    stack.push_chars(part);
    return true;
  }
  bool on_key(Text part, std::size_t, ErrorCode&) {
    stack.push_key(part);
    return true;
  }
  bool on_string_part(Text part, std::size_t, ErrorCode&) {
    stack.push_chars(part);
    return true;
  }
  bool on_string(Text part, std::size_t, ErrorCode&) {
    stack.push_string(part);
    return true;
  }
  bool on_number_part(Text, ErrorCode&) { return true; }
  bool on_int64(std::int64_t number, Text, ErrorCode&) {
    stack.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, Text, ErrorCode&) {
    stack.push_uint64(number);
    return true;
  }
  // The whole text is given in one piece, so `written` is the whole number.
  bool on_double(double number, Text written, ErrorCode&) {
    double exact = 0;
    const auto [end, ec] = std::from_chars(written.data(), written.data() + written.size(), exact);
    const bool whole = ec == std::errc() && end == written.data() + written.size();
    stack.push_double(whole ? exact : number);  // beyond the range: infinity or zero
    return true;
  }
  bool on_bool(bool value, ErrorCode&) {
    stack.push_bool(value);
    return true;
  }
  bool on_null(ErrorCode&) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(Text, ErrorCode&) { return true; }
  bool on_comment(Text, ErrorCode&) { return true; }

  boost::json::value_stack stack;
};

const Json* find_member(const JsonObject& object, std::string_view key) {
  const Json* member = object.if_contains(key);
  return member != nullptr && !member->is_null() ? member : nullptr;
}

Error wrong_type(std::string_view key, std::string_view expected, const Json& got) {
  return error(Code::kInvalidArgument, "member has the wrong type: member={} expected={} got={}",
               key, expected, std::string_view(boost::json::to_string(got.kind())));
}

Error missing(std::string_view key) {
  return error(Code::kInvalidArgument, "required member is missing: member={}", key);
}

template <typename T>
Result<T> require(Result<std::optional<T>> found, std::string_view key) {
  std::optional<T> value = TRY(std::move(found));
  if (!value) return missing(key);
  return std::move(*value);
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 64;
  boost::json::basic_parser<ExactNumbers> parser(options);
  parser.handler().stack.reset();
  boost::json::error_code ec;
  const std::size_t consumed = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && consumed < text.size()) {
    if (text.find_first_not_of(" \t\r\n", consumed) != std::string_view::npos)
      ec = boost::json::error::extra_data;
  }
  if (ec)
    return error(Code::kInvalidArgument, "not valid JSON: {} at byte {}", ec.message(), consumed);
  return parser.handler().stack.release();
}

Result<JsonObject> parse_json_object(std::string_view text) {
  Json value = TRY(parse_json(text));
  if (!value.is_object()) return error(Code::kInvalidArgument, "the JSON must be an object");
  return std::move(value.as_object());
}

std::string to_text(const Json& value) { return boost::json::serialize(value); }
std::string to_text(const JsonObject& value) { return boost::json::serialize(value); }

Result<std::optional<std::string>> find_string(const JsonObject& object, std::string_view key) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return std::optional<std::string>();
  if (!member->is_string()) return wrong_type(key, "string", *member);
  return std::optional<std::string>(std::string_view(member->get_string()));
}

Result<std::optional<std::int64_t>> find_int(const JsonObject& object, std::string_view key) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return std::optional<std::int64_t>();
  if (member->is_int64()) return std::optional(member->get_int64());
  if (member->is_double()) {
    const double value = member->get_double();
    if (value == std::floor(value) && std::abs(value) < 9e15)
      return std::optional(static_cast<std::int64_t>(value));
  }
  return wrong_type(key, "integer", *member);
}

Result<std::optional<double>> find_double(const JsonObject& object, std::string_view key) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return std::optional<double>();
  if (!member->is_number()) return wrong_type(key, "number", *member);
  return std::optional(member->to_number<double>());
}

Result<std::optional<bool>> find_bool(const JsonObject& object, std::string_view key) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return std::optional<bool>();
  if (!member->is_bool()) return wrong_type(key, "boolean", *member);
  return std::optional(member->get_bool());
}

Result<std::string> get_string(const JsonObject& object, std::string_view key) {
  return require(find_string(object, key), key);
}
Result<std::int64_t> get_int(const JsonObject& object, std::string_view key) {
  return require(find_int(object, key), key);
}
Result<double> get_double(const JsonObject& object, std::string_view key) {
  return require(find_double(object, key), key);
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace slipway::base
