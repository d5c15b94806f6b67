#include "monitor/attributions/attribution.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace slipway::monitor {

AttributionDrift AttributionDrift::between(const Attributions& reference, const Attributions& now) {
  AttributionDrift drift{.rows = now.rows, .reference_rows = reference.rows};
  for (const auto& [name, value] : reference.inputs) {
    const auto found = now.inputs.find(name);
    if (found == now.inputs.end()) continue;
    drift.inputs.push_back({.name = name, .now = found->second, .reference = value});
  }
  const auto gain = [&] {
    double sum = 0;
    for (std::size_t i = 0; i < drift.inputs.size(); ++i)
      sum += drift.inputs[i].reference / std::log2(static_cast<double>(i) + 2);
    return sum;
  };
  using Input = AttributionDrift::Input;
  // Of equal ones the order of the other side, so that what does not differ is no difference.
  std::stable_sort(drift.inputs.begin(), drift.inputs.end(), [](const Input& a, const Input& b) {
    return a.now != b.now ? a.now > b.now : a.reference > b.reference;
  });
  for (std::size_t i = 0; i < drift.inputs.size(); ++i)
    drift.inputs[i].rank = static_cast<std::int64_t>(i) + 1;
  const double seen = gain();
  std::stable_sort(drift.inputs.begin(), drift.inputs.end(), [](const Input& a, const Input& b) {
    return a.reference != b.reference ? a.reference > b.reference : a.rank < b.rank;
  });
  for (std::size_t i = 0; i < drift.inputs.size(); ++i)
    drift.inputs[i].reference_rank = static_cast<std::int64_t>(i) + 1;
  const double best = gain();
  drift.ndcg = best > 0 ? seen / best : std::numeric_limits<double>::quiet_NaN();
  return drift;
}

JsonObject AttributionDrift::to_json() const {
  JsonArray list;
  for (const Input& input : inputs) {
    list.push_back(JsonObject{{"input", input.name},
                              {"now", base::number_or_null(input.now)},
                              {"reference", base::number_or_null(input.reference)},
                              {"rank", input.rank},
                              {"reference_rank", input.reference_rank}});
  }
  JsonObject object{
      {"rows", rows}, {"reference_rows", reference_rows}, {"ndcg", base::number_or_null(ndcg)}};
  object["inputs"] = std::move(list);
  return object;
}

Result<AttributionDrift> AttributionDrift::from_json(const JsonObject& object) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  AttributionDrift drift{.rows = TRY(base::get_int(object, "rows"))};
  drift.reference_rows = TRY(base::get_int(object, "reference_rows"));
  drift.ndcg = TRY(base::find_double(object, "ndcg")).value_or(kNone);
  if (const Json* list = object.if_contains("inputs"); list != nullptr && list->is_array()) {
    for (const Json& one : list->get_array()) {
      if (!one.is_object()) continue;
      const JsonObject& member = one.get_object();
      Input input{.name = TRY(base::get_string(member, "input"))};
      input.now = TRY(base::find_double(member, "now")).value_or(kNone);
      input.reference = TRY(base::find_double(member, "reference")).value_or(kNone);
      input.rank = TRY(base::get_int(member, "rank"));
      input.reference_rank = TRY(base::get_int(member, "reference_rank"));
      drift.inputs.push_back(std::move(input));
    }
  }
  return drift;
}

}  // namespace slipway::monitor
