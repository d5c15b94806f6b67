#include "registry/names.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "types/key_rules.h"

namespace slipway::registry {
namespace {

constexpr std::string_view kStages[] = {"None", "Staging", "Production", "Archived"};

Error invalid_value(std::string_view parameter, const std::string& value, std::string_view why) {
  return base::error(Code::kInvalidArgument, "Invalid value \"{}\" for parameter '{}' supplied: {}",
                     value, parameter, why);
}

Result<void> check_length(std::string_view what, const std::string& text, std::size_t most) {
  if (text.size() <= most || types::count_characters(text) <= most) return {};
  return base::error(Code::kInvalidArgument, "'{}' exceeds the maximum length of {} characters",
                     what, most);
}

}  // namespace

bool is_prompt(const std::vector<KeyValue>& tags) {
  return std::any_of(tags.begin(), tags.end(), [](const KeyValue& tag) {
    return tag.key == kPromptTag && base::lowered(tag.value) == "true";
  });
}

Result<void> check_model_name(const std::string& name, std::string_view parameter) {
  if (name.find_first_not_of(" \t\r\n") == std::string::npos) {
    return base::error(Code::kInvalidArgument, "Missing value for required parameter '{}'.",
                       parameter);
  }
  if (name.find_first_of("/:") != std::string::npos) {
    return base::error(Code::kInvalidArgument,
                       "Invalid model name '{}'. Names cannot contain '/' or ':'.", name);
  }
  if (types::is_deceptive_path(name)) {
    return invalid_value("name", name,
                         "Names may be treated as files in certain cases, and must not resolve to "
                         "other names when treated as such.");
  }
  return {};
}

Result<void> check_tag(const KeyValue& tag) {
  if (const auto fault = types::fault_of_key(tag.key)) return invalid_value("key", tag.key, *fault);
  TRY(check_length("key", tag.key, kTagKeyLengthMax));
  return check_length("value", tag.value, kTagValueLengthMax);
}

Result<void> check_alias(const std::string& alias) {
  const auto is_good = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c >= 0x80;
  };
  if (alias.empty())
    return base::error(Code::kInvalidArgument, "Registered model alias name cannot be empty.");
  if (!std::all_of(alias.begin(), alias.end(), is_good)) {
    return base::error(Code::kInvalidArgument,
                       "Invalid alias name: '{}'. Names may only contain alphanumerics, "
                       "underscores (_), and dashes (-).",
                       alias);
  }
  return check_length("Registered model alias name", alias, kAliasLengthMax);
}

Result<void> check_new_alias(const std::string& alias) {
  TRY(check_alias(alias));
  const std::string word = base::lowered(alias);
  if (word == "latest")
    return base::error(Code::kInvalidArgument,
                       "'latest' alias name (case insensitive) is reserved.");
  if (word[0] == 'v' && word.size() > 1 &&
      std::all_of(word.begin() + 1, word.end(),
                  [](unsigned char c) { return std::isdigit(c) != 0; })) {
    return base::error(Code::kInvalidArgument, "Version alias name '{}' is reserved.", alias);
  }
  return {};
}

Result<std::string> canonical_stage(const std::string& stage) {
  for (const std::string_view known : kStages) {
    if (base::lowered(known) == base::lowered(stage)) return std::string(known);
  }
  return base::error(Code::kInvalidArgument,
                     "Invalid Model Version stage: {}. Value must be one of None, Staging, "
                     "Production, Archived.",
                     stage);
}

}  // namespace slipway::registry
