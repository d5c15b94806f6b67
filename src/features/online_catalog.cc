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
  return until == other.until && versions == other.versions &&
         std::ranges::equal(tables, other.tables, is_same);
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

Result<bool> OnlineCatalog::open() {
  is_open_ = false;
  const bool has_all = TRY(store_.attach());
  loaded_.clear();
  building_.reset();
  if (const std::optional<std::string> text = TRY(store_.note(kCatalogNote))) {
    const JsonObject root = TRY(base::parse_json_object(*text));
    // A store that came back empty, or older, doesn't know the numbers that are in use.
    next_ = std::max(next_, static_cast<Table>(TRY(base::get_int(root, "next"))));
    const Json* tables = root.if_contains("tables");
    if (tables == nullptr || !tables->is_array()) return damaged();
    for (const Json& item : tables->get_array()) {
      if (!item.is_object()) return damaged();
      const JsonObject& object = item.get_object();
      Loaded loaded;
      loaded.fingerprint = TRY(base::get_string(object, "view"));
      loaded.table = static_cast<Table>(TRY(base::get_int(object, "table")));
      loaded.of.loads = TRY(base::find_int(object, "loads")).value_or(0);
      if (const auto micros = TRY(base::find_int(object, "until")))
        loaded.of.until = types::Timestamp{*micros};
      loaded.brought = TRY(base::find_int(object, "brought"));
      loaded_.push_back(std::move(loaded));
    }
    if (const Json* item = root.if_contains("building"); item != nullptr && item->is_object()) {
      const JsonObject& object = item->get_object();
      Building building;
      building.until = TRY(base::get_int(object, "until"));
      if (const Json* versions = object.if_contains("versions")) {
        if (!versions->is_object()) return damaged();
        for (const auto& [source, version] : versions->get_object()) {
          if (!version.is_string()) return damaged();
          building.versions[std::string(std::string_view(source))] =
              std::string_view(version.get_string());
        }
      }
      const Json* fresh = object.if_contains("tables");
      if (fresh == nullptr || !fresh->is_object()) return damaged();
      for (const auto& [view, table] : fresh->get_object()) {
        if (!table.is_int64()) return damaged();
        building.tables[std::string(std::string_view(view))] =
            static_cast<Table>(table.get_int64());
      }
      building_ = std::move(building);
    }
  }
  is_open_ = true;
  return has_all;
}

Result<void> OnlineCatalog::drop_strays() {
  for (const Table table : TRY(store_.tables())) {
    const bool is_loaded =
        std::ranges::any_of(loaded_, [&](const Loaded& loaded) { return loaded.table == table; });
    const bool is_building =
        building_ &&
        std::ranges::any_of(building_->tables, [&](const auto& of) { return of.second == table; });
    if (!is_loaded && !is_building) TRY(store_.drop(table));
  }
  return {};
}

const OnlineCatalog::Loaded* OnlineCatalog::find(const std::string& fingerprint,
                                                 const Materialized& of) const {
  const auto found = std::ranges::find_if(loaded_, [&](const Loaded& loaded) {
    return loaded.fingerprint == fingerprint && loaded.of == of;
  });
  return found == loaded_.end() ? nullptr : &*found;
}

Result<void> OnlineCatalog::save(std::vector<Loaded> loaded, std::optional<Building> building) {
  JsonArray tables;
  for (const Loaded& one : loaded) {
    JsonObject item{{"view", one.fingerprint}, {"table", one.table}, {"loads", one.of.loads}};
    if (one.of.until) item["until"] = one.of.until->micros;
    if (one.brought) item["brought"] = *one.brought;
    tables.push_back(std::move(item));
  }
  JsonObject root{{"next", next_}, {"tables", std::move(tables)}};
  if (building) {
    JsonObject versions, fresh;
    for (const auto& [source, version] : building->versions) versions[source] = version;
    for (const auto& [view, table] : building->tables) fresh[view] = table;
    root["building"] = JsonObject{{"until", building->until},
                                  {"versions", std::move(versions)},
                                  {"tables", std::move(fresh)}};
  }
  TRY(store_.write({.rows = {}, .notes = {{kCatalogNote, base::to_text(root)}}}));
  loaded_ = std::move(loaded);
  building_ = std::move(building);
  return {};
}

}  // namespace slipway::features
