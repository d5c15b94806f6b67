#include "pipelines/pool_table.h"

namespace slipway::pipelines {

Result<Pools> PoolTable::read() {
  Pools pools;
  TRY(db_.read([&](store::Reader& reader) {
    return reader.query("SELECT name, slots FROM pipeline_pools", {},
                        [&](const store::Row& row) { pools[row.string(0)] = row.int64(1); });
  }));
  return pools;
}

Result<void> PoolTable::remove(const std::string& name, const std::string& actor) {
  return db_.write([&](store::Tx& tx) -> Result<void> {
    if (TRY(tx.execute("DELETE FROM pipeline_pools WHERE name = ?", {name})) == 0)
      return base::error(Code::kNotFound, "no such pool: pool={}", name);
    return tx.append_event(
        {.kind = "pipeline.pool.removed", .subject = "pools/" + name, .actor = actor});
  });
}

Result<void> PoolTable::declare(const Pools& pools, const std::string& actor) {
  const Pools before = TRY(read());
  return db_.write([&](store::Tx& tx) -> Result<void> {
    for (const auto& [name, slots] : pools) {
      const auto known = before.find(name);
      if (known != before.end() && known->second == slots) continue;
      TRY(
          tx.execute("INSERT INTO pipeline_pools(name, slots) VALUES(?, ?) ON CONFLICT(workspace, "
                     "name) DO UPDATE SET slots = excluded.slots",
                     {name, slots}));
      TRY(tx.append_event({.kind = "pipeline.pool.declared",
                           .subject = "pools/" + name,
                           .actor = actor,
                           .payload = {{"slots", slots}}}));
    }
    return {};
  });
}

}  // namespace slipway::pipelines
