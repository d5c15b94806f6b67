// Online rows in RocksDB, in a folder of this machine: nothing is loaded when the server starts.
#pragma once

#include <filesystem>

#include "features/online_store.h"

namespace slipway::features {

struct RocksDbOptions {
  std::filesystem::path folder;  // made when it is missing
  std::uint64_t cache_bytes = 256ull << 20;
};

// kUnavailable: another process has the folder. kCorruption.
Result<std::unique_ptr<OnlineStore>> open_rocksdb_store(const RocksDbOptions& options);

}  // namespace slipway::features
