// dvc.lock: what stages were run with, and what they made.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace slipway::dvc {

// Schema 2.0; without `stages` when there is none. kInvalidArgument with its place.
Result<JsonObject> parse_lock(std::string_view text);
// An empty document: there is no such file.
Result<JsonObject> read_lock(const std::filesystem::path& file);

// Puts the entry of a stage into `lock`. One that is new comes behind the first `known` ones,
// where `order` (names of stages) has it, however stages end.
void put_entry(JsonObject& lock, const std::string& stage, JsonObject entry, std::size_t known,
               const std::vector<std::string>& order);

// Null: it has none.
const JsonObject* find_entry(const JsonObject& lock, std::string_view stage);

// Whether they are the same to Python: 1 is 1.0.
bool same_value(const Json& one, const Json& other);

}  // namespace slipway::dvc
