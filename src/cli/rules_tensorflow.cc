#include "cli/rules_tensorflow.h"

#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "cli/rules_builder.h"

namespace slipway::cli {
namespace {

// "min_fraction" is "minFraction" in JSON.
const Json* member(const JsonObject& of, std::string_view name) {
  if (const Json* found = of.if_contains(name)) return found;
  std::string camel;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool is_next = name[i] == '_' && i + 1 < name.size();
    if (is_next) ++i;
    camel +=
        is_next ? static_cast<char>(std::toupper(static_cast<unsigned char>(name[i]))) : name[i];
  }
  return of.if_contains(camel);
}

// Of a repeated field, which text format gives as one when there is one.
std::vector<Json> all_of(const JsonObject& of, std::string_view name) {
  const Json* found = member(of, name);
  if (found == nullptr || found->is_null()) return {};
  if (found->is_array()) return {found->get_array().begin(), found->get_array().end()};
  return {*found};
}

const JsonObject* message(const JsonObject& of, std::string_view name) {
  const Json* found = member(of, name);
  return found != nullptr && found->is_object() ? &found->get_object() : nullptr;
}

std::string text(const JsonObject& of, std::string_view name) {
  const Json* found = member(of, name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
}

bool is_true(const JsonObject& of, std::string_view name) {
  const Json* found = member(of, name);
  return found != nullptr && *found == Json(true);
}

// JSON has whole numbers of 64 bits as texts. Nothing: it isn't there, or not finite.
std::optional<double> number(const JsonObject& of, std::string_view name) {
  const Json* found = member(of, name);
  if (found == nullptr) return std::nullopt;
  if (found->is_number()) return found->to_number<double>();
  if (!found->is_string()) return std::nullopt;
  const std::string_view digits = found->get_string();
  double value = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failed != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value))
    return std::nullopt;
  return value;
}

Builder::Why within(Builder& builder, const std::string& column, const JsonObject& domain) {
  const auto low = number(domain, "min"), high = number(domain, "max");
  if (!low && !high) return "it has no limit";
  const Json least = low ? Json(*low) : Json(nullptr), most = high ? Json(*high) : Json(nullptr);
  return builder.range(column, &least, &most, false, false);
}

Builder::Why one_of(Builder& builder, const std::string& column, const JsonObject& domain) {
  JsonArray values;
  for (Json& value : all_of(domain, "value")) values.push_back(std::move(value));
  const Json in(std::move(values));
  return builder.one_of(column, &in);
}

// Why the whole feature has no place here.
Builder::Why why_none(const JsonObject& feature) {
  if (is_true(feature, "deprecated")) return "it isn't checked there: deprecated";
  const std::string stage = text(feature, "lifecycle_stage");
  if (!stage.empty() && stage != "PRODUCTION" && stage != "BETA" && stage != "UNKNOWN_STAGE")
    return fmt::format("it isn't checked there: lifecycle_stage {}", stage);
  if (text(feature, "type") == "STRUCT" || message(feature, "struct_domain") != nullptr)
    return "a cell holds no other cells";
  const JsonObject* count = message(feature, "value_count");
  const bool is_list = (count != nullptr && number(*count, "max").value_or(2) > 1) ||
                       message(feature, "value_counts") != nullptr;
  bool is_tensor = false;
  if (const JsonObject* shape = message(feature, "shape")) {
    const std::vector<Json> sizes = all_of(*shape, "dim");
    is_tensor = std::ranges::any_of(sizes, [](const Json& dim) {
      return !dim.is_object() || number(dim.get_object(), "size") != 1.0;
    });
  }
  if (is_list || is_tensor) return "a cell holds one value, no lists";
  if (message(feature, "presence") == nullptr)
    return "it may be absent, and a column that a rule names may not";
  return {};
}

