#include "cli/rules_import.h"

#include <algorithm>
#include <map>
#include <set>

#include "cli/rules_builder.h"
#include "cli/rules_tensorflow.h"
#include "types/text_format.h"
#include "types/yaml_json.h"

namespace slipway::cli {
namespace {

// Whether each row must hold it, or `mostly` each.
bool is_of_rows(std::string_view type) {
  if (type == "expect_column_values_to_not_be_null" || type == "expect_column_values_to_be_unique")
    return false;
  return type.starts_with("expect_column_values_") ||
         type.starts_with("expect_column_value_lengths_") ||
         type.starts_with("expect_column_pair_values_");
}

bool is_broken_by_none(std::string_view type, const JsonObject& of) {
  return is_of_rows(type) && number_at(of, "mostly").value_or(1) >= 1;
}

// One expectation: https://greatexpectations.io/expectations. `is_strict`: the suite has others
// that no row may break.
Builder::Why expect(Builder& builder, const std::string& type, const JsonObject& of,
                    bool is_strict) {
  const std::string column = text_at(of, "column"), a = text_at(of, "column_A"),
                    b = text_at(of, "column_B");
  const auto mostly = number_at(of, "mostly");
  const Json *low = of.if_contains("min_value"), *high = of.if_contains("max_value");
  if (is_true_at(of, "row_condition") || !text_at(of, "row_condition").empty())
    return "it is of some rows only (row_condition)";
  if (column.empty() && type.starts_with("expect_column_") &&
      !type.starts_with("expect_column_pair_"))
    return "it names no column";
  if (type == "expect_column_to_exist") {
    builder.column(column);
    return {};
  }
  if (type == "expect_column_values_to_not_be_null") {
    builder.missing_at_most(column, 1 - mostly.value_or(1));
    return {};
  }
  if (type == "expect_column_proportion_of_non_null_values_to_be_between") {
    const auto least = number_at(of, "min_value");
    if (!least) return "it has no lower limit";
    builder.missing_at_most(column, 1 - *least);
    return {};
  }
  if (type == "expect_column_values_to_be_unique") return builder.unique({column});
  if (type == "expect_compound_columns_to_be_unique")
    return builder.unique(texts_at(of, "column_list"));
  if (type == "expect_table_row_count_to_be_between" || type == "expect_table_row_count_to_equal") {
    const bool is_exact = type.ends_with("equal");
    const auto least = number_at(of, is_exact ? "value" : "min_value"),
               most = number_at(of, is_exact ? "value" : "max_value");
    if (!least && !most) return "it has no limit";
    if (least) builder.checks().rows_min = static_cast<std::int64_t>(*least);
    if (most) builder.checks().rows_max = static_cast<std::int64_t>(*most);
    return {};
  }
  if (type == "expect_column_max_to_be_between") {
    if (low != nullptr && !low->is_null()) return "how large the largest must be at least";
    return builder.range(column, nullptr, high, false, is_true_at(of, "strict_max"));
  }
  if (type == "expect_column_min_to_be_between") {
    if (high != nullptr && !high->is_null()) return "how small the smallest must be at least";
    return builder.range(column, low, nullptr, is_true_at(of, "strict_min"), false);
  }
  const bool may_be_broken = is_of_rows(type) && mostly && *mostly < 1;
  if (may_be_broken && is_strict)
    return "some rows may break it (mostly), others of the suite none: a dataset has one share of "
           "rows that may be put aside";
  Builder::Why why = "there is no such rule here";
  if (type == "expect_column_values_to_be_between") {
    why = builder.range(column, low, high, is_true_at(of, "strict_min"),
                        is_true_at(of, "strict_max"));
  } else if (type == "expect_column_values_to_be_in_set") {
    why = builder.one_of(column, of.if_contains("value_set"));
  } else if (type == "expect_column_values_to_not_be_in_set") {
    why = builder.none_of(column, of.if_contains("value_set"));
  } else if (type == "expect_column_values_to_match_regex") {
    why = builder.like(column, text_at(of, "regex"));
  } else if (type == "expect_column_values_to_not_match_regex") {
    why = builder.rule(column + "_unlike", {column},
                       fmt::format("not matches({}, {})", column, literal(text_at(of, "regex"))));
  } else if (type == "expect_column_value_lengths_to_be_between") {
    why = builder.length(column, number_at(of, "min_value"), number_at(of, "max_value"));
  } else if (type == "expect_column_value_lengths_to_equal") {
    why = builder.length(column, number_at(of, "value"), number_at(of, "value"));
  } else if (type == "expect_column_values_to_be_of_type") {
    why = builder.type(column, {text_at(of, "type_")});
  } else if (type == "expect_column_values_to_be_in_type_list") {
    why = builder.type(column, texts_at(of, "type_list"));
  } else if (type == "expect_column_values_to_be_null") {
    why = builder.rule(column + "_missing", {column}, fmt::format("is_null({})", column));
  } else if (type == "expect_column_pair_values_a_to_be_greater_than_b") {
    const bool or_equal = is_true_at(of, "or_equal");
    why = builder.rule(fmt::format("{}_{}_{}", a, or_equal ? "from" : "over", b), {a, b},
                       fmt::format("{} {} {}", a, or_equal ? ">=" : ">", b));
  } else if (type == "expect_column_pair_values_to_be_equal") {
    why = builder.rule(fmt::format("{}_is_{}", a, b), {a, b}, fmt::format("{} = {}", a, b));
  }
  if (!why && may_be_broken) builder.may_break(1 - *mostly);
  return why;
}

Result<ImportedRules> import_suite(const JsonObject& suite) {
  Builder builder;
  const std::string name = text_at(suite, "name");
  builder.rules().from =
      fmt::format("Great Expectations suite {}",
                  name.empty() ? text_at(suite, "expectation_suite_name") : name);
  struct Expectation {
    std::string type;
    const JsonObject* of;
  };
  std::vector<Expectation> expectations;
  for (const Json& item : suite.at("expectations").as_array()) {
    if (!item.is_object())
      return base::error(Code::kInvalidArgument, "expectations: one is no object");
    const JsonObject& expectation = item.get_object();
    std::string type = text_at(expectation, "type");
    if (type.empty()) type = text_at(expectation, "expectation_type");
    const Json* of = expectation.if_contains("kwargs");
    if (type.empty() || of == nullptr || !of->is_object())
      return base::error(Code::kInvalidArgument, "expectations: one has no type or no kwargs: {}",
                         base::to_text(item));
    expectations.push_back({std::move(type), &of->get_object()});
  }
  const bool is_strict = std::ranges::any_of(
      expectations, [](const Expectation& one) { return is_broken_by_none(one.type, *one.of); });
  for (const auto& [type, of] : expectations) {
    const std::string column = text_at(*of, "column");
    builder.tell(column.empty() ? type : fmt::format("{} of {}", type, column),
                 expect(builder, type, *of, is_strict));
  }
  return std::move(builder.rules());
}

// One check: pandera.Check's methods. `given` is its argument, or its arguments by name.
Builder::Why check(Builder& builder, const std::string& column, const std::string& name,
                   const Json& given) {
  const JsonObject of = given.is_object() ? given.get_object() : JsonObject{{"value", given}};
  if (is_true_at(of, "raise_warning")) return "it only warns there";
  const auto argument = [&](std::string_view called) -> const Json* {
    const Json* value = of.if_contains("value");
    return value != nullptr ? value : of.if_contains(called);
  };
  const auto text = [](const Json* value) {
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
  };
  const Json *low = of.if_contains("min_value"), *high = of.if_contains("max_value");
  if (name == "greater_than" || name == "greater_than_or_equal_to")
    return builder.range(column, argument("min_value"), nullptr, name == "greater_than", false);
  if (name == "less_than" || name == "less_than_or_equal_to")
    return builder.range(column, nullptr, argument("max_value"), false, name == "less_than");
  if (name == "in_range" || name == "between") {
    const auto leaves_out = [&](std::string_view which) {
      const Json* is_in = of.if_contains(which);
      return is_in != nullptr && *is_in == Json(false);
    };
    return builder.range(column, low, high, leaves_out("include_min"), leaves_out("include_max"));
  }
  if (name == "isin") return builder.one_of(column, argument("allowed_values"));
  if (name == "notin") return builder.none_of(column, argument("forbidden_values"));
  if (const Json* value = argument("value"); value != nullptr) {
    const Json alone(JsonArray{*value});
    if (name == "equal_to") return builder.one_of(column, &alone);
    if (name == "not_equal_to") return builder.none_of(column, &alone);
  }
  if (name == "str_matches") return builder.like(column, "^(?:" + text(argument("pattern")) + ")");
  if (name == "str_contains") return builder.like(column, text(argument("pattern")));
  if (name == "str_startswith")
    return builder.rule(
        column + "_starts", {column},
        fmt::format("starts_with({}, {})", column, literal(text(argument("string")))));
  if (name == "str_endswith")
    return builder.rule(
        column + "_ends", {column},
        fmt::format("ends_with({}, {})", column, literal(text(argument("string")))));
  if (name == "str_length") {
    const auto exact = number_at(of, "exact_value");
    return builder.length(column, exact ? exact : number_at(of, "min_value"),
                          exact ? exact : number_at(of, "max_value"));
  }
  return "there is no such rule here";
}

// Checks by name with what they are given: a list with options (as pandera 0.27 writes), a mapping
// (0.20), or members of the column itself (0.35).
Result<JsonArray> checks_of(const std::string& column, const JsonObject& of) {
  static const std::set<std::string_view> kAbout = {"checks",
                                                    "coerce",
                                                    "default",
                                                    "description",
                                                    "drop_invalid_rows",
                                                    "dtype",
                                                    "metadata",
                                                    "name",
                                                    "nullable",
                                                    "parsers",
                                                    "regex",
                                                    "required",
                                                    "title",
                                                    "unique",
                                                    "properties",
                                                    "report_duplicates",
                                                    "api"};
  JsonArray found;
  const auto add = [&](std::string_view name, const Json& given) {
    found.push_back(JsonArray{Json(name), given});
  };
  for (const auto& [key, value] : of) {
    if (!kAbout.contains(key)) add(key, value);
  }
  const Json* checks = of.if_contains("checks");
  if (checks == nullptr || checks->is_null()) return found;
  if (checks->is_object()) {
    for (const auto& [name, given] : checks->get_object()) add(name, given);
    return found;
  }
  if (!checks->is_array())
    return base::error(Code::kInvalidArgument, "checks are no list and no mapping: column={}",
                       column);
  for (const Json& one : checks->get_array()) {
    if (!one.is_object())
      return base::error(Code::kInvalidArgument, "a check is no object: column={}", column);
    JsonObject given = one.get_object();
    std::string name;
    if (const Json* options = given.if_contains("options");
        options != nullptr && options->is_object()) {
      name = text_at(options->get_object(), "check_name");
      given["raise_warning"] = is_true_at(options->get_object(), "raise_warning");
    }
    add(name, given);
  }
  return found;
}

// What of a schema or column is set and has no equal. `of` names it: " of km", or nothing.
void tell_what_has_no_equal(Builder& builder, const JsonObject& schema, const std::string& of) {
  static const std::map<std::string_view, std::string_view> kWhy = {
      {"strict", "columns that no rule names may be there, and are told as notes"},
      {"ordered", "columns have no order"},
      {"coerce", "values are checked as they are and not converted"},
      {"add_missing_columns", "nothing is added to rows"},
      {"unique_column_names", "files with two columns of one name are refused anyway"},
      {"drop_invalid_rows",
       "rows that break a rule are refused, put aside or flagged: on_violation"},
      {"default", "nothing is filled in"},
      {"parsers", "rows aren't changed before they are checked"},
      {"dtype", "each column has its own type"}};
  for (const auto& [key, why] : kWhy) {
    const Json* value = schema.if_contains(key);
    const bool is_set = value != nullptr && !value->is_null() && *value != Json(false) &&
                        (key != "dtype" || of.empty());
    if (is_set) builder.tell(std::string(key) + of, std::string(why));
  }
}

Result<ImportedRules> import_schema(const JsonObject& schema) {
  Builder builder;
  const std::string name = text_at(schema, "name");
  builder.rules().from = "pandera schema" + (name.empty() ? "" : " " + name);
  const Json* columns = schema.if_contains("columns");
  if (columns == nullptr || !columns->is_object())
    return base::error(Code::kInvalidArgument, "the schema has no columns");
  for (const auto& [key, item] : columns->get_object()) {
    const std::string column(key);
    if (!item.is_object())
      return base::error(Code::kInvalidArgument, "a column is no object: column={}", column);
    const JsonObject& of = item.get_object();
    if (is_true_at(of, "regex")) {
      builder.tell("column " + column, "its name is a regular expression");
      continue;
    }
    if (of.contains("required") && of.at("required") == Json(false)) {
      builder.tell("column " + column, "it may be absent, and a column that a rule names may not");
      continue;
    }
    builder.column(column).required = !is_true_at(of, "nullable");
    ++builder.rules().taken;
    if (const std::string type = text_at(of, "dtype"); !type.empty())
      builder.tell("dtype of " + column, builder.type(column, {type}));
    if (is_true_at(of, "unique")) builder.tell("unique of " + column, builder.unique({column}));
    tell_what_has_no_equal(builder, of, " of " + column);
    for (const Json& one : TRY(checks_of(column, of))) {
      const JsonArray& named = one.get_array();
      const std::string called(named[0].get_string());
      builder.tell(fmt::format("{} of {}", called, column),
                   check(builder, column, called, named[1]));
    }
  }
  if (const Json* unique = schema.if_contains("unique"); unique != nullptr && !unique->is_null())
    builder.tell("unique",
                 builder.unique(unique->is_string() ? std::vector{text_at(schema, "unique")}
                                                    : texts_at(schema, "unique")));
  tell_what_has_no_equal(builder, schema, "");
  if (const Json* index = schema.if_contains("index"); index != nullptr && index->is_array()) {
    for (const Json& one : index->get_array()) {
      const std::string called = one.is_object() ? text_at(one.get_object(), "name") : "";
      builder.tell("index" + (called.empty() ? "" : " " + called),
                   "rows have no index: where it is a column of the file, give it rules as one");
    }
  }
  const Json* checks = schema.if_contains("checks");
  if (checks != nullptr && !checks->is_null())
    builder.tell("checks of the whole frame", "there is no such rule here");
  return std::move(builder.rules());
}

}  // namespace

std::string ImportedRules::yaml() const {
  std::string out = fmt::format("# {}: {} of {} are here\n", from, taken, taken + left_out.size());
  out += dataset.rules_yaml(0);
  for (std::string why : left_out) {
    std::ranges::replace_if(
        why, [](unsigned char c) { return c < 0x20; }, ' ');
    out += fmt::format("# left out: {}\n", why);
  }
  return out;
}

Result<ImportedRules> import_rules(std::string_view text) {
  if (is_tensorflow_text(text)) return import_tensorflow(TRY(types::text_format_as_json(text)));
  const std::vector<Json> documents = TRY(types::yaml_as_json(text));
  if (documents.size() == 1 && documents[0].is_object()) {
    const JsonObject& top = documents[0].get_object();
    if (const Json* all = top.if_contains("expectations"); all != nullptr && all->is_array())
      return import_suite(top);
    if (text_at(top, "schema_type") == "dataframe") return import_schema(top);
    if (const Json* all = top.if_contains("feature"); all != nullptr && all->is_array())
      return import_tensorflow(top);
  }
  return base::error(Code::kInvalidArgument,
                     "no suite of Great Expectations (JSON with `expectations`), no schema of "
                     "pandera (`schema_type: dataframe`) and none of TensorFlow Metadata (text "
                     "format or JSON with `feature`)");
}

}  // namespace slipway::cli
