#include "store/parquet.h"

#include <arrow/api.h>
#include <arrow/io/api.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include "base/hash.h"
#include "base/random.h"
#include "store/file_system.h"
#include "store/testing/temp_folder.h"

namespace slipway::store {
namespace {

using types::Column;
using types::ColumnType;

types::Frame example() {
  types::Frame frame;
  for (ColumnType type : {ColumnType::kDouble, ColumnType::kInt64, ColumnType::kBool,
                          ColumnType::kString, ColumnType::kTimestamp}) {
    Column column = Column::of_type(std::string(types::type_name(type)), type);
    for (int row = 0; row < 1000; ++row) {
      if (row % 7 == 0) {
        column.append_null();
      } else if (type == ColumnType::kDouble) {
        column.append_double(row * 0.1);
      } else if (type == ColumnType::kString) {
        column.append_string(std::to_string(row));
      } else {
        column.append_int(type == ColumnType::kBool ? row % 2 : row * 1'000'003LL);
      }
    }
    MUST(frame.add(std::move(column)));
  }
  return frame;
}

TEST(Parquet, RoundTripsEveryType) {
  testing::TempFolder folder;
  const types::Frame frame = example();
  ASSERT_TRUE(write_parquet(frame, folder.path() / "f.parquet"));
  const types::Frame back = read_parquet(folder.path() / "f.parquet").value();
  ASSERT_EQ(back.columns().size(), frame.columns().size());
  for (std::size_t i = 0; i < frame.columns().size(); ++i) {
    const Column& a = frame.columns()[i];
    const Column& b = back.columns()[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.type, b.type);
    EXPECT_EQ(a.ints, b.ints);
    EXPECT_EQ(a.strings, b.strings);
    EXPECT_EQ(a.null_count(), b.null_count());
    for (std::size_t row = 0; row < a.doubles.size(); ++row) {
      if (a.is_valid(row)) {
        EXPECT_EQ(a.doubles[row], b.doubles[row]);
      }
    }
  }
}

// Older Spark, Impala and Hive annotate no text.
TEST(Parquet, BytesAreReadAsTexts) {
  testing::TempFolder folder;
  const std::filesystem::path file = folder.path() / "f.parquet";
  arrow::BinaryBuilder towns;
  ASSERT_TRUE(towns.AppendValues({"Nîmes", "caf\xe9"}).ok());
  ASSERT_TRUE(towns.AppendNull().ok());
  const auto table = arrow::Table::Make(arrow::schema({arrow::field("town", arrow::binary())}),
                                        {towns.Finish().ValueOrDie()});
  const auto sink = arrow::io::FileOutputStream::Open(file.string()).ValueOrDie();
  ASSERT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink).ok());
  ASSERT_TRUE(sink->Close().ok());
  EXPECT_EQ(parquet_info(file).value().columns.at(0).second, ColumnType::kString);
  const types::Frame frame = read_parquet(file).value();
  EXPECT_EQ(frame.find("town")->strings, (std::vector<std::string>{"Nîmes", "caf\xe9", ""}));
  EXPECT_FALSE(frame.find("town")->is_valid(2));
  // A number of bytes that texts count with.
  const std::string bytes = read_file(file).value();
  EXPECT_TRUE(read_parquet({.bytes = bytes, .name = "f", .values_max = 120}));
  EXPECT_EQ(read_parquet({.bytes = bytes, .name = "f", .values_max = 100}).error().code,
            Code::kResourceExhausted);
}

TEST(Parquet, TellsTheTimesOfAFileWithoutReadingIt) {
  testing::TempFolder folder;
  const auto file = folder.path() / "f.parquet";
  MUST(write_parquet(example(), file));
  const ParquetInfo info = MUST(parquet_info(file));
  ASSERT_EQ(info.times.size(), 1u);
  EXPECT_EQ(info.times.at("timestamp"),
            (std::pair<std::int64_t, std::int64_t>(1'000'003, 999 * 1'000'003LL)));
}

TEST(Parquet, PicksColumnsInOrderAndNamesMissingOnes) {
  testing::TempFolder folder;
  const auto file = folder.path() / "f.parquet";
  ASSERT_TRUE(write_parquet(example(), file));
  const types::Frame two = read_parquet(file, {"string", "double"}).value();
  ASSERT_EQ(two.columns().size(), 2u);
  EXPECT_EQ(two.columns()[0].name, "string");
  EXPECT_EQ(read_parquet(file, {"nope"}).error().code, Code::kNotFound);
  EXPECT_EQ(parquet_info(file).value().rows, 1000);
}

TEST(Parquet, SameFrameSameBytes) {
  testing::TempFolder folder;
  ASSERT_TRUE(write_parquet(example(), folder.path() / "a"));
  ASSERT_TRUE(write_parquet(example(), folder.path() / "b"));
  EXPECT_EQ(base::sha256_hex(read_file(folder.path() / "a").value()),
            base::sha256_hex(read_file(folder.path() / "b").value()));
}

TEST(Parquet, RefusesWhatIsNoParquet) {
  testing::TempFolder folder;
  const auto file = folder.path() / "f.parquet";
  EXPECT_EQ(read_parquet(file).error().code, Code::kNotFound);
  ASSERT_TRUE(write_parquet(example(), file));
  const std::string bytes = read_file(file).value();
  for (const std::string& broken :
       {std::string(), std::string("hello"), bytes.substr(0, bytes.size() / 2), bytes.substr(8)}) {
    ASSERT_TRUE(write_file(file, broken));
    const auto read = read_parquet(file);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::kCorruption) << read.error().message;
  }
}

