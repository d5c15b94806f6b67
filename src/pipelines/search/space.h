// What a search may choose from: numbers between bounds, and choices. Pure.
//
//   learning_rate: {low: 1e-4, high: 0.3, log: true}    bounds with a point or an exponent: numbers
//   depth: {low: 2, high: 10}                           both whole: whole numbers
//   share: {low: 0, high: 1.0, step: 0.25}              0, 0.25, 0.5, 0.75, 1
//   kind: {choices: [linear, tree]}
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "types/yaml_reader.h"

namespace slipway::pipelines {

struct Dimension {
  enum class Kind : std::uint8_t { kNumber, kWhole, kChoice };
  std::string name;
  Kind kind = Kind::kNumber;
  double low = 0, high = 0;
  double step = 0;                   // from `low` on; 0: any number. Of whole numbers at least 1
  bool log = false;                  // what counts is the ratio of values, not their difference
  std::vector<std::string> choices;  // JSON: texts, numbers, truth values

  // How many values there are; 0: more than can be counted.
  std::uint64_t values() const;
  // The nearest value that is allowed.
  double nearest(double value) const;
  bool operator==(const Dimension&) const = default;
};

using Space = std::vector<Dimension>;  // as written
// A value for each dimension, of a choice its position.
using Point = std::vector<double>;

// kInvalidArgument with line and column.
Result<Space> read_space(const types::YamlNode& node);

// Each value as likely as any other; with `log`, each ratio.
double random_value(const Dimension& dimension, base::Random& random);

// Equal spaces have the same, others another.
std::string digest(const Space& space);

// {"learning_rate":0.01,"kind":"tree"}, in the order written; numbers read back as they were.
std::string params_of(const Space& space, const Point& point);
// kInvalidArgument: not such a text.
Result<Point> point_of(const Space& space, std::string_view params);
// What the names stand for in a command: texts as they are, without quotes.
std::map<std::string, std::string> texts_of(const Space& space, const Point& point);

}  // namespace slipway::pipelines
