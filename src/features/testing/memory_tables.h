// Datasets in memory, for tests.
#pragma once

#include <map>

#include "features/tables.h"

namespace slipway::features::testing {

class MemoryTables final : public TableSource {
 public:
  struct Table {
    types::Frame frame;
    std::vector<std::string> key;
    std::string arrival;
  };
  std::map<std::string, Table> tables;

  Result<std::vector<NamedColumn>> columns(const std::string& dataset) override {
    std::vector<NamedColumn> columns;
    for (const types::Column& column : TRY(find(dataset))->frame.columns())
      columns.push_back(
          {column.name, value_type(column.type), column.type == types::ColumnType::kInt64});
    return columns;
  }
  Result<std::vector<std::string>> key(const std::string& dataset) override {
    return TRY(find(dataset))->key;
  }
  Result<std::string> arrival_time(const std::string& dataset) override {
    return TRY(find(dataset))->arrival;
  }
  Result<types::Frame> rows(const std::string& dataset,
                            const std::vector<std::string>& columns) override {
    const Table* table = TRY(find(dataset));
    if (columns.empty()) return table->frame;
    types::Frame some;
    for (const std::string& name : columns) TRY(some.add(*TRY(table->frame.column(name))));
    return some;
  }

 private:
  Result<const Table*> find(const std::string& dataset) const {
    const auto found = tables.find(dataset);
    if (found == tables.end()) return base::error(Code::kNotFound, "no such dataset: {}", dataset);
    return &found->second;
  }
};

}  // namespace slipway::features::testing
