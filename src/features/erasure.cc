// Rows that were pushed are taken away for good, out of the database, which is the truth.

#include "features/feature_store.h"

namespace slipway::features {

Result<std::int64_t> FeatureStore::erase_pushed(const std::string& dataset, const IsGone& is_gone,
                                                Erase how) {
  std::vector<std::int64_t> gone;
  for (const Source& source : definitions()->sources) {
    if (source.dataset != dataset) continue;
    Result<void> read;
    TRY(db_.read([&](store::Reader& reader) {
      return reader.query("SELECT number, row FROM feature_rows WHERE source = ?", {source.name},
                          [&](const store::Row& row) {
                            const auto cells = base::parse_json_object(row.text(1));
                            if (!cells) {
                              read = cells.error();
                            } else if (is_gone(*cells)) {
                              gone.push_back(row.int64(0));
                            }
                          });
    }));
    TRY(std::move(read));
  }
  if (how == Erase::kRemove && !gone.empty()) {
    TRY(db_.write([&](store::Tx& tx) -> Result<void> {
      for (const std::int64_t number : gone)
        TRY(tx.execute("DELETE FROM feature_rows WHERE number = ?", {number}));
      return {};
    }));
  }
  return static_cast<std::int64_t>(gone.size());
}

}  // namespace slipway::features
