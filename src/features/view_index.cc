#include "features/view_index.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "features/window_reader.h"

namespace slipway::features {
namespace {

Result<std::size_t> position(const std::vector<NamedColumn>& columns, const std::string& name,
                             const View& view) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  return base::error(Code::kInvalidArgument, "view {}: the source has no column {}", view.name,
                     name);
}

struct AggregateUse {
  bool is_running;
  ValueType result;
};

// kInvalidArgument: the function has no answer for such values.
Result<AggregateUse> use_of(const Aggregate& aggregate, ValueType input, const View& view) {
  const bool is_number = input == ValueType::kNumber || input == ValueType::kBool;
  switch (aggregate.function) {
    case AggregateFunction::kCount:
      return AggregateUse{true, ValueType::kNumber};
    case AggregateFunction::kMin:
    case AggregateFunction::kMax:
      return AggregateUse{is_number, is_number ? ValueType::kNumber : input};
    case AggregateFunction::kFirst:
    case AggregateFunction::kLast:
    case AggregateFunction::kMode:
      return AggregateUse{false, input};
    case AggregateFunction::kDistinct:
      return AggregateUse{false, ValueType::kNumber};
    case AggregateFunction::kTopK:
      return AggregateUse{false, ValueType::kText};
    case AggregateFunction::kSum:
    case AggregateFunction::kMean:
    case AggregateFunction::kVariance:
    case AggregateFunction::kStddev:
    case AggregateFunction::kQuantile:
      break;
  }
  if (!is_number) {
    return base::error(Code::kInvalidArgument,
                       "view {}, {}: expected a number, got a {}; texts and timestamps have count, "
                       "distinct, first, last, min, max, mode and top_k",
                       view.name, aggregate.name, value_type_name(input));
  }
  const bool is_running = aggregate.function == AggregateFunction::kSum ||
                          aggregate.function == AggregateFunction::kMean;
  return AggregateUse{is_running, ValueType::kNumber};
}

}  // namespace

Result<BoundView> BoundView::bind(const View& view, const Source* source,
                                  const std::vector<NamedColumn>& columns) {
  BoundView bound{.view = view, .names = view.feature_names()};
  for (const std::string& key : view.keys) bound.keys.push_back(TRY(position(columns, key, view)));
  if (source != nullptr && !source->event_time.empty()) {
    for (const std::string& name : {source->event_time, source->arrival_time}) {
      const std::size_t at = TRY(position(columns, name, view));
      if (columns[at].type != ValueType::kTime)
        return base::error(Code::kInvalidArgument, "view {}: {} is no timestamp", view.name, name);
      (name == source->event_time && !bound.event_time ? bound.event_time : bound.arrival_time) =
          at;
    }
    for (const std::string& name : source->deduplication_key)
      bound.deduplication_key.push_back(TRY(position(columns, name, view)));
  }
  const auto parse = [&](const std::string& text, const auto& of) -> Result<Expression> {
    Result<Expression> parsed = Expression::parse(text, columns);
    if (!parsed) {
      return std::move(parsed).error().with_context(
          fmt::format("{}: view {}, {}", of.place, view.name, of.name));
    }
    return parsed;
  };
  for (const ViewColumn& column : view.columns) {
    bound.inputs.push_back(TRY(parse(column.expression, column)));
    bound.types.push_back(bound.inputs.back().type());
    const auto is_it = [&](const NamedColumn& c) { return c.name == column.expression; };
    const auto itself = std::find_if(columns.begin(), columns.end(), is_it);
    bound.are_whole.push_back(itself != columns.end() && itself->is_whole);
  }
  for (const Aggregate& aggregate : view.aggregates) {
    Expression input =
        TRY(parse(aggregate.expression.empty() ? "1" : aggregate.expression, aggregate));
    const AggregateUse use = TRY(use_of(aggregate, input.type(), view));
    (use.is_running ? bound.running : bound.collected).push_back(bound.inputs.size());
    bound.inputs.push_back(std::move(input));
    bound.types.insert(bound.types.end(), view.windows.size(), use.result);
    bound.are_whole.insert(bound.are_whole.end(), view.windows.size(),
                           aggregate.function == AggregateFunction::kCount ||
                               aggregate.function == AggregateFunction::kDistinct);
  }
  return bound;
}

std::vector<std::size_t> BoundView::columns() const {
  std::set<std::size_t> read(keys.begin(), keys.end());
  read.insert(deduplication_key.begin(), deduplication_key.end());
  if (event_time) read.insert({*event_time, *arrival_time});
  for (const Expression& input : inputs) {
    for (const std::size_t column : input.columns()) read.insert(column);
  }
  return {read.begin(), read.end()};
}

std::optional<std::string> key_of(std::span<const Value> row,
                                  std::span<const std::size_t> columns) {
  std::string key;
  for (const std::size_t column : columns) {
    const Value& value = row[column];
    const std::size_t begin = key.size();
    if (const auto* text = std::get_if<std::string>(&value)) {
      key += *text;
    } else if (const auto* number = std::get_if<double>(&value)) {
      key += text_of_number(*number);
    } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      fmt::format_to(std::back_inserter(key), "{}", *whole);
    } else if (const auto* time = std::get_if<types::Timestamp>(&value)) {
      fmt::format_to(std::back_inserter(key), "{}", time->micros);
    } else {
      return std::nullopt;
    }
    // Its length after each cell: whatever a text holds, no two keys are written alike.
    const auto length = static_cast<std::uint32_t>(key.size() - begin);
    key.append(reinterpret_cast<const char*>(&length), sizeof length);
  }
  return key;
}

}  // namespace slipway::features