void presence(Builder& builder, const std::string& column, const JsonObject& of) {
  const auto share = number(of, "min_fraction");
  if (share && *share > 0) builder.missing_at_most(column, 1 - *share);
  builder.tell("presence of " + column, {});
  if (number(of, "min_count").value_or(0) > 1)
    builder.tell("presence.min_count of " + column,
                 "how many values must be there is a share here: missing_max");
}

// Of values that the schema may say more than once, by what has no rule.
void rest(Builder& builder, const std::string& column, const JsonObject& feature) {
  static const std::map<std::string_view, std::string_view> kWhy = {
      {"distribution_constraints", "which share of values may be outside of the domain"},
      {"drift_comparator", "another distance than of checks.drift_max, which is worth a look"},
      {"group_presence", "a column has no group"},
      {"image_domain", "there is no such rule here"},
      {"in_environment", "rules hold everywhere"},
      {"mid_domain", "there is no such rule here"},
      {"natural_language_domain", "there is no such rule here"},
      {"not_in_environment", "rules hold everywhere"},
      {"skew_comparator", "served values are compared one by one: slipway features skew"},
      {"time_domain", "a column of times has the type timestamp"},
      {"time_of_day_domain", "there is no such rule here"},
      {"unique_constraints", "how many values differ is no check"},
      {"url_domain", "there is no such rule here"}};
  for (const auto& [name, why] : kWhy) {
    if (member(feature, name) != nullptr)
      builder.tell(fmt::format("{} of {}", name, column), std::string(why));
  }
}

void import_feature(Builder& builder, const std::string& column, const JsonObject& feature,
                    const std::map<std::string, const JsonObject*>& domains) {
  if (const auto why = why_none(feature)) return builder.tell("feature " + column, why);
  const std::string type = text(feature, "type");
  const JsonObject* constraints = message(feature, "distribution_constraints");
  const bool is_lax =
      constraints != nullptr && number(*constraints, "min_domain_mass").value_or(1) < 1;
  builder.column(column);
  if (!type.empty() && type != "TYPE_UNKNOWN")
    builder.tell("type of " + column, builder.type(column, {type == "BYTES"   ? "string"
                                                            : type == "INT"   ? "int64"
                                                            : type == "FLOAT" ? "double"
                                                                              : type}));
  presence(builder, column, *message(feature, "presence"));
  for (const char* kind : {"int_domain", "float_domain"}) {
    const JsonObject* domain = message(feature, kind);
    if (domain == nullptr) continue;
    if (number(*domain, "min") || number(*domain, "max"))
      builder.tell(fmt::format("{} of {}", kind, column), within(builder, column, *domain));
    for (const char* word : {"disallow_nan", "disallow_inf"}) {
      if (is_true(*domain, word))
        builder.tell(fmt::format("{} of {}", word, column),
                     std::string_view(word) == "disallow_nan"
                         ? "NaN is a missing value here: required, missing_max"
                         : "there is no such rule here");
    }
  }
  const std::string reference = text(feature, "domain");
  const JsonObject* values = message(feature, "string_domain");
  const JsonObject* limits = nullptr;
  if (!reference.empty()) {
    const auto found = domains.find(reference);
    if (found == domains.end()) {
      builder.tell("domain of " + column, "the schema has none called " + reference);
    } else {
      (member(*found->second, "value") != nullptr ? values : limits) = found->second;
    }
  }
  if (limits != nullptr) builder.tell("domain of " + column, within(builder, column, *limits));
  if (values != nullptr)
    builder.tell((reference.empty() ? "string_domain of " : "domain of ") + column,
                 is_lax ? Builder::Why("some values may be outside of it: min_domain_mass")
                        : one_of(builder, column, *values));
  if (const JsonObject* flag = message(feature, "bool_domain")) {
    JsonArray in{0, 1};
    if (type == "BYTES") in = {Json(text(*flag, "true_value")), Json(text(*flag, "false_value"))};
    const Json either(std::move(in));
    builder.tell("bool_domain of " + column, builder.one_of(column, &either));
  }
  rest(builder, column, feature);
}

