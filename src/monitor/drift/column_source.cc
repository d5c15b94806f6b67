#include "monitor/drift/column_source.h"

#include "base/check.h"
#include "base/mutex.h"
#include "store/csv.h"
#include "store/parquet.h"

namespace slipway::monitor {
namespace {

using Columns = std::vector<std::pair<std::string, types::ColumnType>>;

class FrameColumns final : public ColumnSource {
 public:
  explicit FrameColumns(types::Frame frame)
      : rows_(static_cast<std::int64_t>(frame.rows())), frame_(std::move(frame)) {
    for (const types::Column& column : frame_.columns()) {
      columns_.emplace_back(column.name, column.type);
    }
  }

  std::int64_t rows() const override { return rows_; }
  const Columns& columns() const override { return columns_; }
  Result<types::Column> read(const std::string& column) override {
    const base::MutexLock lock(mutex_);
    types::Column* found = frame_.find(column);
    CHECK(found != nullptr);
    return std::move(*found);
  }

 private:
  const std::int64_t rows_;
  Columns columns_;
  base::Mutex mutex_;
  types::Frame frame_ GUARDED_BY(mutex_);
};

class ParquetColumns final : public ColumnSource {
 public:
  ParquetColumns(std::filesystem::path file, store::ParquetInfo info)
      : file_(std::move(file)), info_(std::move(info)) {}

  std::int64_t rows() const override { return info_.rows; }
  const Columns& columns() const override { return info_.columns; }
  Result<types::Column> read(const std::string& column) override {
    types::Frame frame = TRY(store::read_parquet(file_, {column}));
    return std::move(frame.columns().front());
  }
  std::vector<std::string> lists() const override { return info_.lists; }
  Result<types::Frame> read_lists(const std::string& column) override {
    return store::read_parquet_lists(file_, column);
  }

 private:
  const std::filesystem::path file_;
  const store::ParquetInfo info_;
};

}  // namespace

Result<types::Frame> ColumnSource::read_lists(const std::string& column) {
  return base::error(Code::kNotFound, "no such column of lists: column={}", column);
}

std::unique_ptr<ColumnSource> columns_of(types::Frame frame) {
  return std::make_unique<FrameColumns>(std::move(frame));
}

Result<std::unique_ptr<ColumnSource>> open_columns(const std::filesystem::path& file,
                                                   const std::vector<std::string>& only) {
  if (file.extension() == ".csv") return columns_of(TRY(store::read_csv(file, only)));
  std::unique_ptr<ColumnSource> columns = std::make_unique<ParquetColumns>(
      file, TRY(store::parquet_info(file, store::ParquetLists::kNamed)));
  return columns;
}

}  // namespace slipway::monitor
