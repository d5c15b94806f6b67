// Rules of rows that others wrote, as ours: suites of Great Expectations (0.x and 1.x, JSON),
// schemas of pandera (YAML or JSON, as to_yaml() and to_json() write them), and schemas of
// TensorFlow Metadata, which TensorFlow Data Validation has (text format or JSON).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "datasets/definition.h"

namespace slipway::cli {

struct ImportedRules {
  std::string from;                     // "Great Expectations suite rides"
  datasets::DatasetDefinition dataset;  // without a place
  std::size_t taken = 0;                // expectations or checks
  std::vector<std::string> left_out;    // what has no equal here, and why

  std::string yaml() const;  // the part of a dataset in slipway.yaml, with remarks
};

// What a value that breaks an expectation does there, it does here: nothing is taken in. Where an
// expectation is to hold `mostly`, rows are put aside, and their share is checked. Pure.
// kInvalidArgument: none of them, with the place where the text is no YAML.
Result<ImportedRules> import_rules(std::string_view text);

}  // namespace slipway::cli
