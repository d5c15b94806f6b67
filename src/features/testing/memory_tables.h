// Datasets in memory, for tests.
#pragma once

#include <functional>
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
  int reads = 0;                  // how often rows were asked for
  std::function<void()> on_read;  // called then

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
    return std::unique_ptr<features::Table>(new Opened(TRY(find(dataset))->frame, *this));
  }

 private:
  class Opened final : public features::Table {
   public:
    Opened(types::Frame frame, MemoryTables& all) : frame_(std::move(frame)), all_(all) {}
    std::string version() const override { return std::to_string(frame_.rows()); }
    std::int64_t row_count() const override { return static_cast<std::int64_t>(frame_.rows()); }
    Result<types::Frame> rows(const std::vector<std::string>& columns) override {
      ++all_.reads;
      if (all_.on_read) all_.on_read();
      if (columns.empty()) return frame_;
      types::Frame some;
      for (const std::string& name : columns) TRY(some.add(*TRY(frame_.column(name))));
      return some;
    }

    // In small pieces, to try what happens between them.
    Result<void> scan(const std::vector<std::string>& columns,
                      const std::optional<TimeRange>& range, const Visit& visit) override {
      const types::Frame all = TRY(rows(columns));
      const types::Column* times = range ? frame_.find(range->column) : nullptr;
      for (std::size_t first = 0; first < all.rows(); first += kRowsPerPiece) {
        std::vector<std::size_t> piece;
        bool is_asked = times == nullptr;
        for (std::size_t row = first; row < std::min(all.rows(), first + kRowsPerPiece); ++row) {
          piece.push_back(row);
          is_asked = is_asked || (times->is_valid(row) && times->ints[row] >= range->first &&
                                  times->ints[row] <= range->last);
        }
        if (is_asked) TRY(visit(all.take(piece), first));
      }
      return {};
    }

   private:
    static constexpr std::size_t kRowsPerPiece = 7;
    const types::Frame frame_;
    MemoryTables& all_;
  };

  Result<const Table*> find(const std::string& dataset) const {
    const auto found = tables.find(dataset);
    if (found == tables.end()) return base::error(Code::kNotFound, "no such dataset: {}", dataset);
    return &found->second;
  }
};

}  // namespace slipway::features::testing
