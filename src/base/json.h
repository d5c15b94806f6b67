// JSON behind one door: the DOM is Boost.JSON's, these are the helpers everybody needs.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::base {

using Json = boost::json::value;
using JsonObject = boost::json::object;
using JsonArray = boost::json::array;

// kInvalidArgument with the byte offset where the text stops being JSON. Bare NaN and Infinity are
// refused; nesting deeper than 64 is refused.
Result<Json> parse_json(std::string_view text);
// The same, and the value must be an object.
Result<JsonObject> parse_json_object(std::string_view text);

std::string to_text(const Json& value);
std::string to_text(const JsonObject& value);

// Member readers. find_* give nothing when the member is absent or null, and kInvalidArgument
// naming the member when it has another type; get_* also refuse absence. Numbers written as 1.0 are
// taken as integers, text is never taken as a number.
Result<std::optional<std::string>> find_string(const JsonObject& object, std::string_view key);
Result<std::optional<std::int64_t>> find_int(const JsonObject& object, std::string_view key);
Result<std::optional<double>> find_double(const JsonObject& object, std::string_view key);
Result<std::optional<bool>> find_bool(const JsonObject& object, std::string_view key);
Result<std::string> get_string(const JsonObject& object, std::string_view key);
Result<std::int64_t> get_int(const JsonObject& object, std::string_view key);
Result<double> get_double(const JsonObject& object, std::string_view key);

// A double as JSON: NaN and the infinities become null, which JSON has no number for.
Json number_or_null(double value);

}  // namespace slipway::base

namespace slipway {
using base::Json;
using base::JsonArray;
using base::JsonObject;
}  // namespace slipway