TEST(Parquet, APieceAtATimeIsTheWholeFile) {
  testing::TempFolder folder;
  const types::Frame frame = example();
  const auto file = folder.path() / "pieces.parquet";
  ParquetWriter writer(file);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer.append(frame));
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(writer.append(types::Frame()).error().code, Code::kInvalidArgument);
  ASSERT_TRUE(writer.finish());
  EXPECT_EQ(MUST(parquet_info(file)).row_groups, (std::vector<std::int64_t>{1000, 1000, 1000}));
  ParquetPieces pieces = MUST(ParquetPieces::open(file, {"string", "double"}, {1, 2}, 300));
  std::size_t rows = 0;
  while (auto piece = MUST(pieces.next())) {
    EXPECT_LE(piece->rows(), 300u);
    for (std::size_t row = 0; row < piece->rows(); ++row) {
      const std::size_t original = (rows + row) % 1000;
      EXPECT_EQ(piece->columns()[0].strings[row], frame.find("string")->strings[original]);
      EXPECT_EQ(piece->columns()[1].is_valid(row), frame.find("double")->is_valid(original));
    }
    rows += piece->rows();
  }
  EXPECT_EQ(rows, 2000u);
  EXPECT_EQ(ParquetPieces::open(file, {"nobody"}, {0}, 300).error().code, Code::kNotFound);
}

TEST(Parquet, AScanLeavesOutRowGroupsAndKnowsWhereItIs) {
  testing::TempFolder folder;
  const auto file = folder.path() / "scan.parquet";
  {
    ParquetWriter writer(file);
    for (std::int64_t group = 0; group < 4; ++group) {
      types::Column time = types::Column::of_type("time", types::ColumnType::kTimestamp), x = time;
      x.name = "x";
      x.type = types::ColumnType::kInt64;
      for (std::int64_t row = 0; row < 100; ++row) {
        time.append_int(group * 1000 + row);
        row == 7 ? x.append_null() : x.append_int(group * 100 + row);
      }
      types::Frame frame;
      ASSERT_TRUE(frame.add(std::move(time)));
      ASSERT_TRUE(frame.add(std::move(x)));
      ASSERT_TRUE(writer.append(frame));
    }
    ASSERT_TRUE(writer.finish());
  }
  const auto positions = [&](std::optional<ParquetRange> range) {
    std::vector<std::int64_t> rows;
    MUST(scan_parquet(file, {"x"}, 30, range,
                      [&](const types::Frame& piece, std::int64_t first) -> Result<void> {
                        EXPECT_LE(piece.rows(), 30u);
                        for (std::size_t i = 0; i < piece.rows(); ++i) {
                          rows.push_back(first + static_cast<std::int64_t>(i));
                          EXPECT_EQ(piece.columns()[0].is_valid(i), rows.back() % 100 != 7);
                          if (rows.back() % 100 != 7) {
                            EXPECT_EQ(piece.columns()[0].ints[i], rows.back());
                          }
                        }
                        return {};
                      }));
    return rows;
  };
  EXPECT_EQ(positions(std::nullopt).size(), 400u);
  const auto some =
      positions(ParquetRange{"time", 1050, 2000});  // of the second group and the third
  EXPECT_EQ(some.size(), 200u);
  EXPECT_EQ(some.front(), 100);
  EXPECT_EQ(some.back(), 299);
  EXPECT_TRUE(positions(ParquetRange{"time", 5000, 6000}).empty());
  EXPECT_EQ(positions(ParquetRange{"x", 0, 1}).size(), 400u);  // no column of times: all
  const auto stop = [](const types::Frame&, std::int64_t) -> Result<void> {
    return base::error(Code::kUnavailable, "enough");
  };
  EXPECT_EQ(scan_parquet(file, {"x"}, 30, {}, stop).error().code, Code::kUnavailable);
  EXPECT_EQ(scan_parquet(file, {"y"}, 30, {}, stop).error().code, Code::kNotFound);
}

TEST(Parquet, NumbersAreTheSameWhetherCompressedOrNot) {
  testing::TempFolder folder;
  base::SeededRandom random(3);
  types::Column noise = types::Column::of_type("noise", types::ColumnType::kDouble), quiet = noise,
                time = types::Column::of_type("time", types::ColumnType::kTimestamp);
  quiet.name = "quiet";
  for (int row = 0; row < 20'000; ++row) {
    noise.append_double(static_cast<double>(random.next_u64()) * 1e-19);
    quiet.append_double(1000 + row);
    time.append_int(static_cast<std::int64_t>(random.next_u64() >> 20));
  }
  noise.set_null(5);
  types::Frame frame;
  for (types::Column* column : {&noise, &quiet, &time}) ASSERT_TRUE(frame.add(*column));
  const auto file = folder.path() / "numbers.parquet";
  ASSERT_TRUE(write_parquet(frame, file));
  const types::Frame again = MUST(read_parquet(file));
  EXPECT_TRUE(std::equal(noise.doubles.begin() + 6, noise.doubles.end(),
                         again.find("noise")->doubles.begin() + 6));
  EXPECT_FALSE(again.find("noise")->is_valid(5));
  EXPECT_EQ(again.find("quiet")->doubles, quiet.doubles);
  EXPECT_EQ(again.find("time")->ints, time.ints);
  // 20,000 numbers of noise are as large as they are, the others are not.
  EXPECT_GT(std::filesystem::file_size(file), 160'000u);
  EXPECT_LT(std::filesystem::file_size(file), 160'000u + 160'000u);
}

TEST(Parquet, AWriterThatDoesNotFinishLeavesNothing) {
  testing::TempFolder folder;
  const auto file = folder.path() / "never.parquet";
  {
    ParquetWriter writer(file);
    ASSERT_TRUE(writer.append(example()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_EQ(ParquetWriter(file).finish().error().code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace slipway::store
