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
  Result<std::unique_ptr<features::Table>> open(const std::string& dataset) override {
    return std::unique_ptr<features::Table>(new Opened(TRY(find(dataset))->frame));
  }

 private:
  class Opened final : public features::Table {
   public:
    explicit Opened(types::Frame frame) : frame_(std::move(frame)) {}
    Result<types::Frame> rows(const std::vector<std::string>& columns) override {
      if (columns.empty()) return frame_;
      types::Frame some;
      for (const std::string& name : columns) TRY(some.add(*TRY(frame_.column(name))));
      return some;
    }

   private:
    const types::Frame frame_;
  };

  Result<const Table*> find(const std::string& dataset) const {
    const auto found = tables.find(dataset);
    if (found == tables.end()) return base::error(Code::kNotFound, "no such dataset: {}", dataset);
    return &found->second;
  }
};

}  // namespace slipway::features::testing
