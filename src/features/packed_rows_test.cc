#include "features/packed_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/random.h"

namespace slipway::features {
namespace {

struct Row {
  std::int64_t event, arrival;
  std::uint64_t identity;
  double number;
  std::string text;  // "-": missing
  std::int64_t time;

  auto order() const { return std::tie(event, arrival, identity); }
};

const RowLayout kMixed{.cells = {CellKind::kNumber, CellKind::kText, CellKind::kTime}};
const RowLayout kNumbers{.cells = {CellKind::kNumber}};

std::string block_of(const RowLayout& layout, std::span<const Row> rows,
                     types::Timestamp now = {std::int64_t{1} << 61}) {
  BlockWriter block(layout, rows.size(), now);
  for (const Row& row : rows) {
    block.row(row.event, row.arrival, row.identity);
    std::isnan(row.number) ? block.missing(CellKind::kNumber) : block.number(row.number);
    if (layout.cells.size() == 1) continue;
    row.text == "-" ? block.missing(CellKind::kText) : block.text(row.text);
    row.time == 0 ? block.missing(CellKind::kTime) : block.time(row.time);
  }
  return block.finish();
}

void expect_rows(const RowLayout& layout, std::string_view bytes, std::span<const Row> expected) {
  std::string scratch;
  const auto rows = PackedRows::open(layout, bytes, scratch);
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(rows->event(i), expected[i].event);
    EXPECT_EQ(rows->arrival(i), expected[i].arrival);
    EXPECT_EQ(rows->identity(i), expected[i].identity);
    EXPECT_EQ(rows->number_cell(i, 0), expected[i].number);
    if (layout.cells.size() == 1) continue;
    ASSERT_EQ(rows->has_text(i, 1), expected[i].text != "-");
    EXPECT_EQ(rows->has_text(i, 1) ? rows->text_cell(i, 1) : "-", expected[i].text);
    EXPECT_EQ(rows->time_cell(i, 2),
              expected[i].time == 0 ? PackedRows::kMissingTime : expected[i].time);
  }
}

// What stays by the rule of the header, looked at row by row.
std::vector<Row> kept_rows(std::vector<Row> rows, std::int64_t keep) {
  std::ranges::stable_sort(rows, {}, &Row::order);
  rows.erase(std::ranges::unique(rows, {}, &Row::order).begin(), rows.end());
  std::int64_t newest = std::numeric_limits<std::int64_t>::min();
  for (const Row& row : rows) newest = std::max(newest, std::min(row.event, row.arrival));
  std::size_t first = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].event <= newest - keep && rows[i].arrival <= newest - keep) first = i;
  }
  return {rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end()};
}

