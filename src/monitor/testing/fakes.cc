#include "monitor/testing/fakes.h"

#include <cmath>
#include <numeric>

namespace slipway::monitor::testing {

types::Frame to_frame(const std::vector<LoggedRequest>& rows) {
  using enum types::ColumnType;
  const auto make = [](const char* name, types::ColumnType type) {
    return types::Column::of_type(name, type);
  };
  types::Column id = make("request_id", kString), variant = make("variant", kString),
                role = make("role", kString), error = make("error", kString),
                traffic = make("traffic", kString), carrier = make("carrier", kString),
                version = make("model_version", kInt64), latency = make("latency_us", kInt64),
                time = make("event_time", kTimestamp), prediction = make("prediction", kDouble),
                x = make("x", kDouble), answer = make("prediction_values", kString),
                broken = make("input_violations", kString);
  for (const LoggedRequest& row : rows) {
    id.append_string(row.id);
    variant.append_string(row.variant);
    role.append_string(row.role);
    row.error.empty() ? error.append_null() : error.append_string(row.error);
    traffic.append_string(row.traffic);
    row.carrier.empty() ? carrier.append_null() : carrier.append_string(row.carrier);
    version.append_int(row.model_version);
    latency.append_int(row.latency_us);
    time.append_int(row.event_time.micros);
    prediction.append_double(row.prediction);
    row.answer.empty() ? answer.append_null() : answer.append_string(row.answer);
    row.broken.empty() ? broken.append_null() : broken.append_string(row.broken);
    std::isnan(row.x) ? x.append_null() : x.append_double(row.x);
  }
  types::Frame frame;
  for (types::Column* column : {&id, &variant, &role, &error, &traffic, &carrier, &version,
                                &latency, &time, &prediction, &x, &answer, &broken}) {
    MUST(frame.add(std::move(*column)));
  }
  return frame;
}

Result<types::Frame> FakeRequests::requests(const std::string& endpoint, base::Timestamp from,
                                            base::Timestamp to,
                                            const std::vector<std::string>& columns) {
  ++reads;
  asked.push_back(columns);
  if (failure && (failing_endpoint.empty() || endpoint == failing_endpoint) &&
      (!failing_from || from == *failing_from))
    return *failure;
  std::vector<LoggedRequest> picked;
  for (const LoggedRequest& row : log) {
    if (row.event_time >= from && row.event_time < to) picked.push_back(row);
  }
  types::Frame all = to_frame(picked);
  if (!kept_column.empty()) {
    types::Column kept = types::Column::of_type(kept_column, types::ColumnType::kString);
    for (std::size_t i = 0; i < picked.size(); ++i) kept.append_string("kept");
    TRY(all.add(std::move(kept)));
  }
  if (columns.empty()) return all;
  types::Frame some;
  for (const std::string& name : columns) {
    if (const types::Column* column = all.find(name)) TRY(some.add(*column));
  }
  return some;
}

Result<void> FakeRequests::each_part(const std::string& endpoint, base::Timestamp from,
                                     base::Timestamp to, const std::vector<std::string>& columns,
                                     const EachPart& each) {
  const types::Frame all = TRY(requests(endpoint, from, to, columns));
  constexpr std::size_t kRows = 100;
  for (std::size_t first = 0; first < all.rows(); first += kRows) {
    std::vector<std::size_t> rows(std::min(kRows, all.rows() - first));
    std::iota(rows.begin(), rows.end(), first);
    types::Frame part = all.take(rows);
    TRY(each(part));
  }
  return {};
}

Result<ActionReceipt> FakeActions::start(const ActionRequest& request) {
  ++handed_over;
  if (failure) return *failure;
  std::size_t number = 0;
  while (number < started.size() && started[number].id != request.id) ++number;
  if (number == started.size()) started.push_back(request);
  ActionReceipt receipt;
  if (request.kind == ActionKind::kPipeline) {
    receipt.run_id = fmt::format("run-{}", number + 1);
    return receipt;
  }
  receipt.outcome = ActionOutcome{.reason = "done"};
  if (request.kind == ActionKind::kIncident) {
    receipt.incident = 1;
  } else {
    receipt.revision = request.about_revision + 1;
  }
  return receipt;
}

Result<std::optional<ActionOutcome>> FakeActions::find_outcome(const std::string& run_id) {
  const auto found = outcomes.find(run_id);
  return found == outcomes.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace slipway::monitor::testing
