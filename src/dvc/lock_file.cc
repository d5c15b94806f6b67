#include "dvc/lock_file.h"

#include <algorithm>

#include "dvc/dvc_file.h"
#include "store/file_system.h"

namespace slipway::dvc {
namespace {

Result<void> check_entry(std::string_view stage, const Json& entry) {
  const auto wrong = [&](std::string_view why) {
    return base::error(Code::kInvalidArgument,
                       "dvc.lock: stages.{}: {}; take the last version of the file, or delete the "
                       "stage from it",
                       stage, why);
  };
  if (!entry.is_object() || !entry.get_object().contains("cmd")) return wrong("it has no cmd");
  for (const char* const key : {"deps", "outs"}) {
    const Json* const items = entry.get_object().if_contains(key);
    if (items == nullptr) continue;
    if (!items->is_array()) return wrong("deps and outs are lists");
    for (const Json& item : items->get_array()) {
      const Json* const path = item.is_object() ? item.get_object().if_contains("path") : nullptr;
      if (path == nullptr || !path->is_string()) return wrong("a dep or out has no path");
    }
  }
  const Json* const params = entry.get_object().if_contains("params");
  if (params == nullptr) return {};
  if (!params->is_object()) return wrong("params is no map");
  for (const auto& [file, values] : params->get_object())
    if (!values.is_object()) return wrong("params of a file are no map");
  return {};
}

}  // namespace

Result<JsonObject> parse_lock(std::string_view text) {
  const std::string name(kLockFile);
  JsonObject lock = TRY(read_values(name, text));
  if (lock.empty()) return lock;
  const Json* const schema = lock.if_contains("schema");
  if (schema == nullptr || !schema->is_string() || schema->get_string() != "2.0")
    return base::error(Code::kInvalidArgument,
                       "dvc.lock: only schema '2.0' can be read; DVC 2 and later write it");
  const Json* const stages = lock.if_contains("stages");
  if (stages == nullptr || stages->is_null()) return lock;
  if (!stages->is_object())
    return base::error(Code::kInvalidArgument, "dvc.lock: stages is no map");
  for (const auto& [stage, entry] : stages->get_object()) TRY(check_entry(stage, entry));
  return lock;
}

Result<JsonObject> read_lock(const std::filesystem::path& file) {
  const auto text = store::read_file(file);
  if (!text && text.error().code == Code::kNotFound) return JsonObject();
  if (!text) return text.error();
  return parse_lock(*text);
}

void put_entry(JsonObject& lock, const std::string& stage, JsonObject entry, std::size_t known,
               const std::vector<std::string>& order) {
  if (lock.empty()) lock["schema"] = "2.0";
  if (!lock.contains("stages") || !lock["stages"].is_object()) lock["stages"] = JsonObject();
  JsonObject& stages = lock["stages"].get_object();
  if (Json* const old = stages.if_contains(stage)) {
    *old = std::move(entry);
    return;
  }
  const auto rank = [&](std::string_view name) {
    return std::find(order.begin(), order.end(), name) - order.begin();
  };
  JsonObject with;
  std::size_t at = 0;
  bool placed = false;
  for (const auto& [name, value] : stages) {
    if (!placed && at++ >= known && rank(name) > rank(stage)) {
      with[stage] = std::move(entry);
      placed = true;
    }
    with[name] = value;
  }
  if (!placed) with[stage] = std::move(entry);
  stages = std::move(with);
}

const JsonObject* find_entry(const JsonObject& lock, std::string_view stage) {
  const Json* const stages = lock.if_contains("stages");
  if (stages == nullptr || !stages->is_object()) return nullptr;
  const Json* const entry = stages->get_object().if_contains(stage);
  return entry == nullptr ? nullptr : &entry->get_object();
}

bool same_value(const Json& one, const Json& other) {
  if (one.is_number() && other.is_number() && (one.is_double() || other.is_double()))
    return one.to_number<double>() == other.to_number<double>();
  if (one.is_array() && other.is_array())
    return std::equal(one.get_array().begin(), one.get_array().end(), other.get_array().begin(),
                      other.get_array().end(), same_value);
  if (!one.is_object() || !other.is_object()) return one == other;
  if (one.get_object().size() != other.get_object().size()) return false;
  for (const auto& [key, value] : one.get_object()) {
    const Json* const same = other.get_object().if_contains(key);
    if (same == nullptr || !same_value(value, *same)) return false;
  }
  return true;
}

}  // namespace slipway::dvc