TEST(PackedRows, BlocksAreReadInOrderWhateverTheOrderTheyCameIn) {
  base::SeededRandom random(7);
  const auto below = [&](std::uint64_t n) {
    return static_cast<std::int64_t>(random.next_u64() % n);
  };
  for (int round = 0; round < 300; ++round) {
    const bool is_mixed = below(2) == 0;
    RowLayout layout = is_mixed ? kMixed : kNumbers;
    const std::int64_t keep = 1 + below(40);
    const bool keeps_all = below(3) == 0;
    if (!keeps_all) layout.keep_seconds = static_cast<std::uint32_t>(keep);
    std::vector<Row> all;
    std::string appended, added;
    for (std::int64_t blocks = 1 + below(6); blocks-- > 0;) {
      std::vector<Row> rows;
      for (std::int64_t i = 1 + below(5); i-- > 0;) {
        const std::int64_t event = below(60) * 1'000'000;
        rows.push_back({event, event + below(3) * 1'000'000, static_cast<std::uint64_t>(below(3)),
                        static_cast<double>(below(1'000)) / 7,
                        below(4) == 0 ? "-" : std::string(static_cast<std::size_t>(below(20)), 'x'),
                        below(5)});
      }
      if (!all.empty() && below(3) == 0) rows.push_back(all.front());  // once more
      std::ranges::stable_sort(rows, {}, &Row::order);
      rows.erase(std::ranges::unique(rows, {}, &Row::order).begin(), rows.end());
      all.insert(all.end(), rows.begin(), rows.end());
      const std::string block = block_of(layout, rows);
      appended += block;
      ASSERT_TRUE(add_block(added, block));
    }
    const auto expected = kept_rows(all, keeps_all ? std::int64_t{1} << 60 : keep * 1'000'000);
    expect_rows(layout, merge_rows(appended).value(), expected);
    // What is added bit by bit may still have rows that are of no use; merged it has not.
    expect_rows(layout, merge_rows(added).value(), expected);
    EXPECT_EQ(count_rows(merge_rows(appended).value()).value(), expected.size());
  }
}

// Rows that correct others: added one by one or all together, in any order, what is there of a
// moment that may be asked for is what looking at all rows gives.
TEST(PackedRows, CorrectedRowsCountUntilTheCorrectionArrives) {
  base::SeededRandom random(11);
  const auto below = [&](std::uint64_t n) {
    return static_cast<std::int64_t>(random.next_u64() % n);
  };
  constexpr std::int64_t kSecond = 1'000'000, kKept = 20;
  const RowLayout layout{.cells = {CellKind::kNumber, CellKind::kTime, CellKind::kTime},
                         .keep_seconds = kKept,
                         .is_corrected = true};
  struct Told {
    std::int64_t event, arrival, key;
    std::uint64_t identity;
    auto later() const { return std::tie(arrival, event, identity); }
  };
  std::size_t corrected = 0, dropped = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<Told> all;
    std::string added, appended;
    for (std::int64_t left = 5 + below(40); left-- > 0;) {
      // Known when it happens, or later: now and then of something long ago.
      const std::int64_t arrival = below(150), before = below(3) == 0 ? below(100) : below(5);
      all.push_back({std::max<std::int64_t>(arrival - before, 0) * kSecond, arrival * kSecond,
                     below(8) == 0 ? PackedRows::kMissingTime : below(12), all.size()});
      const Told& told = all.back();
      BlockWriter block(layout, 1, {std::int64_t{1} << 61});
      block.row(told.event, told.arrival, told.identity);
      block.number(static_cast<double>(told.identity));
      block.time(told.key);
      block.time(std::numeric_limits<std::int64_t>::max());
      const std::string bytes = block.finish();
      ASSERT_TRUE(add_block(added, bytes));
      appended += below(3) == 0 ? merge_part(bytes + bytes).value() : bytes;
    }
    std::int64_t newest = 0;
    for (const Told& told : all) newest = std::max(newest, std::min(told.event, told.arrival));
    const std::int64_t cut = newest - kKept * kSecond;
    const auto counts = [&](const Told& told, std::int64_t moment) {
      return told.arrival <= moment && std::ranges::none_of(all, [&](const Told& other) {
               return other.arrival <= moment && other.key == told.key &&
                      other.key != PackedRows::kMissingTime && other.later() > told.later();
             });
    };
    for (const std::string& bytes : {added, appended, merge_part(appended).value()}) {
      std::string scratch;
      const PackedRows rows = PackedRows::open(layout, bytes, scratch).value();
      dropped += all.size() - rows.size();
      for (std::int64_t moment = std::max<std::int64_t>(cut, 0); moment <= 150 * kSecond;
           moment += kSecond) {
        std::vector<double> expected, found;
        for (const Told& told : all) {
          if (told.event <= cut) continue;
          if (counts(told, moment)) expected.push_back(static_cast<double>(told.identity));
          corrected += told.arrival <= moment && !counts(told, moment) ? 1 : 0;
        }
        for (std::size_t row = 0; row < rows.size(); ++row) {
          if (rows.event(row) > cut && rows.is_known(row, moment))
            found.push_back(rows.number_cell(row, 0));
        }
        std::ranges::sort(found);
        ASSERT_EQ(found, expected) << "round " << round << " at " << moment / kSecond;
      }
    }
  }
  EXPECT_GT(corrected, 5'000u);
  EXPECT_GT(dropped, 1'000u);
}

// A row of 2099, of a wrong clock, must not push out what is true today.
TEST(PackedRows, ARowOfTheFuturePushesNothingOut) {
  RowLayout layout = kNumbers;
  layout.keep_seconds = 10;
  const std::vector<Row> rows = {{100'000'000, 100'000'000, 1, 1, "", 0},
                                 {105'000'000, 105'000'000, 2, 2, "", 0},
                                 {std::int64_t{1} << 60, 106'000'000, 3, 3, "", 0}};
  expect_rows(layout, merge_rows(block_of(layout, rows)).value(), rows);
}

// A rehearsal pushes days before they come; each says when it will be known.
TEST(PackedRows, RowsOfDaysToComePushNothingOut) {
  RowLayout layout = kNumbers;
  layout.keep_seconds = 10;
  std::vector<Row> rows;
  for (std::int64_t second = 100; second < 200; second += 5)
    rows.push_back({second * 1'000'000, second * 1'000'000, 1, 1, "", 0});
  const types::Timestamp now{120'000'000};
  expect_rows(layout, merge_rows(block_of(layout, rows, now)).value(), std::span(rows).subspan(2));
  const std::string later = block_of(layout, std::span(rows).last(1), {150'000'000});
  expect_rows(layout, merge_rows(block_of(layout, rows, now) + later).value(),
              std::span(rows).subspan(8));
  std::string bytes;
  for (const Row& row : rows)
    ASSERT_TRUE(add_block(bytes, block_of(layout, std::span(&row, 1), now)));
  expect_rows(layout, merge_rows(bytes).value(), std::span(rows).subspan(2));
}

TEST(PackedRows, AddingManyKeepsWhatIsOfUse) {
  RowLayout layout = kNumbers;
  layout.keep_seconds = 100;
  std::string bytes;
  std::size_t most = 0;
  for (std::int64_t second = 0; second < 10'000; ++second) {
    const std::vector<Row> one = {{second * 1'000'000, second * 1'000'000, 1, 1, "", 0}};
    ASSERT_TRUE(add_block(bytes, block_of(layout, one)));
    most = std::max(most, count_rows(bytes).value());
  }
  EXPECT_LT(most, 210u);
  EXPECT_GE(count_rows(bytes).value(), 101u);
}

TEST(PackedRows, DamagedBytesAreSaid) {
  const std::vector<Row> rows = {{1, 2, 3, 4, "five", 6}, {7, 8, 9, 10, "-", 0}};
  const std::string good = block_of(kMixed, rows) + block_of(kMixed, rows);
  std::string scratch;
  EXPECT_FALSE(PackedRows::open(kNumbers, good, scratch));
  for (std::size_t length = 1; length < good.size(); ++length) {
    const std::string_view cut = std::string_view(good).substr(0, length);
    EXPECT_EQ(PackedRows::open(kMixed, cut, scratch).has_value(), length == good.size() / 2)
        << length;
  }
  base::SeededRandom random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string bad = good;
    for (int i = 0; i < 2; ++i)
      bad[random.next_u64() % bad.size()] = static_cast<char>(random.next_u64());
    const auto opened = PackedRows::open(kMixed, bad, scratch);
    for (std::size_t row = 0; opened && row < opened->size(); ++row) {
      EXPECT_LE(opened->has_text(row, 1) ? opened->text_cell(row, 1).size() : 0, bad.size());
    }
  }
}

}  // namespace
}  // namespace slipway::features
