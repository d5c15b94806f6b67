#include "releases/revision.h"

#include <algorithm>

#include "types/timestamp.h"

namespace slipway::releases {
namespace {

struct KindName {
  RevisionKind kind;
  std::string_view name;
};
constexpr KindName kKinds[] = {
    {RevisionKind::kDeploy, "deploy"},       {RevisionKind::kCanaryStep, "canary-step"},
    {RevisionKind::kPromote, "promote"},     {RevisionKind::kRollback, "rollback"},
    {RevisionKind::kHold, "hold"},           {RevisionKind::kFollow, "follow"},
    {RevisionKind::kThreshold, "threshold"}, {RevisionKind::kExperiment, "experiment"},
    {RevisionKind::kConclude, "conclude"},   {RevisionKind::kFallback, "fallback"},
};

}  // namespace

std::string_view role_name(Role role) { return role == Role::kLive ? "live" : "shadow"; }

std::string_view kind_name(RevisionKind kind) {
  for (const KindName& known : kKinds) {
    if (known.kind == kind) return known.name;
  }
  return "";
}

Result<RevisionKind> parse_kind(std::string_view name) {
  for (const KindName& known : kKinds) {
    if (known.name == name) return known.kind;
  }
  return base::error(Code::kCorruption, "no such kind of revision: kind={}", name);
}

int Variant::weight() const {
  int sum = 0;
  for (const SlotRange& range : slots) sum += range.to - range.from;
  return sum;
}

std::vector<const Variant*> Revision::live() const {
  std::vector<const Variant*> found;
  for (const Variant& variant : variants) {
    if (variant.role == Role::kLive) found.push_back(&variant);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Variant* a, const Variant* b) { return a->weight() > b->weight(); });
  return found;
}

const Variant* Revision::find_variant(std::string_view name) const {
  for (const Variant& variant : variants) {
    if (variant.name == name) return &variant;
  }
  return nullptr;
}

JsonArray to_json(const std::vector<Variant>& variants) {
  JsonArray array;
  for (const Variant& variant : variants) {
    JsonArray slots;
    for (const SlotRange& range : variant.slots) slots.push_back({range.from, range.to});
    array.push_back({{"name", variant.name},
                     {"role", role_name(variant.role)},
                     {"model", variant.model},
                     {"version", variant.version},
                     {"uri", variant.uri},
                     {"weight", variant.weight()},
                     {"slots", std::move(slots)}});
  }
  return array;
}

Result<std::vector<Variant>> parse_variants(std::string_view text) {
  const Json value = TRY(base::parse_json(text));
  const auto corrupt = [] {
    return base::error(Code::kCorruption, "stored variants make no sense");
  };
  if (!value.is_array()) return corrupt();
  std::vector<Variant> variants;
  for (const Json& item : value.as_array()) {
    if (!item.is_object()) return corrupt();
    const JsonObject& object = item.as_object();
    Variant variant{
        .name = TRY(base::get_string(object, "name")),
        .role = TRY(base::get_string(object, "role")) == "shadow" ? Role::kShadow : Role::kLive,
        .model = TRY(base::get_string(object, "model")),
        .version = TRY(base::get_int(object, "version")),
        .uri = TRY(base::get_string(object, "uri"))};
    const Json* slots = object.if_contains("slots");
    if (slots == nullptr || !slots->is_array()) return corrupt();
    for (const Json& range : slots->as_array()) {
      if (!range.is_array() || range.as_array().size() != 2 || !range.as_array()[0].is_int64() ||
          !range.as_array()[1].is_int64()) {
        return corrupt();
      }
      variant.slots.push_back({static_cast<int>(range.as_array()[0].get_int64()),
                               static_cast<int>(range.as_array()[1].get_int64())});
    }
    variants.push_back(std::move(variant));
  }
  return variants;
}

JsonObject Revision::to_json() const {
  JsonObject object{{"endpoint", endpoint},
                    {"number", number},
                    {"kind", kind_name(kind)},
                    {"variants", releases::to_json(variants)},
                    {"features", features},
                    {"output", output},
                    {"log_policy", log_policy},
                    {"policy", releases::to_json(policy)},
                    {"actor", actor},
                    {"reason", reason},
                    {"time", types::to_rfc3339(event_time)},
                    {"arrival_time", types::to_rfc3339(arrival_time)}};
  running.append_to(object);
  object["previous"] = previous ? Json(*previous) : Json(nullptr);
  object["restores"] = restores ? Json(*restores) : Json(nullptr);
  object["cause"] = cause.empty() ? Json(nullptr) : Json(cause);
  return object;
}

bool serves_the_same(const Revision& a, const Revision& b) {
  return a.variants == b.variants && a.features == b.features && a.output == b.output;
}

}  // namespace slipway::releases
