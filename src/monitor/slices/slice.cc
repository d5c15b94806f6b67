#include "monitor/slices/slice.h"

#include <cmath>
#include <limits>

namespace slipway::monitor {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Result<double> number_or(const JsonObject& object, std::string_view name, double otherwise) {
  return TRY(base::find_double(object, name)).value_or(otherwise);
}

}  // namespace

std::string Predicate::words() const {
  switch (kind) {
    case Kind::kIs:
      return fmt::format("{} is {}", input, value);
    case Kind::kMissing:
      return input + " is missing";
    case Kind::kRange:
      if (low == -kInfinity) return fmt::format("{} <= {:.6g}", input, high);
      if (high == kInfinity) return fmt::format("{} > {:.6g}", input, low);
      return fmt::format("{:.6g} < {} <= {:.6g}", low, input, high);
  }
  return "";
}

JsonObject Predicate::to_json() const {
  JsonObject object{{"input", input}};
  switch (kind) {
    case Kind::kIs:
      object["is"] = value;
      break;
    case Kind::kMissing:
      object["missing"] = true;
      break;
    case Kind::kRange:
      if (low != -kInfinity) object["over"] = low;
      if (high != kInfinity) object["at_most"] = high;
      break;
  }
  return object;
}

Result<Predicate> Predicate::from_json(const JsonObject& object) {
  Predicate predicate{.input = TRY(base::get_string(object, "input"))};
  if (auto value = TRY(base::find_string(object, "is"))) {
    predicate.value = std::move(*value);
    return predicate;
  }
  predicate.kind = object.contains("missing") ? Kind::kMissing : Kind::kRange;
  predicate.low = TRY(number_or(object, "over", -kInfinity));
  predicate.high = TRY(number_or(object, "at_most", kInfinity));
  return predicate;
}

std::string Slice::words() const {
  std::string out;
  for (const Predicate& predicate : predicates)
    out += (out.empty() ? "" : " and ") + predicate.words();
  return out;
}

JsonObject Slice::to_json() const {
  JsonArray conditions;
  for (const Predicate& predicate : predicates) conditions.push_back(predicate.to_json());
  JsonObject object{{"slice", words()},
                    {"rows", rows},
                    {"share", share},
                    {"inside", base::number_or_null(inside)},
                    {"outside", base::number_or_null(outside)},
                    {"low", base::number_or_null(low)},
                    {"high", base::number_or_null(high)},
                    {"p_value", base::number_or_null(p_value)},
                    {"score", base::number_or_null(score)},
                    {"expected", base::number_or_null(expected)}};
  object["predicates"] = std::move(conditions);
  if (before) {
    object["before"] = {{"rows", before->rows},
                        {"inside", base::number_or_null(before->inside)},
                        {"outside", base::number_or_null(before->outside)}};
  }
  return object;
}

Result<Slice> Slice::from_json(const JsonObject& object) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  Slice slice{.rows = TRY(base::get_int(object, "rows"))};
  slice.share = TRY(number_or(object, "share", kNone));
  slice.inside = TRY(number_or(object, "inside", kNone));
  slice.outside = TRY(number_or(object, "outside", kNone));
  slice.low = TRY(number_or(object, "low", kNone));
  slice.high = TRY(number_or(object, "high", kNone));
  slice.p_value = TRY(number_or(object, "p_value", kNone));
  slice.score = TRY(number_or(object, "score", kNone));
  slice.expected = TRY(number_or(object, "expected", kNone));
  if (const Json* conditions = object.if_contains("predicates");
      conditions != nullptr && conditions->is_array()) {
    for (const Json& one : conditions->get_array()) {
      if (one.is_object()) slice.predicates.push_back(TRY(Predicate::from_json(one.get_object())));
    }
  }
  if (const Json* member = object.if_contains("before"); member != nullptr && member->is_object()) {
    const JsonObject& known = member->get_object();
    Before before{.rows = TRY(base::get_int(known, "rows"))};
    before.inside = TRY(number_or(known, "inside", kNone));
    before.outside = TRY(number_or(known, "outside", kNone));
    slice.before = before;
  }
  return slice;
}

JsonObject SliceReport::to_json() const {
  JsonArray found;
  for (const Slice& slice : slices) found.push_back(slice.to_json());
  JsonObject object{
      {"loss", loss}, {"rows", rows}, {"mean", base::number_or_null(mean)}, {"examined", examined}};
  object["found"] = std::move(found);
  return object;
}

Result<SliceReport> SliceReport::from_json(const JsonObject& object) {
  SliceReport report{.loss = TRY(base::get_string(object, "loss"))};
  report.rows = TRY(base::get_int(object, "rows"));
  report.mean = TRY(number_or(object, "mean", std::numeric_limits<double>::quiet_NaN()));
  report.examined = TRY(base::get_int(object, "examined"));
  if (const Json* found = object.if_contains("found"); found != nullptr && found->is_array()) {
    for (const Json& one : found->get_array()) {
      if (one.is_object()) report.slices.push_back(TRY(Slice::from_json(one.get_object())));
    }
  }
  return report;
}

}  // namespace slipway::monitor
