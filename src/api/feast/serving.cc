#include "api/feast/serving.h"

#include <cmath>

#include "api/feast/online_answer.h"
#include "api/feast/serving.pb.h"
#include "api/feast/writes.h"
#include "base/check.h"

namespace slipway::api::feast {
namespace {

namespace wire = slipway::feast;
using features::FeatureStore;
using features::Value;
using features::ValueType;

constexpr std::int64_t kMicros = 1'000'000;

template <typename Message>
Result<Message> read(std::string_view bytes) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return base::error(Code::kInvalidArgument, "the request is no {}", message.GetTypeName());
  return message;
}

// What pandas sends for a missing number.
Json json_of(double number) { return std::isnan(number) ? Json(nullptr) : Json(number); }

// As JSON has it, which is what cells are read from.
Result<Json> json_of(const wire::Value& value, std::string_view column) {
  switch (value.val_case()) {
    case wire::Value::kStringVal:
      return Json(value.string_val());
    case wire::Value::kInt32Val:
      return Json(value.int32_val());
    case wire::Value::kInt64Val:
      return Json(value.int64_val());
    case wire::Value::kDoubleVal:
      return json_of(value.double_val());
    case wire::Value::kFloatVal:
      return json_of(static_cast<double>(value.float_val()));
    case wire::Value::kBoolVal:
      return Json(value.bool_val());
    case wire::Value::kUnixTimestampVal:
      return Json(value.unix_timestamp_val());
    case wire::Value::kNullVal:
      return Json(nullptr);
    case wire::Value::kBytesVal:
      break;
    case wire::Value::VAL_NOT_SET:
      if (value.GetReflection()->GetUnknownFields(value).empty()) return Json(nullptr);
  }
  return base::error(Code::kInvalidArgument,
                     "{}: bytes, lists and maps are no values of features here", column);
}

std::int64_t seconds_of(types::Timestamp time) {
  return time.micros / kMicros - (time.micros % kMicros < 0 ? 1 : 0);
}

void write_value(const Value& value, ValueType type, bool is_whole, wire::Value& out) {
  if (const auto* number = std::get_if<double>(&value)) {
    if (type == ValueType::kBool) {
      out.set_bool_val(*number != 0);
    } else if (is_whole && features::whole_of(*number)) {
      out.set_int64_val(*features::whole_of(*number));
    } else {
      out.set_double_val(*number);
    }
  } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    out.set_int64_val(*whole);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    out.set_string_val(*text);
  } else if (const auto* time = std::get_if<types::Timestamp>(&value)) {
    out.set_unix_timestamp_val(seconds_of(*time));
  }
}

void write_time(std::optional<types::Timestamp> time, google::protobuf::Timestamp& out) {
  if (!time) return;
  out.set_seconds(seconds_of(*time));
  out.set_nanos(static_cast<std::int32_t>((time->micros - out.seconds() * kMicros) * 1'000));
}

Result<OnlineRequest> online_request(const wire::GetOnlineFeaturesRequest& asked) {
  OnlineRequest request{.full_feature_names = asked.full_feature_names(),
                        .names_views = asked.include_feature_view_version_metadata()};
  if (asked.has_feature_service()) request.feature_service = asked.feature_service();
  request.features.assign(asked.features().val().begin(), asked.features().val().end());
  for (const auto* columns : {&asked.entities(), &asked.request_context()}) {
    for (const auto& [name, values] : *columns) {
      JsonArray cells;
      for (const wire::Value& value : values.val()) cells.push_back(TRY(json_of(value, name)));
      if (!request.entities.empty() && cells.size() != request.rows) {
        return base::error(Code::kInvalidArgument,
                           "All entity rows must have the same columns: {} has {} values, others "
                           "{}",
                           name, cells.size(), request.rows);
      }
      request.rows = cells.size();
      request.entities[name] = std::move(cells);
    }
  }
  return request;
}

Result<std::string> get_online_features(const FeatureStore& store, std::size_t values_max,
                                        std::string_view bytes) {
  const auto asked = TRY(read<wire::GetOnlineFeaturesRequest>(bytes));
  const OnlineRequest request = TRY(online_request(asked));
  const std::vector<WantedView> wanted = TRY(find_wanted(store, request));
  const std::vector<ViewAnswer> answers = TRY(read_views(store, request, wanted, values_max));
  wire::GetOnlineFeaturesResponse response;
  response.set_status(true);
  auto& names = *response.mutable_metadata()->mutable_feature_names();
  for (const AnswerColumn& column : answer_columns(request, wanted, answers)) {
    names.add_val(std::string(column.name));
    wire::FeatureVector& out = *response.add_results();
    for (std::size_t row = 0; row < request.rows; ++row) {
      write_value(column.value(row), column.shape.type, column.shape.is_whole, *out.add_values());
      wire::FieldStatus status = wire::INVALID_STATUS;
      CHECK(wire::FieldStatus_Parse(std::string(column.status(row)), &status));
      out.add_statuses(status);
      write_time(column.event_time(row), *out.add_event_timestamps());
    }
  }
  if (request.names_views) {
    for (const WantedView& view : wanted)
      response.mutable_metadata()->add_feature_view_metadata()->set_name(view.name);
  }
  return response.SerializeAsString();
}

// One row, as a frame of columns.
template <typename Message>
Result<JsonObject> frame_of(const Message& written) {
  if (!written.features().empty() && !written.typed_features().empty()) {
    return base::error(Code::kInvalidArgument,
                       "Only one of features or typed_features may be set, not both");
  }
  JsonObject frame;
  for (const auto& [name, text] : written.features()) frame[name] = JsonArray{Json(text)};
  for (const auto& [name, value] : written.typed_features())
    frame[name] = JsonArray{TRY(json_of(value, name))};
  return frame;
}

std::string written() {
  wire::WriteResponse response;
  response.set_status(true);
  return response.SerializeAsString();
}

Result<std::string> push(FeatureStore& store, std::string_view bytes) {
  const auto request = TRY(read<wire::PushRequest>(bytes));
  const JsonObject frame = TRY(frame_of(request));
  Result<void> pushed = push_frame(store, request.stream_feature_view(), request.to(), frame);
  if (!pushed && pushed.error().code == Code::kNotFound)
    return base::error(Code::kInvalidArgument, "{}", pushed.error().message);
  TRY(std::move(pushed));
  return written();
}

Result<std::string> write_to_online_store(FeatureStore& store, std::string_view bytes) {
  const auto request = TRY(read<wire::WriteToOnlineStoreRequest>(bytes));
  TRY(write_frame(store, request.feature_view_name(), TRY(frame_of(request))));
  return written();
}

}  // namespace

std::optional<Result<std::string>> Serving::call(std::string_view service, std::string_view method,
                                                 std::string_view request) const {
  if (service != kFeatureServer && service != kServingService) return std::nullopt;
  if (method == "GetOnlineFeatures") return get_online_features(features_, values_max_, request);
  if (service == kServingService && method == "GetFeastServingInfo") {
    wire::GetFeastServingInfoResponse response;
    response.set_version(version_);
    return response.SerializeAsString();
  }
  if (service == kFeatureServer && method == "Push") return push(features_, request);
  if (service == kFeatureServer && method == "WriteToOnlineStore")
    return write_to_online_store(features_, request);
  return std::nullopt;
}

}  // namespace slipway::api::feast
