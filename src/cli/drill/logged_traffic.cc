#include "cli/drill/logged_traffic.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "cli/table.h"
#include "types/timestamp.h"

namespace slipway::cli {
namespace {

using base::Timestamp;
using types::Column;
using types::ColumnType;

constexpr const char* kId = "_slipway_id";
constexpr const char* kAskedAt = "_slipway_asked_at";

// Empty: it is none.
std::string text_in(const Json& object, std::string_view member) {
  const Json& value = member_at(object, member);
  return value.is_string() ? std::string(value.get_string()) : std::string();
}

// A value as the log has it: a number, a text, or the text of an integer's digits.
void append(Column& column, const Json& value) {
  const bool is_number = value.is_number();
  std::int64_t whole = 0;
  if (value.is_string() && column.type == ColumnType::kString) {
    column.append_string(std::string(value.get_string()));
  } else if (is_number && column.type == ColumnType::kDouble) {
    column.append_double(value.to_number<double>());
  } else if (is_number && column.type != ColumnType::kString) {
    column.append_int(static_cast<std::int64_t>(value.to_number<double>()));
  } else if (value.is_string() && column.type == ColumnType::kInt64 &&
             std::from_chars(value.get_string().data(),
                             value.get_string().data() + value.get_string().size(), whole)
                     .ec == std::errc()) {
    column.append_int(whole);
  } else {
    column.append_null();
  }
}

bool is_of_a_user(const Json& request) {
  const std::string traffic = text_in(request, "traffic");
  return traffic.empty() || traffic == "quarantined" || traffic == "rejected";
}

// Asked for page by page.
class Logged {
 public:
  explicit Logged(std::vector<Column> sent) : sent_(std::move(sent)) {}

  // A request that is tried again counts once.
  void add(const Json& request, Timestamp time) {
    const std::string id = text_in(request, "id");
    if (!is_of_a_user(request) || !known_.insert(id).second) return;
    const JsonObject& features = member_at(request, "features").as_object();
    const JsonObject& came_with = member_at(request, "request").as_object();
    for (Column& column : sent_) {
      const Json* value = came_with.if_contains(column.name);
      if (value == nullptr) value = features.if_contains(column.name);
      append(column, value == nullptr ? Json(nullptr) : *value);
    }
    for (const auto& [name, value] : features) add_looked_up(std::string(name), value);
    for (Column& column : looked_up_) {
      if (column.size() == ids_.size()) column.append_null();
    }
    ids_.append_string(id);
    times_.append_int(time.micros);
    add_label(member_at(request, "label"));
  }

  std::size_t size() const { return ids_.size(); }

  Result<Recording> finish() {
    Recording recording{.id = kId, .event_time = kAskedAt};
    TRY(recording.requests.add(std::move(ids_)));
    TRY(recording.requests.add(std::move(times_)));
    for (Column& column : sent_) {
      recording.inputs.push_back(column.name);
      TRY(recording.requests.add(std::move(column)));
    }
    for (Column& column : looked_up_) TRY(recording.requests.add(std::move(column)));
    if (has_labels_) {
      recording.labels = std::move(labels_);
      recording.label_times = std::move(label_times_);
    }
    return recording;
  }

 private:
  void add_looked_up(const std::string& name, const Json& value) {
    const auto has = [&](const Column& column) { return column.name == name; };
    if (value.is_null() || std::any_of(sent_.begin(), sent_.end(), has)) return;
    auto column = std::find_if(looked_up_.begin(), looked_up_.end(), has);
    if (column == looked_up_.end()) {
      looked_up_.push_back(
          Column::of_type(name, value.is_string() ? ColumnType::kString : ColumnType::kDouble));
      column = looked_up_.end() - 1;
      for (std::size_t row = 0; row < ids_.size(); ++row) column->append_null();
    }
    append(*column, value);
  }

  // The name of a class isn't played: a recording's outcomes are numbers.
  void add_label(const Json& label) {
    const auto at = types::parse_rfc3339(text_in(label, "arrival_time"));
    const Json& value = member_at(label, "value");
    const bool is_played = label.is_object() && at && !value.is_string();
    has_labels_ = has_labels_ || is_played;
    label_times_.push_back(is_played ? std::optional(*at) : std::nullopt);
    labels_.push_back(is_played && value.is_number() ? std::optional(value.to_number<double>())
                                                     : std::nullopt);
  }

  std::vector<Column> sent_, looked_up_;
  Column ids_ = Column::of_type(kId, ColumnType::kString);
  Column times_ = Column::of_type(kAskedAt, ColumnType::kTimestamp);
  std::set<std::string> known_;
  std::vector<std::optional<double>> labels_;
  std::vector<std::optional<Timestamp>> label_times_;
  bool has_labels_ = false;
};

}  // namespace

Result<std::vector<Column>> sent_columns(Client& production, const std::string& endpoint) {
  const Json shape = TRY(production.get(path_of("/v2/models/{}", {endpoint})));
  std::vector<Column> columns;
  const std::string service = text_in(shape, "parameters.features");
  if (!service.empty()) {
    const Json reply = TRY(production.get("/slipway/v1/features"));
    for (const Json& one : member_at(reply, "services").as_array()) {
      if (text_in(one, "name") != service) continue;
      for (const Json& column : member_at(one, "request").as_array()) {
        columns.push_back(Column::of_type(text_in(column, "name"),
                                          TRY(types::parse_type(text_in(column, "type")))));
      }
    }
    return columns;
  }
  for (const Json& input : member_at(shape, "inputs").as_array()) {
    if (member_at(input, "shape").as_array().size() != 1) {
      return base::error(Code::kFailedPrecondition,
                         "the request log keeps no tensors, so the endpoint's traffic can't be "
                         "played again: input={}",
                         text_in(input, "name"));
    }
    columns.push_back(Column::of_type(text_in(input, "name"), text_in(input, "datatype") == "BYTES"
                                                                  ? ColumnType::kString
                                                                  : ColumnType::kDouble));
  }
  return columns;
}

Result<void> each_logged_request(Client& client, const std::string& endpoint, Timestamp from,
                                 Timestamp until,
                                 const std::function<Result<void>(const Json& request)>& each) {
  std::string after;
  for (bool is_first = true; is_first || !after.empty(); is_first = false) {
    std::string path = path_of("/slipway/v1/endpoints/{}/requests?from={}&until={}&limit=5000",
                               {endpoint, types::to_rfc3339(from), types::to_rfc3339(until)});
    if (!after.empty()) path += path_of("&after={}", {after});
    const Json page = TRY(client.get(path));
    for (const Json& request : member_at(page, "requests").as_array()) TRY(each(request));
    after = text_in(page, "next");
  }
  return {};
}

Result<Recording> read_logged_traffic(Client& production, const std::string& endpoint,
                                      Timestamp from, Timestamp until, const Tell& tell) {
  tell("reading the request log");
  Logged logged(TRY(sent_columns(production, endpoint)));
  TRY(each_logged_request(
      production, endpoint, from, until, [&](const Json& request) -> Result<void> {
        logged.add(request, TRY(types::parse_rfc3339(text_in(request, "event_time"))));
        return {};
      }));
  if (logged.size() == 0) {
    return base::error(Code::kFailedPrecondition,
                       "the request log has nothing to play: endpoint={} from={} until={}; "
                       "--requests plays a file, --generate rows of a dataset",
                       endpoint, types::to_rfc3339(from), types::to_rfc3339(until));
  }
  return logged.finish();
}

}  // namespace slipway::cli
