#include "app/online_store.h"

#include "features/redis_store.h"
#include "features/rocksdb_store.h"
#include "features/tables.h"

namespace slipway::app {

Result<std::unique_ptr<features::OnlineStore>> open_online_store(const Settings& settings,
                                                                 const std::filesystem::path& data,
                                                                 store::Db& db,
                                                                 base::Random& random) {
  if (settings.online_store == "memory") return features::open_memory_store();
  if (settings.online_store == "rocksdb") {
    return features::open_rocksdb_store(
        {.folder = data / "online",
         .cache_bytes = static_cast<std::uint64_t>(settings.online_cache_bytes)});
  }
  features::RedisOptions options;
  options.address = TRY(features::parse_redis_url(settings.online_store));
  options.prefix = TRY(features::ensure_online_prefix(db, random));
  options.timeout = std::chrono::milliseconds(settings.online_timeout_ms);
  return features::make_redis_store(std::move(options), random);
}

}  // namespace slipway::app
