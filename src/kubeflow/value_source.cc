#include "kubeflow/value_source.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kubeflow/fields.h"

namespace slipway::kubeflow {
namespace {

using Kind = ValueSource::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 7> kKinds = {
    {{"nothing", Kind::kMissing},
     {"constant", Kind::kConstant},
     {"parameter", Kind::kParameter},
     {"output", Kind::kOutput},
     {"item", Kind::kItem},
     {"final_status", Kind::kFinalStatus},
     {"one_of", Kind::kOneOf}}};
constexpr std::array<std::pair<std::string_view, OfItems>, 2> kOfItems = {
    {{"same", OfItems::kSame}, {"all", OfItems::kAll}}};

JsonArray texts_as_json(const std::vector<std::string>& texts) {
  return JsonArray(texts.begin(), texts.end());
}

}  // namespace

JsonObject ValueSource::to_json() const {
  JsonObject object;
  for (const auto& [name_of_kind, known] : kKinds)
    if (known == kind) object["from"] = name_of_kind;
  if (kind == Kind::kConstant) object["constant"] = constant;
  if (!name.empty()) object["name"] = name;
  if (!step.empty()) object["step"] = step;
  if (!steps.empty()) object["steps"] = texts_as_json(steps);
  if (!members.empty()) object["members"] = texts_as_json(members);
  for (const auto& [name_of_items, known] : kOfItems)
    if (known == of_items) object["of_items"] = name_of_items;
  if (items) object["items"] = *items;
  JsonArray others;
  for (const ValueSource& one : alternatives) others.push_back(one.to_json());
  if (!others.empty()) object["alternatives"] = std::move(others);
  if (is_plain) object["plain"] = true;
  return object;
}

Result<ValueSource> ValueSource::from_json(const Json& value, const std::string& place) {
  Fields fields = TRY(Fields::of(value, place));
  ValueSource source;
  const std::string from = TRY(fields.text("from"));
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                 [&](const auto& each) { return each.first == from; });
  if (kind == kKinds.end()) return fields.error("no such source: {}", from);
  source.kind = kind->second;
  if (source.kind == Kind::kConstant) source.constant = *TRY(fields.get("constant"));
  source.name = TRY(fields.text("name"));
  source.step = TRY(fields.text("step"));
  source.steps = TRY(fields.texts("steps"));
  source.members = TRY(fields.texts("members"));
  const std::string of_items = TRY(fields.text("of_items"));
  for (const auto& [name_of_items, known] : kOfItems)
    if (name_of_items == of_items) source.of_items = known;
  if (const Json* const items = fields.find("items")) {
    if (!items->is_array()) return fields.error("items must be a list");
    source.items = items->get_array();
  }
  source.is_plain = TRY(fields.flag("plain"));
  if (const Json* const others = fields.find("alternatives")) {
    if (!others->is_array()) return fields.error("alternatives must be a list");
    for (const Json& one : others->get_array())
      source.alternatives.push_back(TRY(ValueSource::from_json(one, place)));
  }
  TRY(fields.finish());
  return source;
}

Result<Json> member_of(const Json& value, const std::vector<std::string>& members) {
  const Json* at = &value;
  Json parsed;  // text that is JSON is looked into, as parseJson does
  for (const std::string& member : members) {
    if (at->is_string()) {
      parsed = TRY(base::parse_json(std::string_view(at->get_string())));
      at = &parsed;
    }
    const Json* const found = at->is_object() ? at->get_object().if_contains(member) : nullptr;
    if (found == nullptr)
      return base::error(Code::kInvalidArgument, "the value has no member {}: value={}", member,
                         base::to_text(value));
    Json inner = *found;
    parsed = std::move(inner);
    at = &parsed;
  }
  return *at;
}

}  // namespace slipway::kubeflow
