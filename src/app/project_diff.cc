#include "app/project_diff.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "store/postgres_url.h"
#include "types/yaml_json.h"

namespace slipway::app {
namespace {

constexpr const char* kHidden = "***";

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
    const JsonArray& list = value.get_array();
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string name = name_in_list(list[i], i);
      if (!parts.emplace(name, &list[i]).second)  // a second one that is called so
        parts.emplace(fmt::format("{}[{}]", name, i), &list[i]);
    }
  }
  return parts;
}

// Who may see a plan may not see what it has of passwords.
Json without_secrets(std::string_view key, const Json& value) {
  if (key == "secret" || key == "password") return kHidden;
  if (value.is_string()) return Json(store::without_password(std::string_view(value.get_string())));
  Json shown = value;
  if (shown.is_object()) {
    for (auto& [name, member] : shown.get_object()) member = without_secrets(name, member);
  } else if (shown.is_array()) {
    for (Json& each : shown.get_array()) each = without_secrets("", each);
  }
  return shown;
}

class Comparison {
 public:
  // Where a route leads may hold a key, too.
  explicit Comparison(bool hides_all) : hides_all_(hides_all) {}

  // `key`: the last member of `at`.
  void compare(const std::string& at, std::string_view key, const Json& before, const Json& now) {
    if (before == now) return;
    const Parts old = parts_of(before), young = parts_of(now);
    if (old.empty() || young.empty() || before.kind() != now.kind())
      return add(at, key, &before, &now);
    const std::string within = at.empty() ? "" : at + ".";
    for (const auto& [name, value] : old) {
      if (const auto same = young.find(name); same != young.end())
        compare(within + name, name, *value, *same->second);
      else
        add(within + name, name, value, nullptr);
    }
    for (const auto& [name, value] : young) {
      if (!old.contains(name)) add(within + name, name, nullptr, value);
    }
  }
  JsonArray take() { return std::move(found_); }

 private:
  void add(const std::string& at, std::string_view key, const Json* before, const Json* now) {
    const auto shown = [&](const Json& value) {
      return hides_all_ ? Json(kHidden) : without_secrets(key, value);
    };
    JsonObject difference{{"at", at}};
    if (before != nullptr) difference["before"] = shown(*before);
    if (now != nullptr) difference["now"] = shown(*now);
    found_.push_back(std::move(difference));
  }

  const bool hides_all_;
  JsonArray found_;
};

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
    Comparison comparison(kind == "route");
    comparison.compare("", name, *was, *is);
    if (JsonArray found = comparison.take(); !found.empty())
      (*change)["differs"] = std::move(found);
  }
}

}  // namespace slipway::app
