// Datasets as they were when each was first looked at.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "features/tables.h"

namespace slipway::features {

// Whatever is ingested or declared meanwhile, what is read of a dataset belongs together: its
// columns, key and arrival time are those of one moment, and so is the version that open() gives.
// For what has to be of one piece, and has to say what it was made of. One thread at a time; the
// tables that it gives, too. `tables` must outlive it, and it the tables that it gives.
class FixedTables final : public TableSource {
 public:
  explicit FixedTables(TableSource& tables) : tables_(tables) {}

  Result<std::vector<NamedColumn>> columns(const std::string& dataset) override;
  Result<std::vector<std::string>> key(const std::string& dataset) override;
  Result<std::string> arrival_time(const std::string& dataset) override;
  Result<std::unique_ptr<Table>> open(const std::string& dataset) override;

 private:
  struct Fixed {
    std::unique_ptr<Table> table;
    std::vector<NamedColumn> columns;
    std::vector<std::string> key;
    Result<std::string> arrival_time;
  };
  Result<const Fixed*> look_at(const std::string& dataset);

  TableSource& tables_;
  std::map<std::string, Fixed> fixed_;
};

}  // namespace slipway::features
