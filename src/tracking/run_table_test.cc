// The table of runs against searches of the same runs, and what is kept of long tables.
#include "tracking/run_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tracking/metric_series.h"
#include "tracking/search_grammars.h"
#include "tracking/testing/tracking_fixture.h"

namespace slipway::tracking {
namespace {

using Texts = std::vector<std::string>;

class RunTableTest : public testing::TrackingFixture {
 protected:
  std::string make_run(const std::string& name, double auc, const std::string& depth) {
    const std::string id =
        MUST(runs_.create({.experiment_id = "0", .user = "ada", .name = name, .start_ms = ++now_}))
            .id;
    std::vector<KeyValue> params;
    if (!depth.empty()) params.push_back({"depth", depth});
    MUST(runs_.log_batch(id, {{"auc", auc, 1, 1}}, params, {{"team name", "harbour"}}));
    return id;
  }

  static std::string id_of(std::int64_t number) { return fmt::format("{:032x}", number); }

  // Many at once, before anything is in memory; `auc` counts up.
  void fill(std::int64_t count) {
    MUST(db_->write([&](store::Tx& tx) -> Result<void> {
      TRY(MetricKeys::ensure(tx, "auc"));
      for (std::int64_t n = 1; n <= count; ++n) {
        TRY(
            tx.execute("INSERT INTO runs(number, id, experiment, name, \"user\", status, start_ms, "
                       "artifact_uri) VALUES(?, ?, 0, 'n', 'u', 0, ?, '')",
                       {n, id_of(n), n}));
        TRY(append_points(tx, n, {{{1, static_cast<double>(n), n, 0}}}));
      }
      return {};
    }));
  }

  Texts ids(const RunTable::PageQuery& query) { return MUST(table_.page(query)).ids; }

