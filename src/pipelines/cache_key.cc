#include "pipelines/cache_key.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "base/hash.h"
#include "store/file_digest.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

// Separates what must never share results: another version of the evaluator.
constexpr std::string_view kSalt = "slipway-1";
constexpr std::size_t kDifferencesMax = 10;         // that are told
constexpr std::string_view kBeforeAndAfter = "..";  // of what changed while a step ran

Result<std::string> resolved_digest(InputDigests& inputs, const std::string& kind,
                                    const std::string& name) {
  return TRY(inputs.resolve(kind, name)).digest;
}

}  // namespace

Result<std::map<std::string, std::string>> declared_digests(const StepDefinition& step,
                                                            const fs::path& project,
                                                            InputDigests& inputs, Missing missing) {
  std::map<std::string, std::string> digests;
  const auto add = [&](const std::string& name, Result<std::string> digest) -> Result<void> {
    const bool is_gone = !digest && digest.error().code == Code::kNotFound;
    digests[name] = is_gone && missing == Missing::kIsMarked ? "gone" : TRY(std::move(digest));
    return {};
  };
  for (const std::string& path : step.code)
    TRY(add("code/" + path, store::tree_digest(project / path)));
  for (const std::string& path : step.env)
    TRY(add("env/" + path, store::tree_digest(project / path)));
  for (const std::string& input : step.inputs) {
    const std::size_t colon = input.find(':');
    TRY(add("input/" + input,
            colon == std::string::npos
                ? store::tree_digest(project / input)
                : resolved_digest(inputs, input.substr(0, colon), input.substr(colon + 1))));
  }
  return digests;
}

StepKey make_step_key(const Plan& plan, const PlannedStep& step,
                      const std::map<std::string, std::string>& declared,
                      const std::map<std::string, std::string>& outputs_of,
                      const std::map<std::string, std::string>& item) {
  JsonObject parts;
  std::map<std::string, std::string> sorted = declared;
  for (const std::string& read : step.reads) sorted["step/" + read] = outputs_of.at(read);
  if (step.definition.kubernetes) sorted["image"] = step.definition.kubernetes->image;
  for (const auto& [name, digest] : sorted) parts[name] = digest;
  JsonArray outputs;
  std::vector<std::string> names = step.definition.outputs;
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) outputs.push_back(Json(name));
  StepKey key;
  key.document["format"] = 1;
  key.document["salt"] = kSalt;
  // Folders differ from run to run; their content is in `parts`.
  key.document["command"] = command_of(plan, step, [&](const std::string& name) {
    const auto text = item.find(name);
    return text == item.end() ? "{" + name + "}" : text->second;
  });
  key.document["outputs"] = std::move(outputs);
  key.document["parts"] = std::move(parts);
  key.digest = base::sha256_hex(base::to_text(key.document));
  return key;
}

std::vector<std::string> mark_changed(StepKey& key,
                                      const std::map<std::string, std::string>& declared) {
  std::vector<std::string> changed;
  Json* const parts = key.document.if_contains("parts");
  if (parts == nullptr || !parts->is_object()) return changed;
  for (const auto& [name, digest] : declared) {
    Json* const before = parts->get_object().if_contains(name);
    if (before == nullptr || *before == Json(digest)) continue;
    *before =
        fmt::format("{}{}{}", std::string_view(before->get_string()), kBeforeAndAfter, digest);
    changed.push_back(name);
  }
  if (!changed.empty()) key.digest = base::sha256_hex(base::to_text(key.document));
  return changed;
}

std::vector<std::string> differences(const JsonObject& before, const JsonObject& now) {
  auto same = [&](const char* member) {
    const Json* a = before.if_contains(member);
    const Json* b = now.if_contains(member);
    return a && b && *a == *b;
  };
  if (!same("format") || !same("salt")) return {"slipway itself changed"};
  std::vector<std::string> found;
  if (!same("command")) found.emplace_back(kCommandChanged);
  if (!same("outputs")) found.emplace_back("the declared outputs changed");
  const Json* a = before.if_contains("parts");
  const Json* b = now.if_contains("parts");
  if (!a || !b || !a->is_object() || !b->is_object()) {
    found.emplace_back("what it depends on changed");
    return found;
  }
  for (const auto& part : b->get_object()) {
    const std::string_view name = part.key();
    const Json* old = a->get_object().if_contains(part.key());
    if (!old) {
      found.push_back(fmt::format("{} is new", name));
      continue;
    }
    const bool is_marked =
        old->is_string() && old->get_string().find(kBeforeAndAfter) != boost::json::string::npos;
    if (*old != part.value() || is_marked) found.push_back(fmt::format("{} changed", name));
  }
  for (const auto& part : a->get_object()) {
    if (!b->get_object().contains(part.key()))
      found.push_back(fmt::format("{} is gone", std::string_view(part.key())));
  }
  return found;
}

std::string explain_differences(const std::vector<std::string>& differences) {
  std::string text;
  for (std::size_t i = 0; i < differences.size(); ++i) {
    if (i == kDifferencesMax)
      return text + fmt::format("; and {} more", differences.size() - kDifferencesMax);
    text += (text.empty() ? "" : "; ") + differences[i];
  }
  return text;
}

}  // namespace slipway::pipelines
