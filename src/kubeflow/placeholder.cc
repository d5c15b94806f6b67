#include "kubeflow/placeholder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/json.h"

namespace slipway::kubeflow {
namespace {

using Kind = Placeholder::Kind;

constexpr std::array<std::string_view, 8> kOfRun = {"pipeline_job_name",
                                                    "pipeline_job_resource_name",
                                                    "pipeline_job_uuid",
                                                    "pipeline_task_name",
                                                    "pipeline_task_uuid",
                                                    "pipeline_root",
                                                    "pipeline_job_create_time_utc",
                                                    "pipeline_job_schedule_time_utc"};
constexpr std::size_t kNestingMax = 32;

// ['name'] at the front of `rest`, which it is taken from.
std::optional<std::string> take_key(std::string_view& rest) {
  if (rest.size() < 5 || rest[0] != '[' || (rest[1] != '\'' && rest[1] != '"')) return std::nullopt;
  const std::size_t end = rest.find(rest[1], 2);
  if (end == std::string_view::npos || end + 1 >= rest.size() || rest[end + 1] != ']')
    return std::nullopt;
  std::string key(rest.substr(2, end - 2));
  rest.remove_prefix(end + 2);
  return key;
}

bool take(std::string_view& rest, std::string_view front) {
  if (!rest.starts_with(front)) return false;
  rest.remove_prefix(front.size());
  return true;
}

std::optional<Placeholder> read_field(Placeholder found, std::string_view rest) {
  if (!take(rest, ".")) return std::nullopt;
  if (found.kind == Kind::kOutputParameter) {
    found.field = rest;
    return rest == "output_file" ? std::optional(found) : std::nullopt;
  }
  if (rest == "uri" || rest == "path" || rest == "metadata" || rest == "name") {
    found.field = rest;
    return found;
  }
  if (!take(rest, "metadata")) return std::nullopt;
  found.field = "metadata";
  const auto key = take_key(rest);
  if (!key || !rest.empty()) return std::nullopt;
  found.key = *key;
  return found;
}

// `inner` is what stands between {{$ and }}.
std::optional<Placeholder> parse(std::string_view inner) {
  if (inner.empty()) return Placeholder{};
  if (!take(inner, ".")) return std::nullopt;
  if (inner == "outputs.output_file" || inner == "outputMetadataUri")
    return Placeholder{.kind = Kind::kOutputFile};
  if (std::find(kOfRun.begin(), kOfRun.end(), inner) != kOfRun.end())
    return Placeholder{.kind = Kind::kOfRun, .name = std::string(inner)};
  for (const auto& [front, kind] : {std::pair("inputs.parameters", Kind::kInputParameter),
                                    std::pair("inputs.artifacts", Kind::kInputArtifact),
                                    std::pair("outputs.parameters", Kind::kOutputParameter),
                                    std::pair("outputs.artifacts", Kind::kOutputArtifact)}) {
    std::string_view rest = inner;
    if (!take(rest, front)) continue;
    const auto name = take_key(rest);
    if (!name) return std::nullopt;
    Placeholder found{.kind = kind, .name = *name};
    if (kind != Kind::kInputParameter) return read_field(std::move(found), rest);
    return rest.empty() ? std::optional(found) : std::nullopt;
  }
  return std::nullopt;
}

class WordExpander {
 public:
  explicit WordExpander(const std::function<bool(const std::string&)>& is_given)
      : is_given_(is_given) {}

  Result<void> add(const Json& value, std::vector<std::string>& words, std::size_t depth) {
    if (depth > kNestingMax) return broken("nested too deeply");
    if (value.is_string()) {
      words.emplace_back(std::string_view(value.get_string()));
      return {};
    }
    if (value.is_array()) {
      for (const Json& item : value.get_array()) TRY(add(item, words, depth + 1));
      return {};
    }
    if (!value.is_object() || value.get_object().size() != 1)
      return broken("expected text, IfPresent or Concat");
    const auto& [name, inner] = *value.get_object().begin();
    if (name == "Concat") return concat(inner, words, depth);
    if (name == "IfPresent") return if_present(inner, words, depth);
    return broken("expected IfPresent or Concat");
  }

 private:
  static Error broken(std::string_view why) {
    return base::error(Code::kInvalidArgument, "a placeholder of a command is broken: {}", why);
  }

  Result<void> concat(const Json& parts, std::vector<std::string>& words, std::size_t depth) {
    if (!parts.is_array()) return broken("Concat needs a list");
    std::string whole;
    for (const Json& part : parts.get_array()) {
      std::vector<std::string> pieces;
      TRY(add(part, pieces, depth + 1));
      for (const std::string& piece : pieces) whole += piece;
    }
    words.push_back(std::move(whole));
    return {};
  }

  Result<void> if_present(const Json& value, std::vector<std::string>& words, std::size_t depth) {
    if (!value.is_object()) return broken("IfPresent needs InputName and Then");
    const auto input = base::get_string(value.get_object(), "InputName");
    const Json* const then = value.get_object().if_contains("Then");
    const Json* const otherwise = value.get_object().if_contains("Else");
    if (!input || then == nullptr) return broken("IfPresent needs InputName and Then");
    const Json* const chosen = is_given_(*input) ? then : otherwise;
    if (chosen == nullptr || chosen->is_null()) return {};
    return add(*chosen, words, depth + 1);
  }

  const std::function<bool(const std::string&)>& is_given_;
};

}  // namespace

Result<std::string> replace_placeholders(
    std::string_view text, const std::function<Result<std::string>(const Placeholder&)>& text_of) {
  std::string replaced;
  for (;;) {
    const std::size_t from = text.find("{{$");
    replaced += text.substr(0, from);
    if (from == std::string_view::npos) return replaced;
    text.remove_prefix(from);
    const std::size_t end = text.find("}}");
    const auto placeholder =
        end == std::string_view::npos ? std::nullopt : parse(text.substr(3, end - 3));
    if (!placeholder) {
      return base::error(Code::kInvalidArgument, "a placeholder that is not known: {}",
                         text.substr(0, end == std::string_view::npos ? 60 : end + 2));
    }
    replaced += TRY(text_of(*placeholder));
    text.remove_prefix(end + 2);
  }
}

Result<std::vector<std::string>> expand_words(
    const std::vector<std::string>& words,
    const std::function<bool(const std::string& input)>& is_given) {
  std::vector<std::string> expanded;
  WordExpander expander(is_given);
  for (const std::string& word : words) {
    if (!word.starts_with("{\"IfPresent\":") && !word.starts_with("{\"Concat\":")) {
      expanded.push_back(word);
      continue;
    }
    TRY(expander.add(TRY(base::parse_json(word)), expanded, 0));
  }
  return expanded;
}

}  // namespace slipway::kubeflow