  std::int64_t now_ = 1000;
  base::Metrics metrics_;
  RunIndex index_{*db_, keys_, metrics_, {}};
  RunTable table_{*db_, keys_, index_, {}};
};

TEST_F(RunTableTest, GivesTheColumnsThatWereAskedFor) {
  const std::string first = make_run("first", 0.5, "6");
  const std::string second = make_run("second", std::nan(""), "");
  MUST(runs_.update(first, {.status = RunStatus::kFinished, .end_ms = 5000}));
  const RunTable::Page page = MUST(table_.page(
      {.of = {.experiment_id = "0"},
       .columns = {"metrics.auc", "params.depth", "tags.team name", "attributes.run_name",
                   "attributes.status", "attributes.end_time", "attributes.start_time",
                   "attributes.run_id", "attributes.user_id", "metrics.never", "params.never"}}));
  EXPECT_EQ(page.total, 2u);
  EXPECT_EQ(page.ids, (Texts{second, first}));
  ASSERT_EQ(page.columns.size(), 11u);
  const auto row = [&](std::size_t at) {
    std::vector<TableCell> cells;
    for (const auto& column : page.columns) cells.push_back(column.at(at));
    return cells;
  };
  EXPECT_EQ(row(1), (std::vector<TableCell>{0.5, "6", "harbour", "first", "FINISHED",
                                            std::int64_t{5000}, std::int64_t{1001}, first, "ada",
                                            std::monostate(), std::monostate()}));
  EXPECT_TRUE(std::isnan(std::get<double>(page.columns[0][0])));
  EXPECT_EQ(page.columns[1][0], TableCell());
  EXPECT_EQ(page.columns[5][0], TableCell());
}

TEST_F(RunTableTest, RefusesWhatItCannotAnswer) {
  make_run("only", 0.5, "6");
  const struct {
    const char* name;
    RunTable::PageQuery query;
    Code code;
  } cases[] = {
      {"filter", {.of = {.experiment_id = "0", .filter = "nonsense"}}, Code::kInvalidArgument},
      {"order", {.of = {.experiment_id = "0", .order_by = {"what.x"}}}, Code::kInvalidArgument},
      {"column", {.of = {.experiment_id = "0"}, .columns = {"auc"}}, Code::kInvalidArgument},
      {"no key", {.of = {.experiment_id = "0"}, .columns = {"metrics."}}, Code::kInvalidArgument},
      {"no such attribute",
       {.of = {.experiment_id = "0"}, .columns = {"attributes.colour"}},
       Code::kInvalidArgument},
      {"too many runs", {.of = {.experiment_id = "0"}, .count = 1001}, Code::kInvalidArgument},
      {"too many columns",
       {.of = {.experiment_id = "0"}, .columns = Texts(201, "metrics.auc")},
       Code::kInvalidArgument},
      {"no such experiment", {.of = {.experiment_id = "99"}}, Code::kNotFound},
      {"written otherwise", {.of = {.experiment_id = "00"}}, Code::kInvalidArgument},
      {"no number", {.of = {.experiment_id = "x"}}, Code::kInvalidArgument},
      {"group of a metric",
       {.of = {.experiment_id = "0", .in = RunTable::Group{"metrics.auc", "1"}}},
       Code::kInvalidArgument},
      {"runs without a status",
       {.of = {.experiment_id = "0", .in = RunTable::Group{"attributes.status", {}}}},
       Code::kInvalidArgument},
  };
  for (const auto& c : cases) {
    const auto page = table_.page(c.query);
    ASSERT_FALSE(page) << c.name;
    EXPECT_EQ(page.error().code, c.code) << c.name;
  }
  EXPECT_EQ(
      table_.groups({.of = {.experiment_id = "0"}, .by = "attributes.start_time"}).error().code,
      Code::kInvalidArgument);
  EXPECT_EQ(table_.columns("99", "", "", 10).error().code, Code::kNotFound);
  EXPECT_TRUE(table_.page(
      {.of = {.experiment_id = "0"}, .columns = Texts(200, "metrics.auc"), .count = 1000}));
}

// More runs than a chunk has, in many orders: pages of any place are what the search finds there.
TEST_F(RunTableTest, PagesAreWhatTheSearchFinds) {
  constexpr std::int64_t kRuns = 16'384 + 3000;
  std::mt19937_64 random(3);
  MUST(db_->write([&](store::Tx& tx) -> Result<void> {
    for (const char* key : {"auc", "loss"}) TRY(MetricKeys::ensure(tx, key));
    for (std::int64_t n = 1; n <= kRuns; ++n) {
      TRY(
          tx.execute("INSERT INTO runs(number, id, experiment, name, \"user\", status, start_ms, "
                     "artifact_uri) VALUES(?, ?, 0, ?, 'u', ?, ?, '')",
                     {n, id_of(n), fmt::format("run number {}", n % 977), static_cast<int>(n % 5),
                      static_cast<std::int64_t>(random() % 500)}));
      if (n % 3 != 0)
        TRY(tx.execute("INSERT INTO run_params(run, key, value) VALUES(?, 'depth', ?)",
                       {n, fmt::format("a long depth {}", n % 7)}));
      const double auc = n % 11 == 0 ? std::nan("") : static_cast<double>(random() % 50);
      if (n % 4 != 0) TRY(append_points(tx, n, {{{1, auc, n, 0}}}));
    }
    return {};
  }));
  const Texts orders[] = {{},
                          {"metrics.auc DESC"},
                          {"metrics.auc ASC"},
                          {"params.depth DESC"},
                          {"params.depth"},
                          {"attributes.run_name"},
                          {"attributes.run_name DESC"},
                          {"attributes.status"},
                          {"start_time ASC"},
                          {"run_id DESC"},
                          {"params.depth ASC", "metrics.auc DESC"},
                          {"metrics.never"}};
  for (const Texts& order : orders) {
    for (const std::string filter : {"", "metrics.auc > 20", "params.depth IS NULL"}) {
      RunSelection selection{.experiments = {0}, .count = 50'000};
      selection.clauses = MUST(types::parse_search_filter(filter, run_grammar()));
      for (const std::string& key : order)
        selection.order.push_back(MUST(types::parse_search_order(key, run_grammar())));
      const std::vector<std::int64_t> all = MUST(index_.select(selection)).numbers;
      for (const std::size_t offset : {0, 990, 5000, 19'000, 90'000}) {
        const auto page =
            MUST(table_.page({.of = {.experiment_id = "0", .filter = filter, .order_by = order},
                              .offset = offset,
                              .count = 20}));
        Texts wanted;
        for (std::size_t i = offset; i < std::min(offset + 20, all.size()); ++i)
          wanted.push_back(id_of(all[i]));
        ASSERT_EQ(page.ids, wanted)
            << fmt::format("{} {} {}", filter, fmt::join(order, ","), offset);
        EXPECT_EQ(page.total, all.size());
        EXPECT_EQ(page.view != 0, offset > 0) << offset;
      }
    }
  }
}

TEST_F(RunTableTest, AViewKeepsItsOrderWhileRunsChange) {
  fill(1200);
  RunTable::PageQuery query{.of = {.experiment_id = "0", .order_by = {"metrics.auc ASC"}},
                            .columns = {"metrics.auc"},
                            .offset = 1100,
                            .count = 2};
  const RunTable::Page before = MUST(table_.page(query));
  EXPECT_EQ(before.ids, (Texts{id_of(1101), id_of(1102)}));
  EXPECT_EQ(MUST(table_.page(query)).view, before.view);  // nothing has changed: the same order
  MUST(runs_.log_batch(id_of(1101), {{"auc", -1, 2, 2}}, {}, {}));
  query.view = before.view;
  const RunTable::Page kept = MUST(table_.page(query));
  EXPECT_EQ(kept.view, before.view);
  EXPECT_EQ(kept.ids, before.ids);
  EXPECT_EQ(kept.columns[0][0], TableCell(-1.0));  // values are those of now
  query.view = 0;
  const RunTable::Page now = MUST(table_.page(query));
  EXPECT_NE(now.view, before.view);
  EXPECT_EQ(now.ids, (Texts{id_of(1100), id_of(1102)}));
  // The number of another query's order is no order of this one.
  query.of.order_by = {"metrics.auc DESC"};
  query.view = before.view;
  EXPECT_EQ(ids(query), (Texts{id_of(99), id_of(98)}));
}

TEST_F(RunTableTest, OrdersThatNeedTooMuchMemoryAreForgotten) {
  fill(1200);
  RunTable small(*db_, keys_, index_, {.views_bytes_max = 6000});
  const auto view = [&](const char* order) {
    return MUST(small.page({.of = {.experiment_id = "0", .order_by = {order}}, .offset = 1100}))
        .view;
  };
  const std::uint64_t first = view("metrics.auc");
  EXPECT_EQ(view("metrics.auc"), first);
  EXPECT_NE(view("metrics.auc DESC"), first);
  EXPECT_NE(view("metrics.auc"), first);
}

TEST_F(RunTableTest, ListsColumnsTheCommonestFirst) {
  make_run("a", 0.5, "6");
  const std::string b = make_run("b", 0.5, "");
  MUST(runs_.log_batch(b, {{"loss", 1, 1, 1}, {"system/cpu", 1, 1, 1}}, {}, {}));
  const auto names = [&](const char* prefix, const char* letters, std::size_t count) {
    const RunTable::Columns found = MUST(table_.columns("0", prefix, letters, count));
    Texts all{fmt::format("{}", found.total)};
    for (const auto& one : found.columns) all.push_back(fmt::format("{} {}", one.name, one.runs));
    return all;
  };
  EXPECT_EQ(names("metrics.", "", 100),
            (Texts{"3", "metrics.auc 2", "metrics.loss 1", "metrics.system/cpu 1"}));
  EXPECT_EQ(names("params.", "", 100), (Texts{"1", "params.depth 1"}));
  EXPECT_EQ(names("", "TEAM", 100), (Texts{"1", "tags.team name 2"}));
  EXPECT_EQ(names("metrics.", "", 1), (Texts{"3", "metrics.auc 2"}));
  MUST(runs_.delete_tag(b, "team name"));
  EXPECT_EQ(names("tags.team", "", 9), (Texts{"1", "tags.team name 1"}));
}

TEST_F(RunTableTest, CountsGroups) {
  make_run("a", 1, "6");
  make_run("b", 3, "6");
  make_run("c", std::nan(""), "6");
  make_run("d", 7, "8");
  const std::string without = make_run("e", 9, "");
  MUST(runs_.remove(make_run("deleted", 100, "6")));
  RunTable::GroupQuery query{
      .of = {.experiment_id = "0"}, .by = "params.depth", .metrics = {"auc", "never"}};
  const RunTable::Groups found = MUST(table_.groups(query));
  ASSERT_EQ(found.groups.size(), 3u);
  EXPECT_EQ(found.total, 3u);
  EXPECT_EQ(found.runs, 5u);
  EXPECT_EQ(found.groups[0].value, "6");
  EXPECT_EQ(found.groups[0].runs, 3u);
  EXPECT_EQ(found.groups[0].metrics[0].runs, 2u);
  EXPECT_EQ(found.groups[0].metrics[0].mean, 2);
  EXPECT_EQ(found.groups[0].metrics[0].low, 1);
  EXPECT_EQ(found.groups[0].metrics[0].high, 3);
  EXPECT_EQ(found.groups[0].metrics[1].runs, 0u);
  EXPECT_EQ(found.groups[1].value, std::nullopt);
  EXPECT_EQ(found.groups[2].value, "8");

  RunTable::PageQuery page{.of = query.of};
  page.of.in = RunTable::Group{"params.depth", std::nullopt};
  EXPECT_EQ(ids(page), (Texts{without}));
  page.of.in->value = "6";
  EXPECT_EQ(ids(page).size(), 3u);

  query.contains = "8";
  EXPECT_EQ(MUST(table_.groups(query)).groups.at(0).value, "8");
  EXPECT_EQ(MUST(table_.groups(query)).total, 1u);
  query.contains = "";
  query.count = 1;
  EXPECT_EQ(MUST(table_.groups(query)).groups.size(), 1u);
  EXPECT_EQ(MUST(table_.groups(query)).total, 3u);
  query.of.filter = "metrics.auc > 5";
  EXPECT_EQ(MUST(table_.groups(query)).total, 2u);
  query.by = "attributes.status";
  EXPECT_EQ(MUST(table_.groups(query)).groups.at(0).value, "RUNNING");
  query.by = "tags.team name";
  EXPECT_EQ(MUST(table_.groups(query)).groups.at(0).value, "harbour");
}

}  // namespace
}  // namespace slipway::tracking
