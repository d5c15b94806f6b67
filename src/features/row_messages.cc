#include "features/row_messages.h"

#include <algorithm>

namespace slipway::features {
namespace {

// The column that a message's place goes to when it doesn't say what tells its row apart.
const NamedColumn* place_column(const FeatureStore::SourceShape& shape) {
  if (shape.keys.size() != 1) return nullptr;
  const NamedColumn& key = shape.columns[shape.keys[0]];
  return key.type == ValueType::kText ? &key : nullptr;
}

bool lacks(const JsonObject& row, const std::string& column) {
  const Json* const cell = row.if_contains(column);
  return cell == nullptr || cell->is_null();
}

Result<JsonObject> row_of(const RowMessage& message, const FeatureStore::SourceShape& shape,
                          const std::string& event_time, const std::string& place) {
  Json parsed = TRY(base::parse_json(message.value));
  if (!parsed.is_object())
    return base::error(Code::kInvalidArgument, "expected a JSON object with the source's columns");
  JsonObject row;
  for (const NamedColumn& column : shape.columns) {
    if (Json* const cell = parsed.get_object().if_contains(column.name))
      row[column.name] = std::move(*cell);
  }
  if (row.empty())
    return base::error(Code::kInvalidArgument, "the message has none of the source's columns");
  if (!event_time.empty() && lacks(row, event_time))
    row[event_time] = types::to_rfc3339(message.time);
  if (const NamedColumn* const key = place_column(shape); key != nullptr && lacks(row, key->name))
    row[key->name] = place;
  return row;
}

class Pusher {
 public:
  Pusher(FeatureStore& features, const std::string& source, const std::string& stream,
         std::int64_t partition)
      : features_(features), source_(source), position_{.stream = stream, .partition = partition} {}

  void add(JsonObject row, std::int64_t offset, Result<void>& result) {
    waiting_.push_back({std::move(row), offset, &result});
  }
  Result<void> push_all() { return push(waiting_); }

 private:
  struct Waiting {
    JsonObject row;
    std::int64_t offset;
    Result<void>* result;
  };

  // Where rows are refused, halves are pushed, down to the row that is to blame.
  Result<void> push(std::span<const Waiting> some) {
    if (some.empty()) return {};
    JsonArray rows;
    position_.offsets.clear();
    for (const Waiting& each : some) {
      rows.push_back(each.row);
      position_.offsets.push_back(each.offset);
    }
    const Result<std::int64_t> pushed = features_.push(source_, rows, position_);
    if (pushed) return {};
    if (pushed.error().code != Code::kInvalidArgument) return pushed.error();
    if (some.size() == 1) {
      *some.front().result = pushed.error();
      return {};
    }
    TRY(push(some.first(some.size() / 2)));
    return push(some.subspan(some.size() / 2));
  }

  FeatureStore& features_;
  const std::string& source_;
  StreamPosition position_;
  std::vector<Waiting> waiting_;
};

}  // namespace

Result<std::vector<Result<void>>> push_messages(FeatureStore& features, const std::string& source,
                                                const std::string& stream, std::int64_t partition,
                                                std::span<const RowMessage> messages) {
  const FeatureStore::SourceShape shape = TRY(features.source_shape(source));
  const std::shared_ptr<const Definitions> definitions = features.definitions();
  const Source* const declared = definitions->find_source(source);
  const std::string event_time = declared == nullptr ? std::string() : declared->event_time;
  std::vector<Result<void>> results(messages.size());
  Pusher pusher(features, source, stream, partition);
  const std::string topic = stream.substr(stream.find_last_of('/') + 1);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    Result<JsonObject> row = row_of(messages[i], shape, event_time,
                                    fmt::format("{}-{}-{}", topic, partition, messages[i].offset));
    if (row) {
      pusher.add(std::move(*row), messages[i].offset, results[i]);
    } else {
      results[i] = Error(base::error(Code::kInvalidArgument, "{}", row.error().message));
    }
  }
  TRY(pusher.push_all());
  return results;
}

}  // namespace slipway::features