// Of all rows.
void constraints_of(Builder& builder, const JsonObject& of) {
  if (const auto least = number(of, "min_examples_count"); least && *least > 0) {
    builder.checks().rows_min = static_cast<std::int64_t>(*least);
    builder.tell("min_examples_count", {});
  }
  if (const auto most = number(of, "max_examples_count"); most && *most > 0) {
    builder.checks().rows_max = static_cast<std::int64_t>(*most);
    builder.tell("max_examples_count", {});
  }
  for (const char* name : {"num_examples_version_comparator", "num_examples_drift_comparator"}) {
    const JsonObject* comparator = message(of, name);
    if (comparator == nullptr) continue;
    const auto low = number(*comparator, "min_fraction_threshold"),
               high = number(*comparator, "max_fraction_threshold");
    if (!low || !high || std::abs((1 - *low) - (*high - 1)) > 1e-9) {
      builder.tell(name, "more rows and fewer have one limit here: checks.rows.change_max");
      continue;
    }
    const double share = std::round((*high - 1) * 1e9) / 1e9;
    auto& limit = builder.checks().rows_change_max;
    limit = std::min(limit.value_or(share), share);
    builder.tell(name, {});
  }
}

}  // namespace

bool is_tensorflow_text(std::string_view text) {
  static const std::set<std::string_view> kFields = {
      "annotation",    "dataset_constraints",          "default_environment", "feature",
      "float_domain",  "generate_legacy_feature_spec", "int_domain",          "sparse_feature",
      "string_domain", "tensor_representation_group",  "weighted_feature"};
  const auto is_in = [](std::string_view set, char c) {
    return set.find(c) != std::string_view::npos;
  };
  std::size_t at = 0;
  while (at < text.size() && (is_in(" \t\r\n", text[at]) || text[at] == '#'))
    at = text[at] == '#' ? std::min(text.find('\n', at), text.size()) : at + 1;
  std::size_t end = at;
  while (end < text.size() &&
         (std::isalpha(static_cast<unsigned char>(text[end])) || text[end] == '_'))
    ++end;
  return kFields.contains(text.substr(at, end - at));
}

Result<ImportedRules> import_tensorflow(const JsonObject& schema) {
  Builder builder;
  builder.rules().from = "TensorFlow Metadata schema";
  const auto messages = [&](std::string_view field) -> Result<std::vector<Json>> {
    std::vector<Json> found = all_of(schema, field);
    for (const Json& one : found) {
      if (!one.is_object() || text(one.get_object(), "name").empty())
        return base::error(Code::kInvalidArgument, "one is no message with a name: field={}",
                           field);
    }
    return found;
  };
  std::vector<Json> all;
  for (const char* kind : {"string_domain", "int_domain", "float_domain"}) {
    for (Json& domain : TRY(messages(kind))) all.push_back(std::move(domain));
  }
  std::map<std::string, const JsonObject*> domains;
  for (const Json& domain : all) domains[text(domain.get_object(), "name")] = &domain.get_object();
  for (const Json& feature : TRY(messages("feature")))
    import_feature(builder, text(feature.get_object(), "name"), feature.get_object(), domains);
  for (const char* kind : {"sparse_feature", "weighted_feature"}) {
    for (const Json& one : TRY(messages(kind)))
      builder.tell(fmt::format("{} {}", kind, text(one.get_object(), "name")),
                   "it is made of other columns; give those rules");
  }
  if (const JsonObject* constraints = message(schema, "dataset_constraints"))
    constraints_of(builder, *constraints);
  if (member(schema, "default_environment") != nullptr)
    builder.tell("default_environment", "rules hold everywhere");
  if (member(schema, "tensor_representation_group") != nullptr)
    builder.tell("tensor_representation_group", "how rows become tensors is no rule of them");
  return std::move(builder.rules());
}

}  // namespace slipway::cli
