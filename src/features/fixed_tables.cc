#include "features/fixed_tables.h"

namespace slipway::features {
namespace {

// Somebody else's table, under the name of a new one.
class SharedTable final : public Table {
 public:
  explicit SharedTable(Table& table) : table_(table) {}
  Result<types::Frame> rows(const std::vector<std::string>& columns) override {
    return table_.rows(columns);
  }
  std::int64_t row_count() const override { return table_.row_count(); }
  Result<void> scan(const std::vector<std::string>& columns, const std::optional<TimeRange>& range,
                    const Visit& visit) override {
    return table_.scan(columns, range, visit);
  }
  std::string version() const override { return table_.version(); }

 private:
  Table& table_;
};

}  // namespace

Result<const FixedTables::Fixed*> FixedTables::look_at(const std::string& dataset) {
  if (const auto found = fixed_.find(dataset); found != fixed_.end()) return &found->second;
  std::unique_ptr<Table> table = TRY(tables_.open(dataset));
  for (;;) {
    std::vector<NamedColumn> columns = TRY(tables_.columns(dataset));
    std::vector<std::string> key = TRY(tables_.key(dataset));
    Result<std::string> arrival_time = tables_.arrival_time(dataset);
    // Another version came in between: its columns are not those of `table`.
    std::unique_ptr<Table> newest = TRY(tables_.open(dataset));
    const bool is_same = newest->version() == table->version();
    table = std::move(newest);
    if (!is_same) continue;
    return &fixed_
                .emplace(dataset, Fixed{.table = std::move(table),
                                        .columns = std::move(columns),
                                        .key = std::move(key),
                                        .arrival_time = std::move(arrival_time)})
                .first->second;
  }
}

Result<std::vector<NamedColumn>> FixedTables::columns(const std::string& dataset) {
  return TRY(look_at(dataset))->columns;
}

Result<std::vector<std::string>> FixedTables::key(const std::string& dataset) {
  return TRY(look_at(dataset))->key;
}

Result<std::string> FixedTables::arrival_time(const std::string& dataset) {
  return TRY(look_at(dataset))->arrival_time;
}

Result<std::unique_ptr<Table>> FixedTables::open(const std::string& dataset) {
  return std::unique_ptr<Table>(new SharedTable(*TRY(look_at(dataset))->table));
}

}  // namespace slipway::features
