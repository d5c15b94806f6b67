// Keys of rows (key_of) and of columns (KeyCodes) are one thing, and exact in all 64 bits.
#include "features/key_codes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/random.h"
#include "features/feature_store.h"
#include "features/testing/memory_tables.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::features {
namespace {

using types::Column;
using types::ColumnType;

constexpr std::int64_t kBig = (std::int64_t{1} << 53) + 1;  // the first that a double rounds

Column random_cells(ColumnType type, std::size_t rows, bool are_close, base::Random& random) {
  const std::int64_t wholes[] = {0,    7,     -7,        kBig - 1,
                                 kBig, -kBig, kBig + 20, std::numeric_limits<std::int64_t>::max()};
  const double doubles[] = {0.0,    -0.0,    7,     7.5,      0x1p53, 0x1p62,
                            0x1p63, -0x1p63, 1e300, INFINITY, NAN};
  const char* texts[] = {"",
                         "7",
                         "-7",
                         "7.5",
                         "9007199254740993",
                         "JFK",
                         "a",
                         "a\x1f",
                         "\x1f"
                         "a"};
  Column column = Column::of_type("", type);
  for (std::size_t row = 0; row < rows; ++row) {
    if (random.next_u64() % 10 == 0) {
      column.append_null();
    } else if (type == ColumnType::kDouble) {
      column.append_double(doubles[random.next_u64() % std::size(doubles)]);
    } else if (type == ColumnType::kString) {
      column.append_string(texts[random.next_u64() % std::size(texts)]);
    } else if (type == ColumnType::kBool) {
      column.append_int(static_cast<std::int64_t>(random.next_u64() % 2));
    } else if (are_close) {
      column.append_int(kBig + static_cast<std::int64_t>(random.next_u64() % 9) - 4);
    } else {
      column.append_int(wholes[random.next_u64() % std::size(wholes)]);
    }
  }
  return column;
}

std::optional<std::string> key_at(const std::vector<Column>& columns, std::size_t row) {
  std::vector<Value> values;
  std::vector<std::size_t> places;
  for (const Column& column : columns) {
    places.push_back(values.size());
    values.push_back(cell_of(column, row));
  }
  return key_of(values, places);
}

TEST(KeyCodes, AreThoseOfKeyOf) {
  base::SeededRandom random(3);
  const ColumnType types[] = {ColumnType::kDouble, ColumnType::kInt64, ColumnType::kBool,
                              ColumnType::kString, ColumnType::kTimestamp};
  for (int round = 0; round < 300; ++round) {
    std::vector<Column> stored, asked;
    for (std::uint64_t i = 0; i <= random.next_u64() % 2; ++i) {
      const auto any = [&] { return types[random.next_u64() % std::size(types)]; };
      const bool are_close = random.next_u64() % 2 == 0;
      stored.push_back(random_cells(any(), 60, are_close, random));
      asked.push_back(random_cells(any(), 60, are_close, random));
    }
    std::vector<const Column*> stored_cells, asked_cells;
    for (const Column& column : stored) stored_cells.push_back(&column);
    for (const Column& column : asked) asked_cells.push_back(&column);
    KeyCodes codes(stored_cells);
    const std::vector<std::uint32_t> of_rows = codes.take_codes();
    const std::vector<std::uint32_t> found = codes.find(asked_cells);
    std::map<std::string, std::uint32_t> by_key;
    for (std::size_t row = 0; row < 60; ++row) {
      const auto key = key_at(stored, row);
      const std::uint32_t code = of_rows[row];
      ASSERT_EQ(code == KeyCodes::kMissing, !key.has_value());
      if (key) {
        ASSERT_EQ(by_key.try_emplace(*key, code).first->second, code) << *key;
      }
    }
    ASSERT_EQ(by_key.size(), codes.size());
    for (std::size_t row = 0; row < 60; ++row) {
      const auto key = key_at(asked, row);
      const std::uint32_t expected = !key                    ? KeyCodes::kMissing
                                     : by_key.contains(*key) ? by_key.at(*key)
                                                             : KeyCodes::kUnknown;
      ASSERT_EQ(found[row], expected) << key.value_or("missing");
    }
  }
}

// Ids were doubles: from 2^53 on, neighbours read each other's features.
TEST(KeyCodes, IdsOf64BitsStayApart) {
  store::testing::TempFolder folder;
  base::ManualClock clock{{7'000'000}};
  base::SeededRandom random(1);
  const auto db = store::open_sqlite({.file = folder.path() / "f.db"}, clock, random).value();
  MUST(db->migrate({migrations()}));
  testing::MemoryTables tables;
  Column id = Column::of_type("id", ColumnType::kInt64),
         at = Column::of_type("at", ColumnType::kTimestamp),
         known = Column::of_type("known", ColumnType::kTimestamp),
         amount = Column::of_type("amount", ColumnType::kDouble);
  for (const std::int64_t i : {0, 1, 2, 3}) {
    id.append_int(kBig + i);
    at.append_int(1'000'000);
    known.append_int(1'000'000);
    amount.append_double(static_cast<double>(i));
  }
  for (Column* column : {&id, &at, &known, &amount})
    MUST(tables.tables["sales"].frame.add(std::move(*column)));
  tables.tables["sales"].key = {"id"};
  tables.tables["sales"].arrival = "known";
  FeatureStore store(*db, tables, clock);
  MUST(store.set_definitions(MUST(parse_definitions(R"yaml(
features:
  sources: {sales: {dataset: sales, event_time: at, arrival_time: known}}
  views:
    latest: {source: sales, keys: [id], columns: {amount: amount}}
    spent: {source: sales, keys: [id], windows: [1h], aggregates: {sum: sum(amount)}}
  services:
    s: {event_time: at, request: {id: int64, at: timestamp}, features: [latest, spent, request.id]}
)yaml"))));

  const auto asked = [&](std::int64_t i) {
    return store
        .lookup("s", {{"id", whole_number(kBig + i)}, {"at", types::Timestamp{2'000'000}}},
                std::nullopt)
        .value();
  };
  const auto expected = [](double amount, std::int64_t i) {
    return std::vector<Value>{amount, amount, static_cast<double>(kBig + i)};
  };
  ASSERT_EQ(store.materialize({.as_of = {1'000'000}}).value(), 4);
  for (const std::int64_t i : {0, 1, 2, 3})
    EXPECT_EQ(asked(i), expected(static_cast<double>(i), i));

  // Pushed ids are exact too, and come back so from the disk.
  const JsonObject row = {
      {"id", kBig + 4}, {"at", 1'000'000}, {"known", 1'000'000}, {"amount", 4.0}};
  const JsonObject next = {
      {"id", kBig + 5}, {"at", 1'000'000}, {"known", 1'000'000}, {"amount", 5.0}};
  EXPECT_EQ(store.push("sales", {row, next}).value(), 2);
  for (int reopened = 0; reopened < 2; ++reopened) {
    EXPECT_EQ(asked(4), expected(4.0, 4));
    EXPECT_EQ(asked(5), expected(5.0, 5));
    MUST(store.materialize({.as_of = {1'000'000}}));
  }

  const types::Frame set =
      store.history({.service = "s", .entities = "sales", .as_of = {9'000'000}}).value().frame;
  for (const std::size_t i : {0u, 1u, 2u, 3u}) {
    EXPECT_EQ(set.find("id")->ints[i], kBig + static_cast<std::int64_t>(i));
    EXPECT_EQ(set.find("latest__amount")->doubles[i], static_cast<double>(i));
    EXPECT_EQ(set.find("spent__sum_1h")->doubles[i], static_cast<double>(i));
  }
}

}  // namespace
}  // namespace slipway::features
