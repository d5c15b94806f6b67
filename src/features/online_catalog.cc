#include "features/online_catalog.h"

#include <algorithm>
#include <charconv>

#include "base/json.h"

namespace slipway::features {
namespace {

constexpr const char* kCatalogNote = "catalog";

Error damaged() { return base::error(Code::kCorruption, "the online store's catalog is damaged"); }

}  // namespace

bool OnlineCatalog::Building::is_of_the_same(const Building& other) const {
  const auto is_same = [](const auto& a, const auto& b) { return a.first == b.first; };
  return until == other.until && std::ranges::equal(tables, other.tables, is_same);
}

std::string newest_note(OnlineStore::Table table) { return fmt::format("newest/{}", table); }

std::string position_note(std::string_view source) { return fmt::format("position/{}", source); }

Result<std::int64_t> number_note(const OnlineStore& store, const std::string& name,
                                 std::int64_t otherwise) {
  const std::optional<std::string> text = TRY(store.note(name));
  if (!text) return otherwise;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size())
    return base::error(Code::kCorruption, "the online store's note {} is no number", name);
  return number;
}

Result<void> OnlineCatalog::open() {
  is_open_ = false;
  TRY(store_.attach());
  loaded_.clear();
  building_.reset();
  next_ = 1;
  if (const std::optional<std::string> text = TRY(store_.note(kCatalogNote))) {
    const JsonObject root = TRY(base::parse_json_object(*text));
    next_ = static_cast<Table>(TRY(base::get_int(root, "next")));
    const auto read_until = [](const JsonObject& of) -> Result<std::optional<types::Timestamp>> {
      const auto micros = TRY(base::find_int(of, "until"));
      if (!micros) return std::optional<types::Timestamp>();
      return std::optional(types::Timestamp{*micros});
    };
    const Json* tables = root.if_contains("tables");
    if (tables == nullptr || !tables->is_array()) return damaged();
    for (const Json& item : tables->get_array()) {
      if (!item.is_object()) return damaged();
      const JsonObject& object = item.get_object();
      Loaded loaded;
      loaded.fingerprint = TRY(base::get_string(object, "view"));
      loaded.table = static_cast<Table>(TRY(base::get_int(object, "table")));
      loaded.until = TRY(read_until(object));
      loaded_.push_back(std::move(loaded));
    }
    if (const Json* item = root.if_contains("building"); item != nullptr && item->is_object()) {
      Building building;
      building.until = TRY(base::get_int(item->get_object(), "until"));
      const Json* tables = item->get_object().if_contains("tables");
      if (tables == nullptr || !tables->is_object()) return damaged();
      for (const auto& [view, table] : tables->get_object()) {
        if (!table.is_int64()) return damaged();
        building.tables[std::string(std::string_view(view))] =
            static_cast<Table>(table.get_int64());
      }
      building_ = std::move(building);
    }
  }
  for (const Table table : TRY(store_.tables())) {
    const bool is_loaded =
        std::ranges::any_of(loaded_, [&](const Loaded& loaded) { return loaded.table == table; });
    const bool is_building =
        building_ &&
        std::ranges::any_of(building_->tables, [&](const auto& of) { return of.second == table; });
    if (!is_loaded && !is_building) TRY(store_.drop(table));
  }
  is_open_ = true;
  return {};
}

const OnlineCatalog::Loaded* OnlineCatalog::find(const std::string& fingerprint,
                                                 std::optional<types::Timestamp> until) const {
  const Loaded* best = nullptr;
  for (const Loaded& loaded : loaded_) {
    if (loaded.fingerprint != fingerprint || (until && !(loaded.until && *loaded.until >= *until)))
      continue;
    if (best == nullptr || loaded.until < best->until) best = &loaded;
  }
  return best;
}

Result<void> OnlineCatalog::save(std::vector<Loaded> loaded, std::optional<Building> building) {
  JsonArray tables;
  for (const Loaded& one : loaded) {
    JsonObject item{{"view", one.fingerprint}, {"table", one.table}};
    if (one.until) item["until"] = one.until->micros;
    tables.push_back(std::move(item));
  }
  JsonObject root{{"next", next_}, {"tables", std::move(tables)}};
  if (building) {
    JsonObject fresh;
    for (const auto& [view, table] : building->tables) fresh[view] = table;
    root["building"] = JsonObject{{"until", building->until}, {"tables", std::move(fresh)}};
  }
  TRY(store_.write({.rows = {}, .notes = {{kCatalogNote, base::to_text(root)}}}));
  loaded_ = std::move(loaded);
  building_ = std::move(building);
  return {};
}

}  // namespace slipway::features
