#include "kubeflow/listing.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/hash.h"
#include "kubeflow/fields.h"
#include "types/timestamp.h"

namespace slipway::kubeflow {
namespace {

enum class Operation { kEqual, kUnequal, kMore, kMoreEqual, kLess, kLessEqual, kIn, kSubstring };

// By name and by number, as protocol buffers have both.
constexpr std::array<std::tuple<std::string_view, std::int64_t, Operation>, 8> kOperations = {
    {{"EQUALS", 1, Operation::kEqual},
     {"NOT_EQUALS", 2, Operation::kUnequal},
     {"GREATER_THAN", 3, Operation::kMore},
     {"GREATER_THAN_EQUALS", 5, Operation::kMoreEqual},
     {"LESS_THAN", 6, Operation::kLess},
     {"LESS_THAN_EQUALS", 7, Operation::kLessEqual},
     {"IN", 8, Operation::kIn},
     {"IS_SUBSTRING", 9, Operation::kSubstring}}};
constexpr std::size_t kPredicatesMax = 100;

struct Predicate {
  Operation operation = Operation::kEqual;
  std::string key;
  std::vector<Json> values;
};

struct Order {
  std::string field = "created_at";
  bool is_descending = false;  // as Kubeflow's own server has it
};

// Numbers before texts.
int compare(const Json& a, const Json& b) {
  if (a.is_int64() && b.is_int64())
    return a.get_int64() < b.get_int64() ? -1 : a.get_int64() > b.get_int64() ? 1 : 0;
  if (a.is_string() && b.is_string()) {
    const int order = std::string_view(a.get_string()).compare(b.get_string());
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  return a.is_int64() ? -1 : b.is_int64() ? 1 : 0;
}

bool holds(const Predicate& predicate, const Json& value) {
  const auto order = [&] { return compare(value, predicate.values.front()); };
  switch (predicate.operation) {
    case Operation::kEqual:
      return order() == 0;
    case Operation::kUnequal:
      return order() != 0;
    case Operation::kMore:
      return order() > 0;
    case Operation::kMoreEqual:
      return order() >= 0;
    case Operation::kLess:
      return order() < 0;
    case Operation::kLessEqual:
      return order() <= 0;
    case Operation::kIn:
      return std::any_of(predicate.values.begin(), predicate.values.end(),
                         [&](const Json& one) { return compare(value, one) == 0; });
    case Operation::kSubstring: {
      const Json& part = predicate.values.front();
      return value.is_string() && part.is_string() &&
             std::string_view(value.get_string()).find(std::string_view(part.get_string())) !=
                 std::string_view::npos;
    }
  }
  return false;
}

Result<Json> read_time(const Json& value) {
  if (!value.is_string())
    return base::error(Code::kInvalidArgument,
                       "a time in a filter is text, as 2026-01-31T00:00:00Z");
  const base::Timestamp time = TRY(types::parse_rfc3339(std::string_view(value.get_string())));
  return Json(time.micros);
}

Result<Json> read_number(const Json& value) {
  if (value.is_int64()) return value;
  std::int64_t number = 0;
  if (value.is_string()) {
    const std::string_view text = value.get_string();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return Json(number);
  }
  return base::error(Code::kInvalidArgument, "a number in a filter is a whole one: {}",
                     base::to_text(value));
}

Result<void> read_values(Fields& fields, Predicate& predicate) {
  for (const char* const key : {"string_value", "stringValue"}) {
    if (fields.find(key) != nullptr) predicate.values.emplace_back(TRY(fields.text(key)));
  }
  for (const char* const key : {"int_value", "intValue", "long_value", "longValue"}) {
    if (const Json* const value = fields.find(key))
      predicate.values.push_back(TRY(read_number(*value)));
  }
  for (const char* const key : {"timestamp_value", "timestampValue"}) {
    if (const Json* const value = fields.find(key))
      predicate.values.push_back(TRY(read_time(*value)));
  }
  for (const char* const key :
       {"string_values", "stringValues", "int_values", "intValues", "long_values", "longValues"}) {
    auto list = TRY(fields.find_object(key));
    if (!list) continue;
    const Json* const values = TRY(list->get("values"));
    if (!values->is_array()) return list->error("values must be a list");
    const bool is_text = std::string_view(key).starts_with("string");
    for (const Json& value : values->get_array()) {
      if (is_text && !value.is_string()) return list->error("values must be texts");
      predicate.values.push_back(is_text ? value : TRY(read_number(value)));
    }
    TRY(list->finish());
  }
  return {};
}

Result<Predicate> read_predicate(const Json& value, const std::vector<std::string>& known) {
  Fields fields = TRY(Fields::of(value, "filter"));
  Predicate predicate;
  const Json* const operation = TRY(fields.get("operation"));
  const auto found = std::find_if(kOperations.begin(), kOperations.end(), [&](const auto& one) {
    const auto& [name, number, meant] = one;
    return operation->is_string() ? std::string_view(operation->get_string()) == name
                                  : operation->is_int64() && operation->get_int64() == number;
  });
  if (found == kOperations.end())
    return fields.error("no such operation: {}", base::to_text(*operation));
  predicate.operation = std::get<2>(*found);
  predicate.key = TRY(fields.text("key"));
  if (std::find(known.begin(), known.end(), predicate.key) == known.end())
    return fields.error("no such field: {} known={}", predicate.key, fmt::join(known, ","));
  TRY(read_values(fields, predicate));
  TRY(fields.finish());
  const bool is_list = predicate.operation == Operation::kIn;
  if (predicate.values.empty() || (!is_list && predicate.values.size() != 1))
    return fields.error("a predicate compares with {}: key={}",
                        is_list ? "a list of values" : "exactly one value", predicate.key);
  return predicate;
}

Result<std::vector<Predicate>> read_filter(const std::string& text,
                                           const std::vector<std::string>& known) {
  std::vector<Predicate> predicates;
  if (text.empty()) return predicates;
  const Json filter = TRY(base::parse_json(text));
  Fields fields = TRY(Fields::of(filter, "filter"));
  if (const Json* const list = fields.find("predicates")) {
    if (!list->is_array() || list->get_array().size() > kPredicatesMax)
      return fields.error("predicates must be a list of at most {}", kPredicatesMax);
    for (const Json& one : list->get_array()) predicates.push_back(TRY(read_predicate(one, known)));
  }
  TRY(fields.finish());
  return predicates;
}

Result<Order> read_order(const std::string& text, const std::vector<std::string>& known) {
  Order order;
  if (text.empty()) return order;
  const std::size_t space = text.find(' ');
  order.field = text.substr(0, space);
  const std::string direction = space == std::string::npos ? "asc" : text.substr(space + 1);
  if (direction != "asc" && direction != "desc" && direction != "ASC" && direction != "DESC")
    return base::error(Code::kInvalidArgument, "sort_by is a field, and asc or desc: got={}", text);
  order.is_descending = direction == "desc" || direction == "DESC";
  if (std::find(known.begin(), known.end(), order.field) == known.end())
    return base::error(Code::kInvalidArgument, "sort_by names no field: {} known={}", order.field,
                       fmt::join(known, ","));
  return order;
}

// Where a page ends: what comes next is behind it, whatever has been added meanwhile.
struct Token {
  Json value;
  std::string id, sort_by, filter;
};

std::string text_of_token(const Token& token) {
  return base::to_base64(base::to_text(JsonObject{{"value", token.value},
                                                  {"id", token.id},
                                                  {"sort_by", token.sort_by},
                                                  {"filter", token.filter}}));
}

Result<std::optional<Token>> read_token(const ListQuery& query) {
  if (query.page_token.empty()) return std::optional<Token>();
  const auto broken =
      base::error(Code::kInvalidArgument, "page_token is none of this list: {}", query.page_token);
  const auto text = base::from_base64(query.page_token);
  if (!text) return broken;
  const auto object = base::parse_json_object(*text);
  if (!object) return broken;
  const auto id = base::get_string(*object, "id");
  const auto sort_by = base::get_string(*object, "sort_by");
  const auto filter = base::get_string(*object, "filter");
  const Json* const value = object->if_contains("value");
  if (!id || !sort_by || !filter || value == nullptr) return broken;
  Token token{.value = *value, .id = *id, .sort_by = *sort_by, .filter = *filter};
  if ((!query.sort_by.empty() && query.sort_by != token.sort_by) ||
      (!query.filter.empty() && query.filter != token.filter))
    return base::error(Code::kInvalidArgument,
                       "page_token is of a list with another sort_by or filter");
  return std::optional(std::move(token));
}

}  // namespace

Result<ListPage> select(const std::vector<Listed>& things, const std::vector<std::string>& fields,
                        const ListQuery& query) {
  const auto token = TRY(read_token(query));
  const std::string& sort_by = token ? token->sort_by : query.sort_by;
  const std::string& filter = token ? token->filter : query.filter;
  const Order order = TRY(read_order(sort_by, fields));
  const auto predicates = TRY(read_filter(filter, fields));
  if (query.page_size < 0)
    return base::error(Code::kInvalidArgument, "page_size can't be negative: got={}",
                       query.page_size);
  const auto size = static_cast<std::size_t>(
      query.page_size == 0 ? kPageSize : std::min(query.page_size, kPageSizeMax));
  ListPage page;
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < things.size(); ++i) {
    const auto matches = [&](const Predicate& predicate) {
      return holds(predicate, things[i].fields.at(predicate.key));
    };
    if (std::all_of(predicates.begin(), predicates.end(), matches)) found.push_back(i);
  }
  page.total = found.size();
  const auto comes_before = [&](const Json& a, std::string_view a_id, const Json& b,
                                std::string_view b_id) {
    const int by_value = compare(a, b);
    if (by_value != 0) return order.is_descending ? by_value > 0 : by_value < 0;
    return order.is_descending ? a_id > b_id : a_id < b_id;
  };
  std::sort(found.begin(), found.end(), [&](std::size_t a, std::size_t b) {
    return comes_before(things[a].fields.at(order.field), things[a].id,
                        things[b].fields.at(order.field), things[b].id);
  });
  for (const std::size_t position : found) {
    const Json& value = things[position].fields.at(order.field);
    if (token && !comes_before(token->value, token->id, value, things[position].id)) continue;
    if (page.positions.size() == size) {
      const Listed& last = things[page.positions.back()];
      page.next_page_token = text_of_token({.value = last.fields.at(order.field),
                                            .id = last.id,
                                            .sort_by = sort_by,
                                            .filter = filter});
      break;
    }
    page.positions.push_back(position);
  }
  return page;
}

}  // namespace slipway::kubeflow
