#include "app/project_diff.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "types/yaml_json.h"

namespace slipway::app {
namespace {

// By what is compared: members by their key, things of a list by what they are called.
using Parts = std::map<std::string, const Json*>;

std::string name_in_list(const Json& value, std::size_t place) {
  if (value.is_object()) {
    for (const std::string_view key : {"name", "id", "metric"}) {
      const Json* const name = value.get_object().if_contains(key);
      if (name != nullptr && name->is_string()) return std::string(name->get_string());
    }
  }
  return fmt::format("{}", place);
}

Parts parts_of(const Json& value) {
  Parts parts;
  if (value.is_object()) {
    for (const auto& [key, member] : value.get_object()) parts.emplace(key, &member);
  } else if (value.is_array()) {
    for (const Json& each : value.get_array())
      parts.emplace(name_in_list(each, parts.size()), &each);
  }
  return parts;
}

void compare(const std::string& at, const Json& before, const Json& now, JsonArray& found) {
  if (before == now) return;
  const Parts old = parts_of(before), young = parts_of(now);
  const std::string within = at.empty() ? "" : at + ".";
  if (old.empty() || young.empty() || before.kind() != now.kind()) {
    found.push_back(JsonObject{{"at", at}, {"before", before}, {"now", now}});
    return;
  }
  for (const auto& [key, value] : old) {
    if (const auto same = young.find(key); same != young.end())
      compare(within + key, *value, *same->second, found);
    else
      found.push_back(JsonObject{{"at", within + key}, {"before", *value}});
  }
  for (const auto& [key, value] : young) {
    if (!old.contains(key)) found.push_back(JsonObject{{"at", within + key}, {"now", *value}});
  }
}

// Where a part stands in the file: {"features", "views"}; its name is within.
std::vector<std::string> section_of(const std::string& kind) {
  if (kind == "alarm budget") return {"alarm_budget"};
  if (kind == "maintenance") return {kind};
  if (kind == "feature service") return {"features", "services"};
  if (kind == "source" || kind == "view") return {"features", kind + "s"};
  return {kind + "s"};
}

const Json* find_part(const Json& file, const std::string& kind, const std::string& name) {
  const Json* at = &file;
  std::vector<std::string> path = section_of(kind);
  if (kind != "alarm budget") path.push_back(name);
  for (const std::string& key : path) {
    const Json* const within = at;
    at = nullptr;
    if (within->is_object()) at = within->get_object().if_contains(key);
    if (within->is_array()) {
      const Parts parts = parts_of(*within);
      if (const auto found = parts.find(key); found != parts.end()) at = found->second;
    }
    if (at == nullptr) return nullptr;
  }
  return at;
}

Json parsed(std::string_view text) {
  auto documents = types::yaml_as_json(text);
  return documents && !documents->empty() ? std::move(documents->front()) : Json();
}

}  // namespace

void add_differences(std::string_view before, std::string_view now, JsonArray& changes) {
  std::vector<JsonObject*> updated;
  for (Json& change : changes) {
    if (base::get_string(change.as_object(), "change").value_or("") == "updated")
      updated.push_back(&change.as_object());
  }
  if (updated.empty()) return;  // the file needn't be read once more
  const Json old = parsed(before), young = parsed(now);
  for (JsonObject* const change : updated) {
    const std::string kind = base::get_string(*change, "kind").value_or("");
    const std::string name = base::get_string(*change, "name").value_or("");
    const Json* const was = find_part(old, kind, name);
    const Json* const is = find_part(young, kind, name);
    if (was == nullptr || is == nullptr) continue;
    JsonArray found;
    compare("", *was, *is, found);
    if (!found.empty()) (*change)["differs"] = std::move(found);
  }
}

}  // namespace slipway::app
