// What went into a job of batch scoring and came out of it, column by column, and what broke a
// rule: kept as JSON beside each part, so that a job that goes on knows what it had. Values.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include "base/json.h"
#include "base/result.h"

namespace slipway::serving {

// What one column looked like.
struct ColumnSummary {
  std::int64_t rows = 0, missing = 0;
  double sum = 0, low = std::numeric_limits<double>::infinity(),
         high = -std::numeric_limits<double>::infinity();

  void add(double value);
  void add_text(bool is_missing);
  void merge(const ColumnSummary& other);
  JsonObject to_json() const;
  static Result<ColumnSummary> from_json(const JsonObject& object);
};
using Summaries = std::map<std::string, ColumnSummary>;  // "input x", "output y"
JsonObject summaries_json(const Summaries& summaries);

// What broke a rule.
struct Broken {
  std::map<std::string, std::int64_t> rows;    // by what became of them: "reject"
  std::map<std::string, std::int64_t> values;  // "distance max"

  void merge(const Broken& other);
  JsonObject to_json() const;
  static Result<Broken> from_json(const JsonObject& object);
};

}  // namespace slipway::serving
