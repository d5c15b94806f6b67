// The online store that the setting online-store names.
#pragma once

#include <filesystem>
#include <memory>

#include "app/settings.h"
#include "base/random.h"
#include "features/online_store.h"
#include "store/db.h"

namespace slipway::app {

// `db` has its tables. kInvalidArgument; kUnavailable: RocksDB's folder can't be opened. Redis is
// connected to when it is first used.
Result<std::unique_ptr<features::OnlineStore>> open_online_store(const Settings& settings,
                                                                 const std::filesystem::path& data,
                                                                 store::Db& db,
                                                                 base::Random& random);

}  // namespace slipway::app
