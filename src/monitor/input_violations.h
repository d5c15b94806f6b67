// Which rules of its inputs the rows of an endpoint broke, as the request log has it.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "types/frame.h"

namespace slipway::monitor {

struct InputViolations {
  std::int64_t rows = 0;  // that were checked, those kept apart included
  std::int64_t rejected = 0, quarantined = 0, flagged = 0;
  std::map<std::string, std::map<std::string, std::int64_t>> columns;  // rows by column and rule

  // Of the live rows; a request id counts once. Rows of other traffic don't count, nor those that
  // no rule was there for.
  static InputViolations of(const types::Frame& log);

  double rate() const;  // share of the rows that broke a rule; NaN: none was checked
  std::int64_t rows_of(const std::string& column) const;  // that broke one of its rules, at most

  JsonObject to_json() const;
  static Result<InputViolations> from_json(const JsonObject& object);
};

}  // namespace slipway::monitor
