#include "cli/drill/trend.h"

#include <algorithm>
#include <cmath>

namespace slipway::cli {
namespace {

using base::Duration;

Error no_report(std::string_view why) {
  return base::error(Code::kInvalidArgument,
                     "--against wants the JSON of an earlier drill (--out FILE.json): {}", why);
}

Result<EarlierDrill::Fault> read_fault(const Json& json) {
  if (!json.is_object()) return no_report("a fault is no object");
  const JsonObject& object = json.get_object();
  EarlierDrill::Fault fault{.name = TRY(base::get_string(object, "fault")),
                            .share = TRY(base::get_double(object, "share"))};
  if (const auto seconds = TRY(base::find_double(object, "ramp_seconds")))
    fault.ramp = Duration{std::llround(*seconds * 1e6)};
  const Json* caught = object.if_contains("caught");
  if (caught == nullptr || !caught->is_bool()) return no_report("caught is no true or false");
  fault.caught = caught->get_bool();
  if (const auto seconds = TRY(base::find_double(object, "delay_seconds")))
    fault.delay = Duration{std::llround(*seconds * 1e6)};
  return fault;
}

// Appends what is to be said of a fault that both played alike.
void compare_fault(const EarlierDrill::Fault& was, const Verdict& is, Trend& trend) {
  if (was.caught != is.caught) {
    (is.caught ? trend.better : trend.worse)
        .push_back(is.caught ? fmt::format("{}: was missed, is noticed after {}", is.fault,
                                           delay_text(is.delay))
                             : fmt::format("{}: was noticed after {}, is missed", is.fault,
                                           delay_text(was.delay)));
  } else if (is.caught && was.delay != is.delay) {
    (is.delay < was.delay ? trend.better : trend.worse)
        .push_back(fmt::format("{}: was noticed after {}, is after {}", is.fault,
                               delay_text(was.delay), delay_text(is.delay)));
  }
}

JsonArray array_of(const std::vector<std::string>& list) {
  JsonArray array;
  for (const std::string& text : list) array.push_back(Json(text));
  return array;
}

}  // namespace

Result<EarlierDrill> EarlierDrill::read(std::string_view text, const std::string& endpoint) {
  const auto object = base::parse_json_object(text);
  if (!object) return no_report(object.error().message);
  const auto of = base::get_string(*object, "endpoint");
  const Json* faults = object->if_contains("faults");
  if (!of || faults == nullptr || !faults->is_array()) return no_report("it has no faults");
  if (*of != endpoint) return no_report(fmt::format("it is of the endpoint {}", *of));
  EarlierDrill earlier{.grade = TRY(base::get_string(*object, "grade")),
                       .false_pages = TRY(base::get_int(*object, "false_pages"))};
  for (const Json& fault : faults->get_array()) earlier.faults.push_back(TRY(read_fault(fault)));
  return earlier;
}

JsonObject Trend::to_json() const {
  return {{"grade_was", grade_was},
          {"better", array_of(better)},
          {"worse", array_of(worse)},
          {"not_compared", array_of(not_compared)}};
}

Trend compare(const DrillReport& now, const EarlierDrill& earlier) {
  Trend trend{.grade_was = earlier.grade};
  for (const Verdict& is : now.faults) {
    const auto was = std::find_if(earlier.faults.begin(), earlier.faults.end(),
                                  [&](const auto& fault) { return fault.name == is.fault; });
    if (was != earlier.faults.end() && was->share == is.share && was->ramp == is.ramp)
      compare_fault(*was, is, trend);
    else
      trend.not_compared.push_back(is.fault);
  }
  for (const EarlierDrill::Fault& was : earlier.faults) {
    const bool is_played = std::any_of(now.faults.begin(), now.faults.end(),
                                       [&](const Verdict& is) { return is.fault == was.name; });
    if (!is_played) trend.not_compared.push_back(was.name);
  }
  if (now.false_pages() != earlier.false_pages) {
    (now.false_pages() < earlier.false_pages ? trend.better : trend.worse)
        .push_back(
            fmt::format("false pages: were {}, are {}", earlier.false_pages, now.false_pages()));
  }
  return trend;
}

}  // namespace slipway::cli
