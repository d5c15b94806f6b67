#include "cli/rules_import.h"

#include <gtest/gtest.h>

namespace slipway::cli {
namespace {

// Also that slipway.yaml takes what is written.
std::string yaml_of(std::string_view text) {
  const ImportedRules imported = MUST(import_rules(text));
  const std::string yaml = imported.dataset.rules_yaml(4);
  const auto read =
      datasets::parse_datasets("datasets:\n  d:\n    path: p\n    event_time: at\n" + yaml);
  EXPECT_TRUE(read) << read.error().message;
  return imported.yaml();
}

std::string suite(std::string_view expectations) {
  return fmt::format(R"({{"name": "s", "expectations": [{}]}})", expectations);
}

TEST(RulesImportTest, WhatIsToHoldMostlyIsCheckedAsAShare) {
  EXPECT_EQ(yaml_of(suite(R"(
{"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "min_value": 0, "mostly": 0.9}},
{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "y", "value_set": ["a"], "mostly": 0.99}},
{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x", "mostly": 0.8}})")),
            R"(# Great Expectations suite s: 3 of 3 are here
columns:
  x: {min: 0}
  "y": {in: [a]}
on_violation: quarantine
checks:
  quarantined_max: 0.01
  missing_max: {x: 0.2}
)");
}

TEST(RulesImportTest, WhatNoRowMayBreakIsNotMadeWeaker) {
  EXPECT_EQ(yaml_of(suite(R"(
{"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "min_value": 0, "mostly": 0.9}},
{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "s", "value_set": ["a", "b"]}},
{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "s", "value_set": ["b", "c"]}})")),
            R"(# Great Expectations suite s: 2 of 3 are here
columns:
  s: {in: [b]}
on_violation: reject
# left out: expect_column_values_to_be_between of x: some rows may break it (mostly), others of the suite none: a dataset has one share of rows that may be put aside
)");
}

TEST(RulesImportTest, OlderSuitesAreRead) {
  EXPECT_EQ(yaml_of(R"({"expectation_suite_name": "old", "expectations": [
{"expectation_type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a b"}},
{"expectation_type": "expect_column_values_to_be_null", "kwargs": {"column": "a b"}},
{"expectation_type": "expect_column_values_to_be_null", "kwargs": {"column": "not"}}]})"),
            R"(# Great Expectations suite old: 1 of 3 are here
columns:
  "a b": {required: true}
on_violation: reject
# left out: expect_column_values_to_be_null of a b: expressions can't name the column a b
# left out: expect_column_values_to_be_null of not: expressions can't name the column not
)");
}

