// Where a step of a compiled pipeline has a value from: written by the compiler into the step's
// file, read when the step runs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "kubeflow/parameter.h"

namespace slipway::kubeflow {

// Of a step with items: whether all of them are meant, or the one with the same number.
enum class OfItems { kNone, kSame, kAll };

struct ValueSource {
  enum class Kind {
    kMissing,
    kConstant,     // `constant`; its texts may have placeholders
    kParameter,    // the run's parameter `name`
    kOutput,       // what `step` has written under `name`
    kItem,         // the item; with `items`, which of them
    kFinalStatus,  // how the task `name` ended, which is `steps`
    kOneOf,        // the one of `alternatives` that is there
  };
  Kind kind = Kind::kMissing;
  Json constant;
  std::string name, step;
  std::vector<std::string> steps;
  std::vector<std::string> members;  // of what is there
  OfItems of_items = OfItems::kNone;
  std::optional<JsonArray> items;
  std::vector<ValueSource> alternatives;
  bool is_plain = false;  // of a parameter: text that stands for itself
  std::string loop;       // while compiling: the loop that `step` or the item is in

  JsonObject to_json() const;
  static Result<ValueSource> from_json(const Json& value, const std::string& place);
};

// The member of `value` at `members`. kInvalidArgument: it has none.
Result<Json> member_of(const Json& value, const std::vector<std::string>& members);

}  // namespace slipway::kubeflow
