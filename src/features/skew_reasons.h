// Why a served value differs from the recomputed one: what can be told from the values alone. Pure
// functions; what needs the rows is in skew_inquiry.h.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "features/value.h"

namespace slipway::features {

// In the order in which one is believed when several explain the same rows.
enum class SkewReason {
  kDefinition,  // equals what an earlier definition gives
  kLateData,    // equals what is known when a row counts before it has arrived
  kStale,       // equals what was known some time before
  kDefault,     // missing, or the same value whatever the right one is
  kUnit,        // a constant factor, or degrees Fahrenheit for Celsius
  kType,        // equals after rounding to float32 or to a whole number, as a text, or up to the
                // last digits
  kTimeZone,    // equals when the times are moved by a zone's offset
  kUnknown,
};
std::string_view reason_name(SkewReason reason);
std::optional<SkewReason> parse_reason(std::string_view name);

// Numbers, or times as microseconds; a served value is never a time.
bool is_same(const Value& served, const Value& recomputed, bool is_float32);
// Up to the last digits, which depend on the order of a sum. Times have none.
bool is_close(const Value& served, const Value& other);

struct ServedValue {
  Value served, recomputed;
};
// What explains a value, in words ("x1000", "float32", "missing"); `all` are the feature's
// different values, this one among them: a factor or a default shows in many. A value that is close
// to the right one is of another type, and nothing else.
struct ValueReason {
  SkewReason reason;
  std::string detail;
};
std::vector<ValueReason> reasons_of(const ServedValue& value, std::span<const ServedValue> all);

// Where the true rate may lie with 95 % confidence (Wilson's interval).
struct RateInterval {
  double low = 0, high = 1;
};
RateInterval rate_interval(std::int64_t different, std::int64_t compared);

}  // namespace slipway::features
