// A part of a window's rows that all hold some conditions on inputs, and how well the model does
// there. Plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace slipway::monitor {

// A condition on one input.
struct Predicate {
  enum class Kind { kIs, kRange, kMissing };
  std::string input;
  Kind kind = Kind::kIs;
  std::string value;         // kIs
  double low = 0, high = 0;  // kRange: low < input <= high; infinite: open

  std::string words() const;  // "carrier is UA", "distance > 2000", "seats is missing"
  JsonObject to_json() const;
  static Result<Predicate> from_json(const JsonObject& object);
};

struct Slice {
  std::vector<Predicate> predicates;  // all of them hold
  std::int64_t rows = 0;              // that have a label
  double share = 0;                   // of all such rows
  double inside = 0, outside = 0;     // mean loss of its rows and of all others
  double low = 0, high = 0;           // inside less outside: 95 %
  double p_value = 0;                 // one-sided, Welch's
  double score = 0;                   // SliceLine's, alpha 0.95
  // What the model's own chances say the loss is there; NaN where answers are no chances. As high
  // as `inside`: the rows are hard, and the model knows.
  double expected = 0;
  // In the window before; nothing: it has none, or too few of its rows.
  struct Before {
    std::int64_t rows = 0;
    double inside = 0, outside = 0;
  };
  std::optional<Before> before;

  std::string words() const;  // predicates with "and"
  JsonObject to_json() const;
  static Result<Slice> from_json(const JsonObject& object);
};

// What was found in a window.
struct SliceReport {
  std::string loss;  // "log_loss", "absolute_error" or "wrong_share"; empty: nothing was looked at
  std::int64_t rows = 0;      // that were looked at
  double mean = 0;            // loss of them all
  std::int64_t examined = 0;  // conditions, alone and in pairs, that enough rows hold
  std::vector<Slice> slices;  // the most certain first; none says again what another has said

  JsonObject to_json() const;
  static Result<SliceReport> from_json(const JsonObject& object);
};

}  // namespace slipway::monitor