TEST(RulesImportTest, LimitsThatAreNotPartOfARangeAreConditions) {
  EXPECT_EQ(yaml_of(suite(R"(
{"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "min_value": 1, "max_value": 2.5, "strict_max": true}},
{"type": "expect_column_values_to_be_between", "kwargs": {"column": "at", "max_value": "2024-01-01"}},
{"type": "expect_column_values_to_be_between", "kwargs": {"column": "x"}},
{"type": "expect_column_values_to_not_match_regex", "kwargs": {"column": "s", "regex": "it's"}})")),
            R"y(# Great Expectations suite s: 3 of 4 are here
rules:
  x_in_range: "x >= 1 and x < 2.5"
  at_in_range: "at <= timestamp('2024-01-01T00:00:00Z')"
  s_unlike: "not matches(s, 'it''s')"
on_violation: reject
# left out: expect_column_values_to_be_between of x: it has no limit
)y");
}

TEST(RulesImportTest, TimesAreWrittenAsExpressionsReadThem) {
  EXPECT_EQ(yaml_of(R"y(
schema_type: dataframe
columns:
  when: {dtype: "datetime64[ns]", checks: [{min_value: "2020-01-01 00:00:00",
         max_value: "2030-01-01 00:30:00.5", options: {check_name: in_range}}]}
  zoned: {dtype: "datetime64[ns]", checks: {greater_than: "2020-01-01 00:00:00+02:00"}}
  word: {dtype: str, checks: {less_than: "m"}}
  day: {dtype: "datetime64[ns]", checks: {isin: ["2020-01-01"]}}
name: rides)y"),
            R"y(# pandera schema rides: 10 of 12 are here
columns:
  when: {type: timestamp, required: true}
  zoned: {type: timestamp, required: true}
  word: {type: string, required: true}
  day: {type: timestamp, required: true}
rules:
  when_in_range: "when >= timestamp('2020-01-01T00:00:00Z') and when <= timestamp('2030-01-01T00:30:00.500000Z')"
  zoned_in_range: "zoned > timestamp('2019-12-31T22:00:00Z')"
on_violation: reject
# left out: less_than of word: a limit is neither a number nor a time: "m"
# left out: isin of day: a set of values has texts or numbers, no times
)y");
}

TEST(RulesImportTest, WhatCantBeCheckedAsItIsThereIsLeftOut) {
  EXPECT_EQ(yaml_of(suite(R"(
{"type": "expect_column_values_to_be_between", "kwargs": {"min_value": 3}},
{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "id", "value_set": [9007199254740992, -5]}},
{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "id", "value_set": [12345678901234567]}},
{"type": "expect_column_values_to_not_be_in_set", "kwargs": {"column": "id", "value_set": [12345678901234567]}},
{"type": "expect_column_values_to_be_between", "kwargs": {"column": "id", "max_value": 12345678901234567}},
{"type": "expect_column_values_to_be_between", "kwargs": {"column": "at", "min_value": 3, "max_value": "2024-01-01"}},
{"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "at", "value_set": ["2024-01-01"]}},
{"type": "expect_column_values_to_be_of_type", "kwargs": {"column": "at", "type_": "datetime64"}})")),
            R"(# Great Expectations suite s: 2 of 8 are here
columns:
  id: {in: ["9007199254740992", "-5"]}
  at: {in: ["2024-01-01"]}
on_violation: reject
# left out: expect_column_values_to_be_between: it names no column
# left out: expect_column_values_to_be_in_set of id: 12345678901234567 is more than a number here can tell from its neighbours
# left out: expect_column_values_to_not_be_in_set of id: 12345678901234567 is more than a number here can tell from its neighbours
# left out: expect_column_values_to_be_between of id: 12345678901234567 is more than a number here can tell from its neighbours
# left out: expect_column_values_to_be_between of at: one limit is a number and one a time
# left out: expect_column_values_to_be_of_type of at: a set of values has texts or numbers, no times
)");
}

// As pandera 0.20.4 and 0.35.0 write the same schema: checks as a mapping, and beside the type.
TEST(RulesImportTest, EachFormOfPanderasChecksIsRead) {
  const std::string rules = R"y(# pandera schema rides: 11 of 14 are here
columns:
  plate: {type: string, pattern: "^(?:[A-Z]{2}[0-9]+)", required: true}
  seats: {type: int64, min: 1, max: 60, required: true}
  odd: {type: int64, required: true}
rules:
  plate_length: "length(plate) >= 3 and length(plate) <= 8"
on_violation: reject
checks:
  unique: [plate]
# left out: greater_than_or_equal_to of odd: it only warns there
# left out: strict: columns that no rule names may be there, and are told as notes
# left out: index ride: rows have no index: where it is a column of the file, give it rules as one
)y";
  EXPECT_EQ(yaml_of(R"y(
schema_type: dataframe
version: 0.20.4
columns:
  plate:
    {dtype: str, nullable: false, unique: true, coerce: false, required: true, regex: false,
     checks: {str_matches: '[A-Z]{2}[0-9]+', str_length: {min_value: 3, max_value: 8}}}
  seats:
    {dtype: int64, nullable: false, checks: {greater_than_or_equal_to: 0,
     in_range: {min_value: 1, max_value: 60, include_min: true, include_max: null}}}
  odd: {dtype: int64, checks: {greater_than_or_equal_to: {value: 3, raise_warning: true}}}
checks: null
index:
- {dtype: int64, nullable: false, checks: {greater_than_or_equal_to: 0}, name: ride, unique: true}
strict: true
name: rides
ordered: false)y"),
            rules);
  EXPECT_EQ(yaml_of(R"y(
schema_type: dataframe
api: pandas
columns:
  plate: {dtype: 'string[python]', unique: true, str_matches: '[A-Z]{2}[0-9]+',
          str_length: {min_value: 3, max_value: 8, exact_value: null}}
  seats: {dtype: int64, greater_than_or_equal_to: 0,
          in_range: {min_value: 1, max_value: 60, include_min: true, include_max: true}}
  odd: {dtype: int64, greater_than_or_equal_to: {min_value: 3, raise_warning: true}}
index:
- {dtype: int64, name: ride, unique: true, greater_than_or_equal_to: 0}
strict: true
name: rides)y"),
            rules);
}

// The schema of TensorFlow Data Validation, as text and as MessageToJson writes it.
TEST(RulesImportTest, SchemasOfTensorFlowAreRead) {
  const std::string rules = R"y(# TensorFlow Metadata schema: 14 of 21 are here
columns:
  kind: {type: string, in: [bus, car], required: true}
  seats: {type: int64, min: 1, max: 60}
  km: {type: double, min: 0, required: true}
  paid: {type: int64, in: ["0", "1"], required: true}
on_violation: reject
checks:
  rows: {min: 10, change_max: 0.2}
  missing_max: {seats: 0.1}
# left out: skew_comparator of kind: served values are compared one by one: slipway features skew
# left out: disallow_nan of km: NaN is a missing value here: required, missing_max
# left out: feature note: it may be absent, and a column that a rule names may not
# left out: feature tags: a cell holds one value, no lists
# left out: feature old: it isn't checked there: lifecycle_stage DEPRECATED
# left out: sparse_feature pair: it is made of other columns; give those rules
# left out: default_environment: rules hold everywhere
)y";
  EXPECT_EQ(yaml_of(R"y(
# as tfdv.write_schema_text writes it
feature {
  name: "kind"
  type: BYTES
  domain: "kinds"
  presence { min_fraction: 1.0 min_count: 1 }
  skew_comparator { infinity_norm { threshold: 0.01 } }
  shape { dim { size: 1 } }
}
feature {
  name: "seats"
  value_count { min: 1 max: 1 }
  type: INT
  int_domain { min: 1 max: 60 }
  presence { min_fraction: 0.9 min_count: 1 }
}
feature {
  name: "km" type: FLOAT float_domain { min: 0 max: inf disallow_nan: true }
  presence { min_fraction: 1 }
}
feature { name: "paid" type: INT bool_domain { } presence { min_fraction: 1 } }
feature { name: "note" type: BYTES }
feature { name: "tags" type: BYTES value_count { min: 1 } presence { min_count: 1 } }
feature { name: "old" type: INT lifecycle_stage: DEPRECATED }
sparse_feature { name: "pair" index_feature { name: "i" } value_feature { name: "v" } }
string_domain { name: "kinds" value: "bus" value: "car" }
default_environment: "TRAINING"
dataset_constraints {
  min_examples_count: 10
  num_examples_version_comparator { min_fraction_threshold: 0.8 max_fraction_threshold: 1.2 }
})y"),
            rules);
  EXPECT_EQ(yaml_of(R"y({"feature": [
{"name": "kind", "type": "BYTES", "domain": "kinds", "presence": {"minFraction": 1.0, "minCount": "1"},
 "skewComparator": {"infinityNorm": {"threshold": 0.01}}, "shape": {"dim": [{"size": "1"}]}},
{"name": "seats", "type": "INT", "valueCount": {"min": "1", "max": "1"}, "intDomain": {"min": "1", "max": "60"},
 "presence": {"minFraction": 0.9, "minCount": "1"}},
{"name": "km", "type": "FLOAT", "floatDomain": {"min": 0, "max": "Infinity", "disallowNan": true}, "presence": {"minFraction": 1}},
{"name": "paid", "type": "INT", "boolDomain": {}, "presence": {"minFraction": 1}},
{"name": "note", "type": "BYTES"},
{"name": "tags", "type": "BYTES", "valueCount": {"min": "1"}, "presence": {"minCount": "1"}},
{"name": "old", "type": "INT", "lifecycleStage": "DEPRECATED"}],
"sparseFeature": [{"name": "pair"}],
"stringDomain": [{"name": "kinds", "value": ["bus", "car"]}],
"defaultEnvironment": ["TRAINING"],
"datasetConstraints": {"minExamplesCount": "10",
  "numExamplesVersionComparator": {"minFractionThreshold": 0.8, "maxFractionThreshold": 1.2}}})y"),
            rules);
  // A domain that isn't there is no reason to leave out the rest of a feature.
  EXPECT_EQ(yaml_of(R"y(feature { name: "paid" type: INT domain: "none" presence { min_fraction: 1 }
                        bool_domain { } drift_comparator { jensen_shannon_divergence { } } })y"),
            R"y(# TensorFlow Metadata schema: 3 of 5 are here
columns:
  paid: {type: int64, in: ["0", "1"], required: true}
on_violation: reject
# left out: domain of paid: the schema has none called none
# left out: drift_comparator of paid: another distance than of checks.drift_max, which is worth a look
)y");
  const auto refused = import_rules("feature { name: 'a' ]");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("line 1 column 21"), std::string::npos)
      << refused.error().message;
}

TEST(RulesImportTest, OtherFilesAreRefused) {
  for (const char* text : {"", "[]", "{", "expectations: 3", "{\"expectations\": [3]}",
                           "{\"expectations\": [{\"type\": \"x\"}]}", "schema_type: dataframe",
                           "{schema_type: dataframe, columns: {a: 1}}",
                           "{schema_type: dataframe, columns: {a: {checks: 1}}}"}) {
    const auto refused = import_rules(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace slipway::cli
