#include "store/csv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

namespace slipway::store {
namespace {

class CsvTest : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& text) {
    const auto file = std::filesystem::path(testing::TempDir()) / "csv_test.csv";
    std::ofstream(file) << text;
    return file;
  }
};

TEST_F(CsvTest, ReadsWhatPandasWrites) {
  const auto frame =
      MUST(read_csv(write("n,x,word,flag,at\n"
                          "1,0.5,\"a, \"\"b\"\"\",True,2024-01-02 03:04:05\n"
                          ",NaN,,False,\n"
                          "3,-1e300,c,,2024-01-03 00:00:00\n")));
  ASSERT_EQ(frame.rows(), 3u);
  EXPECT_EQ(frame.find("n")->type, types::ColumnType::kInt64);
  EXPECT_EQ(frame.find("n")->null_count(), 1u);
  EXPECT_EQ(frame.find("x")->type, types::ColumnType::kDouble);
  EXPECT_EQ(frame.find("x")->number(2), -1e300);
  EXPECT_TRUE(std::isnan(frame.find("x")->number(1)));
  EXPECT_EQ(frame.find("word")->strings[0], "a, \"b\"");
  EXPECT_FALSE(frame.find("word")->is_valid(1));
  EXPECT_EQ(frame.find("flag")->type, types::ColumnType::kBool);
  EXPECT_EQ(frame.find("at")->type, types::ColumnType::kTimestamp);
}

TEST_F(CsvTest, ReadsSomeColumnsInTheAskedOrder) {
  const auto frame = MUST(read_csv(write("a,b,c\n1,2,3\n"), {"c", "a"}));
  ASSERT_EQ(frame.columns().size(), 2u);
  EXPECT_EQ(frame.columns()[0].name, "c");
  EXPECT_EQ(frame.columns()[1].name, "a");
}

TEST_F(CsvTest, SaysWhatIsWrong) {
  const auto code = [](const auto& result) { return result.error().code; };
  EXPECT_EQ(code(read_csv("/nowhere/at/all.csv")), Code::kNotFound);
  EXPECT_EQ(code(read_csv(write("a,b\n1,2\n"), {"z"})), Code::kNotFound);
  EXPECT_EQ(code(read_csv(write(""))), Code::kCorruption);
  const auto ragged = read_csv(write("a,b\n1,2\n1,2,3\n"));
  EXPECT_EQ(code(ragged), Code::kCorruption);
  EXPECT_NE(ragged.error().message.find("#3"), std::string::npos) << ragged.error().message;
}

}  // namespace
}  // namespace slipway::store
