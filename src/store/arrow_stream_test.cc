// A few bytes of somebody else's take no more memory than they may, whatever they say.
#include "store/arrow_stream.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <arrow/ipc/api.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include "store/file_system.h"
#include "store/parquet.h"
#include "store/testing/temp_folder.h"

namespace slipway::store {
namespace {

using types::ColumnType;

// A batch of one column, as pyarrow writes it.
void write_stream(const std::filesystem::path& file, const std::shared_ptr<arrow::Array>& values) {
  const auto schema = arrow::schema({arrow::field("x", values->type())});
  const auto sink = arrow::io::FileOutputStream::Open(file.string()).ValueOrDie();
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.allow_64bit = true;
  const auto writer = arrow::ipc::MakeStreamWriter(sink, schema, options).ValueOrDie();
  const auto batch = arrow::RecordBatch::Make(schema, values->length(), {values});
  ASSERT_TRUE(writer->WriteRecordBatch(*batch).ok());
  ASSERT_TRUE(writer->Close().ok());
  ASSERT_TRUE(sink->Close().ok());
}

std::shared_ptr<arrow::Array> numbers(std::int64_t rows) {
  arrow::Int64Builder builder;
  for (std::int64_t row = 0; row < rows; ++row) EXPECT_TRUE(builder.Append(row).ok());
  return builder.Finish().ValueOrDie();
}

// One text that every row names.
std::shared_ptr<arrow::Array> same_text(std::size_t bytes, std::int64_t rows) {
  arrow::StringBuilder texts;
  EXPECT_TRUE(texts.Append(std::string(bytes, 'x')).ok());
  arrow::Int8Builder codes;
  EXPECT_TRUE(codes.AppendEmptyValues(rows).ok());
  return arrow::DictionaryArray::FromArrays(codes.Finish().ValueOrDie(),
                                            texts.Finish().ValueOrDie())
      .ValueOrDie();
}

class ArrowStreamTest : public ::testing::Test {
 protected:
  Result<void> copy(const std::shared_ptr<arrow::Array>& values, const ArrowStreamLimits& limits) {
    write_stream(folder_.path() / "stream", values);
    return arrow_stream_to_parquet(folder_.path() / "stream", parquet_, limits,
                                   [](const types::Frame&) { return Result<void>(); });
  }
  void expect_refused(const Result<void>& copied, Code code) {
    ASSERT_FALSE(copied);
    EXPECT_EQ(copied.error().code, code) << copied.error().message;
    EXPECT_FALSE(std::filesystem::exists(parquet_));
  }

  testing::TempFolder folder_;
  const std::filesystem::path parquet_ = folder_.path() / "rows.parquet";
};

// A column of nulls has no buffers: 200 bytes can say that there are any number of rows.
TEST_F(ArrowStreamTest, RowsThatTakeNoBytesAreCounted) {
  const auto nulls = std::make_shared<arrow::NullArray>(5'000'000'000);
  expect_refused(copy(nulls, {}), Code::kResourceExhausted);
  EXPECT_LT(std::filesystem::file_size(folder_.path() / "stream"), 400u);
}

TEST_F(ArrowStreamTest, ATextOfADictionaryCountsAsOftenAsItIsNamed) {
  const auto texts = same_text(100'000, 1'000'000);
  expect_refused(copy(texts, {.bytes = 1 << 30}), Code::kResourceExhausted);
  expect_refused(copy(texts, {.memory_bytes = 50'000}), Code::kResourceExhausted);
}

TEST_F(ArrowStreamTest, AndSoItDoesInParquet) {
  const auto texts = same_text(100'000, 100'000);
  const auto schema = arrow::schema({arrow::field("x", texts->type())});
  const auto table = arrow::Table::Make(schema, {texts});
  const auto sink = arrow::io::FileOutputStream::Open(parquet_.string()).ValueOrDie();
  parquet::ArrowWriterProperties::Builder stored;
  ASSERT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink, 1 << 20,
                                         parquet::default_writer_properties(),
                                         stored.store_schema()->build())
                  .ok());
  ASSERT_TRUE(sink->Close().ok());
  const std::string bytes = read_file(parquet_).value();
  EXPECT_LT(bytes.size(), 200'000u);
  const auto read = read_parquet(ParquetBytes{.bytes = bytes, .name = "f", .values_max = 1 << 30});
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kResourceExhausted);
  const auto scanned = scan_parquet(
      parquet_, {"x"}, 64 * 1024, std::nullopt,
      [](const types::Frame&, std::int64_t) { return Result<void>(); }, 1 << 30);
  ASSERT_FALSE(scanned);
  EXPECT_EQ(scanned.error().code, Code::kResourceExhausted);
}

TEST_F(ArrowStreamTest, OneBatchIsTakenAPieceAtATime) {
  constexpr std::int64_t kRows = 200'000;
  ASSERT_TRUE(copy(numbers(kRows), {.rows = kRows}));
  const types::Frame frame = read_parquet(parquet_).value();
  ASSERT_EQ(frame.rows(), static_cast<std::size_t>(kRows));
  for (std::int64_t row = 0; row < kRows; ++row)
    ASSERT_EQ(frame.find("x")->ints[static_cast<std::size_t>(row)], row);
  std::filesystem::remove(parquet_);
  expect_refused(copy(numbers(kRows), {.rows = kRows - 1}), Code::kResourceExhausted);
}

TEST_F(ArrowStreamTest, ColumnsAreAcceptedBeforeARowIsMade) {
  write_stream(folder_.path() / "stream", numbers(3));
  expect_refused(arrow_stream_to_parquet(folder_.path() / "stream", parquet_, {},
                                         [](const types::Frame& columns) -> Result<void> {
                                           EXPECT_EQ(columns.rows(), 0u);
                                           EXPECT_EQ(columns.find("x")->type, ColumnType::kInt64);
                                           return base::error(Code::kNotFound, "no such column");
                                         }),
                 Code::kNotFound);
}

TEST_F(ArrowStreamTest, TimesThatMicrosecondsDoNotTellAreRefused) {
  const auto times = [](arrow::TimeUnit::type unit, std::vector<std::int64_t> values) {
    arrow::TimestampBuilder builder(arrow::timestamp(unit), arrow::default_memory_pool());
    EXPECT_TRUE(builder.AppendValues(values).ok());
    return builder.Finish().ValueOrDie();
  };
  expect_refused(copy(times(arrow::TimeUnit::SECOND, {std::int64_t{1} << 60}), {}),
                 Code::kInvalidArgument);
  expect_refused(copy(times(arrow::TimeUnit::MILLI, {-(std::int64_t{1} << 60)}), {}),
                 Code::kInvalidArgument);
  ASSERT_TRUE(copy(times(arrow::TimeUnit::NANO, {-1, -1'000, -1'001, 999, 1'000}), {}));
  EXPECT_EQ(read_parquet(parquet_)->find("x")->ints, (std::vector<std::int64_t>{-1, -1, -2, 0, 1}));
}

}  // namespace
}  // namespace slipway::store
