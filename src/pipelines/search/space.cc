#include "pipelines/search/space.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/json.h"
#include "pipelines/each.h"
#include "pipelines/json_path.h"
#include "pipelines/names.h"

namespace slipway::pipelines {
namespace {

using types::YamlMap;
using types::YamlNode;

constexpr double kWholeMax = 9007199254740992.0;  // 2^53: up to here doubles have them all
constexpr std::size_t kDimensionsMax = 100;
constexpr std::size_t kChoicesMax = 1000;

Result<bool> is_whole(const YamlNode& node) {
  return TRY(node.text()).find_first_not_of("+-0123456789") == std::string::npos;
}

Result<void> read_choices(const YamlNode& node, Dimension& dimension) {
  dimension.kind = Dimension::Kind::kChoice;
  for (const YamlNode& choice : TRY(node.list())) {
    if (choice.is_list() || choice.is_map() || choice.is_null())
      return choice.error("a choice is a text, a number, true or false: {}", dimension.name);
    std::string json = TRY(as_json(choice));
    if (json.find("\\u0000") != std::string::npos)
      return choice.error("a choice can't hold a NUL byte: {}", dimension.name);
    if (std::find(dimension.choices.begin(), dimension.choices.end(), json) !=
        dimension.choices.end())
      return choice.error("a choice comes twice: {}={}", dimension.name, json);
    dimension.choices.push_back(std::move(json));
  }
  if (dimension.choices.empty() || dimension.choices.size() > kChoicesMax)
    return node.error("{} needs from 1 to {} choices: got={}", dimension.name, kChoicesMax,
                      dimension.choices.size());
  return {};
}

Result<void> read_step(const YamlNode& node, Dimension& dimension) {
  dimension.step = TRY(node.number());
  if (dimension.step <= 0 || dimension.step > dimension.high - dimension.low)
    return node.error("step must be more than 0 and at most high - low: {} step={}", dimension.name,
                      dimension.step);
  if (dimension.kind == Dimension::Kind::kWhole && dimension.step != std::floor(dimension.step))
    return node.error(
        "{} goes in whole numbers, so its step is one (write low as {}.0 for others): step={}",
        dimension.name, dimension.low, dimension.step);
  if (dimension.log) return node.error("a step goes without log: {}", dimension.name);
  return {};
}

Result<void> read_bounds(YamlMap& map, Dimension& dimension) {
  const YamlNode low = TRY(map.get("low"));
  const YamlNode high = TRY(map.get("high"));
  dimension.low = TRY(low.number());
  dimension.high = TRY(high.number());
  if (!(dimension.low < dimension.high))
    return high.error("high must be more than low: {} low={} high={}", dimension.name,
                      dimension.low, dimension.high);
  if (!std::isfinite(dimension.high - dimension.low))
    return high.error("low and high are too far from each other: {}", dimension.name);
  if (TRY(is_whole(low)) && TRY(is_whole(high))) {
    dimension.kind = Dimension::Kind::kWhole;
    dimension.step = 1;
    if (dimension.low < -kWholeMax || dimension.high > kWholeMax)
      return low.error("whole numbers go from -2^53 to 2^53: {}", dimension.name);
  }
  if (const auto log = map.find("log")) dimension.log = TRY(log->boolean());
  if (dimension.log && dimension.low <= 0)
    return low.error("with log, low must be more than 0: {} low={}", dimension.name, dimension.low);
  if (const auto step = map.find("step")) TRY(read_step(*step, dimension));
  return {};
}

Result<Dimension> read_dimension(const std::string& name, const YamlNode& node) {
  Dimension dimension{.name = name};
  TRY(check_name(name, node, "parameter"));
  if (name == "out" || name == "now" || name == "item")
    return node.error("a parameter can't be called '{}': it has a meaning of its own", name);
  if (!node.is_map())
    return node.error("{} is {{low: ..., high: ...}} or {{choices: [...]}}", name);
  YamlMap map = TRY(node.map(name));
  if (const auto choices = map.find("choices")) {
    TRY(read_choices(*choices, dimension));
  } else {
    TRY(read_bounds(map, dimension));
  }
  TRY(map.finish());
  return dimension;
}

std::string text_of(const Dimension& dimension, double value) {
  switch (dimension.kind) {
    case Dimension::Kind::kNumber:
      return fmt::format("{}", value);
    case Dimension::Kind::kWhole:
      return fmt::format("{:.0f}", value);
    case Dimension::Kind::kChoice:
      return dimension.choices[static_cast<std::size_t>(value)];
  }
  return {};
}

Result<double> value_of(const Dimension& dimension, const Json& json) {
  if (dimension.kind == Dimension::Kind::kChoice) {
    const auto found = std::find_if(
        dimension.choices.begin(), dimension.choices.end(),
        [&](const auto& choice) { return base::parse_json(choice).value_or(nullptr) == json; });
    if (found != dimension.choices.end())
      return static_cast<double>(found - dimension.choices.begin());
  } else if (json.is_number()) {
    return json.to_number<double>();
  }
  return base::error(Code::kInvalidArgument, "it has no such value: {}={}", dimension.name,
                     base::to_text(json));
}

}  // namespace

std::uint64_t Dimension::values() const {
  if (kind == Kind::kChoice) return choices.size();
  if (step == 0) return 0;
  return static_cast<std::uint64_t>(std::floor((high - low) / step + 1e-9)) + 1;
}

double Dimension::nearest(double value) const {
  if (kind == Kind::kChoice || step == 0) return std::clamp(value, low, high);
  const double last = static_cast<double>(values() - 1);
  return low + step * std::clamp(std::round((value - low) / step), 0.0, last);
}

Result<Space> read_space(const YamlNode& node) {
  Space space;
  if (!node.is_map())
    return node.error(
        "space has what is searched: NAME: {{low: ..., high: ...}} or {{choices: ...}}");
  for (const auto& [name, dimension] : TRY(node.entries())) {
    if (space.size() == kDimensionsMax)
      return node.error("too many parameters are searched: limit={}", kDimensionsMax);
    space.push_back(TRY(read_dimension(name, dimension)));
  }
  if (space.empty()) return node.error("space has nothing that is searched");
  return space;
}

double random_value(const Dimension& dimension, base::Random& random) {
  const double at = random.uniform();
  if (dimension.kind == Dimension::Kind::kChoice)
    return std::floor(at * static_cast<double>(dimension.choices.size()));
  const double half = dimension.step / 2;  // so that the outermost are as likely as the others
  double low = dimension.low - half;
  double high = dimension.low + half;
  high += dimension.step == 0 ? dimension.high - dimension.low
                              : dimension.step * static_cast<double>(dimension.values() - 1);
  if (dimension.log)
    return dimension.nearest(std::exp(std::log(low) + at * (std::log(high) - std::log(low))));
  return dimension.nearest(low + at * (high - low));
}

std::string digest(const Space& space) {
  JsonArray all;
  for (const Dimension& dimension : space) {
    JsonArray choices;
    for (const std::string& choice : dimension.choices) choices.push_back(Json(choice));
    all.push_back(JsonArray{dimension.name, static_cast<int>(dimension.kind), dimension.low,
                            dimension.high, dimension.step, dimension.log, std::move(choices)});
  }
  return base::sha256_hex(base::to_text(Json(std::move(all)))).substr(0, 16);
}

std::string params_of(const Space& space, const Point& point) {
  std::string out;
  for (std::size_t i = 0; i < space.size(); ++i) {
    out += fmt::format("{}{}:{}", out.empty() ? "" : ",", base::to_text(Json(space[i].name)),
                       text_of(space[i], point[i]));
  }
  return "{" + out + "}";
}

Result<Point> point_of(const Space& space, std::string_view params) {
  const JsonObject object = TRY(base::parse_json_object(params));
  Point point;
  for (const Dimension& dimension : space) {
    const Json* const value = object.if_contains(dimension.name);
    if (value == nullptr)
      return base::error(Code::kInvalidArgument, "it says nothing of {}: {}", dimension.name,
                         params);
    point.push_back(TRY(value_of(dimension, *value)));
  }
  return point;
}

std::map<std::string, std::string> texts_of(const Space& space, const Point& point) {
  std::map<std::string, std::string> texts;
  for (std::size_t i = 0; i < space.size(); ++i) {
    std::string text = text_of(space[i], point[i]);
    if (space[i].kind == Dimension::Kind::kChoice) {
      if (const auto json = base::parse_json(text)) text = scalar_text(*json).value_or(text);
    }
    texts[space[i].name] = std::move(text);
  }
  return texts;
}

}  // namespace slipway::pipelines
