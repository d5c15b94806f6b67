// Pools as they were declared, in the database. Safe to use from several threads.
#pragma once

#include <string>

#include "pipelines/definition.h"
#include "store/db.h"

namespace slipway::pipelines {

class PoolTable {
 public:
  explicit PoolTable(store::Db& db) : db_(db) {}

  Result<Pools> read();
  // Pools that aren't named stay.
  Result<void> declare(const Pools& pools, const std::string& actor);
  Result<void> remove(const std::string& name, const std::string& actor);  // kNotFound

 private:
  store::Db& db_;
};

}  // namespace slipway::pipelines
