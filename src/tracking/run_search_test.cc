// Run search against an oracle that looks at every run: random runs, random changes, random filters
// and orders.
#include "tracking/run_search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "store/sqlite.h"
#include "tracking/metric_series.h"
#include "tracking/tables.h"
#include "tracking/testing/tracking_fixture.h"

namespace slipway::tracking {
namespace {

using Texts = std::vector<std::string>;

// LIKE as its definition says, in the slowest way.
bool like(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '%') {
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (like(text.substr(i), pattern.substr(1))) return true;
    }
    return false;
  }
  return !text.empty() && (pattern[0] == '_' || pattern[0] == text[0]) &&
         like(text.substr(1), pattern.substr(1));
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(c));
  return text;
}

// A clause as text and as a question.
struct Question {
  std::string text;
  std::function<bool(const Run&)> passes;
};
// The same for one key of an order; the tuple is (gap, number, text).
struct Key {
  std::string text;
  bool ascending;
  std::function<std::tuple<int, double, std::string>(const Run&)> place;
};

const std::string* find_value(const std::vector<KeyValue>& pairs, const std::string& key) {
  for (const KeyValue& pair : pairs) {
    if (pair.key == key) return &pair.value;
  }
  return nullptr;
}

const Metric* find_metric(const Run& run, const std::string& key) {
  for (const Metric& metric : run.metrics) {
    if (metric.key == key) return &metric;
  }
  return nullptr;
}

class RunSearchTest : public testing::TrackingFixture {
 protected:
  using Run = tracking::Run;  // not ::testing::Test's function

  RunSearchTest() { MUST(experiments_.create("other", "", {})); }

  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(generator_() % static_cast<std::uint64_t>(n));
  }
  const std::string& any(const Texts& texts) {
    return texts[static_cast<std::size_t>(below(std::ssize(texts)))];
  }
  double any_value() {
    static constexpr double kValues[] = {0,     -0.0,   1, -1,       0.5,
                                         1e300, -1e300, 3, INFINITY, -INFINITY};
    return below(6) == 0 ? std::nan("") : kValues[below(std::size(kValues))];
  }

  void make_run() {
    const Run run = MUST(runs_.create({.experiment_id = std::to_string(below(2)),
                                       .user = any(kWords),
                                       .name = any(kWords),
                                       .start_ms = below(6) * 1000}));
    ids_.push_back(run.id);
    for (int i = 0; i < 4; ++i) change(run.id);
  }

  // One of the changes that a client may make.
  void change(const std::string& id) {
    switch (below(9)) {
      case 0:
      case 1:
        return allow(runs_.log_batch(
            id, {{any(kKeys), any_value(), below(9), below(9)}, {"loss", any_value(), 1, 1}}, {},
            {}));
      case 2:
        return allow(runs_.log_batch(id, {}, {{any(kKeys), any(kWords)}}, {}));
      case 3:
        return allow(runs_.log_batch(id, {}, {}, {{any(kKeys), any(kWords)}}));
      case 4:
        return allow(runs_.delete_tag(id, any(kKeys)));
      case 5:
        return allow(runs_.log_inputs(id,
                                      {{.name = any(kWords),
                                        .digest = any(kWords),
                                        .tags = {{"mlflow.data.context", any(kWords)}}}},
                                      {}));
      case 6:
        return allow(runs_.update(
            id, {.status = static_cast<RunStatus>(below(5)), .end_ms = below(5) * 1000}));
      case 7:
        return allow(runs_.update(id, {.name = any(kWords)}));
      case 8:
        if (below(3) == 0) return allow(runs_.remove(id));
        return allow(runs_.restore(id));
    }
  }
  template <typename T>
  static void allow(const Result<T>& outcome) {
    if (outcome) return;  // a deleted run, a parameter that is there, a tag that isn't
    const Code code = outcome.error().code;
    EXPECT_TRUE(code == Code::kFailedPrecondition || code == Code::kInvalidArgument ||
                code == Code::kNotFound)
        << outcome.error().message;
  }

  Question text_question(const std::string& subject, bool with_null,
                         std::function<Texts(const Run&)> values) {
    const std::string word = any(kWords);
    std::string pattern = any({"%e%", "R_d", "r%", "%", "_lue", "", "%%d", word});
    switch (below(with_null ? 6 : 4)) {
      case 0:
        return {subject + " = '" + word + "'", [=](const Run& run) {
                  const Texts all = values(run);
                  return std::find(all.begin(), all.end(), word) != all.end();
                }};
      case 1:
        return {subject + " != '" + word + "'", [=](const Run& run) {
                  const Texts all = values(run);
                  return std::any_of(all.begin(), all.end(),
                                     [&](const std::string& v) { return v != word; });
                }};
      case 2:
        return {subject + " LIKE '" + pattern + "'", [=](const Run& run) {
                  const Texts all = values(run);
                  return std::any_of(all.begin(), all.end(),
                                     [&](const std::string& v) { return like(v, pattern); });
                }};
      case 3:
        return {subject + " ILIKE '" + pattern + "'", [=](const Run& run) {
                  const Texts all = values(run);
                  return std::any_of(all.begin(), all.end(), [&](const std::string& v) {
                    return like(lower(v), lower(pattern));
                  });
                }};
      case 4:
        return {subject + " IS NULL", [=](const Run& run) { return values(run).empty(); }};
      default:
        return {subject + " IS NOT NULL", [=](const Run& run) { return !values(run).empty(); }};
    }
  }

  Question number_question(const std::string& subject,
                           std::function<std::optional<double>(const Run&)> value, double than) {
    static const Texts kSigns = {"=", "!=", "<", "<=", ">", ">="};
    const std::string sign = any(kSigns);
    return {fmt::format("{} {} {}", subject, sign, than), [=](const Run& run) {
              const std::optional<double> v = value(run);
              if (!v) return false;
              if (sign == "=") return *v == than;
              if (sign == "!=") return *v != than;
              if (sign == "<") return *v < than;
              if (sign == "<=") return *v <= than;
              if (sign == ">") return *v > than;
              return *v >= than;
            }};
  }

  static Texts datasets_of(const Run& run, const std::string& what) {
    Texts all;
    for (const DatasetInput& input : run.datasets) {
      if (what == "name") all.push_back(input.name);
      if (what == "digest") all.push_back(input.digest);
      if (what == "context") all.push_back(input.tags[0].value);
    }
    return all;
  }

  Question any_question() {
    const std::string key = any(kKeys);
    const auto one = [](const std::string& text) { return Texts{text}; };
    switch (below(9)) {
      case 0:
      case 1:
        return number_question(
            "metrics." + key,
            [key](const Run& run) -> std::optional<double> {
              const Metric* metric = find_metric(run, key);
              if (metric == nullptr) return std::nullopt;
              return metric->value;
            },
            static_cast<double>(below(3)) * 0.5);
      case 2:
        return text_question("params." + key, true, [key](const Run& run) {
          const std::string* value = find_value(run.params, key);
          return value == nullptr ? Texts() : Texts{*value};
        });
      case 3:
        return text_question("tags." + key, true, [key](const Run& run) {
          const std::string* value = find_value(run.tags, key);
          return value == nullptr ? Texts() : Texts{*value};
        });
      case 4: {
        const std::string what = any({"name", "digest", "context"});
        if (below(3) == 0) {
          const std::string word = any(kWords);
          return {"datasets." + what + " IN ('" + word + "', 'no')", [=](const Run& run) {
                    const Texts all = datasets_of(run, what);
                    return std::find(all.begin(), all.end(), word) != all.end();
                  }};
        }
        return text_question("datasets." + what, false,
                             [what](const Run& run) { return datasets_of(run, what); });
      }
      case 5:
        return number_question(
            "start_time",
            [](const Run& run) { return std::optional(static_cast<double>(run.start_ms)); },
            static_cast<double>(below(6) * 1000));
      case 6:
        return number_question(
            "end_time",
            [](const Run& run) -> std::optional<double> {
              if (!run.end_ms) return std::nullopt;
              return static_cast<double>(*run.end_ms);
            },
            static_cast<double>(below(6) * 1000));
      case 7: {
        const std::string a = any(ids_), b = any(ids_);
        const bool in = below(2) == 0;
        return {fmt::format("run_id {} ('{}', '{}')", in ? "IN" : "NOT IN", a, b),
                [=](const Run& run) { return (run.id == a || run.id == b) == in; }};
      }
      default:
        switch (below(4)) {
          case 0:
            return text_question("run_name", false, [one](const Run& r) { return one(r.name); });
          case 1:
            return text_question("user_id", false, [one](const Run& r) { return one(r.user); });
          case 2: {
            const std::string status(status_name(static_cast<RunStatus>(below(5))));
            return {"status = '" + status + "'",
                    [=](const Run& r) { return status_name(r.status) == status; }};
          }
          default: {
            const std::string id = any(ids_);
            return {"artifact_uri ILIKE '%/" + id + "/artifacts'",
                    [=](const Run& r) { return r.id == id; }};
          }
        }
    }
  }

  Key any_key() {
    const std::string key = any(kKeys);
    const bool ascending = below(2) == 0;
    const auto of = [&](const std::string& subject, auto place) {
      return Key{subject + (ascending ? (below(2) == 0 ? "" : " ASC") : " DESC"), ascending, place};
    };
    const auto text = [](const std::string* value) {
      return value == nullptr ? std::tuple(2, 0.0, std::string()) : std::tuple(0, 0.0, *value);
    };
    switch (below(7)) {
      case 0:
      case 1:
        return of("metrics." + key, [key](const Run& run) {
          const Metric* metric = find_metric(run, key);
          if (metric == nullptr) return std::tuple(2, 0.0, std::string());
          if (std::isnan(metric->value)) return std::tuple(1, 0.0, std::string());
          return std::tuple(0, metric->value, std::string());
        });
      case 2:
        return of("params." + key,
                  [=](const Run& run) { return text(find_value(run.params, key)); });
      case 3:
        return of("tags." + key, [=](const Run& run) { return text(find_value(run.tags, key)); });
      case 4:
        return of("end_time", [](const Run& run) {
          return std::tuple(run.end_ms ? 0 : 2, static_cast<double>(run.end_ms.value_or(0)),
                            std::string());
        });
      case 5:
        return of("start_time", [](const Run& run) {
          return std::tuple(0, static_cast<double>(run.start_ms), std::string());
        });
      default:
        return of("status", [](const Run& run) {
          return std::tuple(0, 0.0, std::string(status_name(run.status)));
        });
    }
  }

  Texts oracle(const Texts& experiments, View view, const std::vector<Question>& questions,
               const std::vector<Key>& keys) {
    std::vector<Run> found;
    for (const std::string& id : ids_) {
      Run run = MUST(runs_.get(id));
      bool passes =
          std::find(experiments.begin(), experiments.end(), run.experiment_id) != experiments.end();
      if (view != View::kAll)
        passes = passes && (run.stage == Stage::kActive) == (view == View::kActive);
      for (const Question& question : questions) passes = passes && question.passes(run);
      if (passes) found.push_back(std::move(run));
    }
    std::sort(found.begin(), found.end(), [&](const Run& a, const Run& b) {
      for (const Key& key : keys) {
        const auto x = key.place(a), y = key.place(b);
        if (std::get<0>(x) != std::get<0>(y)) return std::get<0>(x) < std::get<0>(y);
        if (x != y) return key.ascending ? x < y : y < x;
      }
      if (a.start_ms != b.start_ms) return a.start_ms > b.start_ms;
      return a.id < b.id;
    });
    Texts ids;
    for (const Run& run : found) ids.push_back(run.id);
    return ids;
  }

  // Page by page.
  Texts search(RunIndex& index, RunQuery query) {
    Texts ids;
    do {
      const Result<Page<Run>> page = search_runs(index, runs_, query);
      EXPECT_TRUE(page) << query.filter << ": " << page.error().message;
      if (!page) break;
      for (const Run& run : page->items) ids.push_back(run.id);
      query.page_token = page->next;
    } while (!query.page_token.empty());
    return ids;
  }

  const Texts kWords = {"red", "Red", "blue", "a b", "%", "rxd", "", "depth"};
  const Texts kKeys = {"loss", "auc", "lr", "team"};

  std::mt19937_64 generator_{11};
  base::Metrics metrics_;
  RunIndex index_{*db_, keys_, metrics_, {}};
  Texts ids_;
};

TEST_F(RunSearchTest, FindsWhatLookingAtEveryRunFinds) {
  for (int i = 0; i < 60; ++i) make_run();
  for (int round = 0; round < 400; ++round) {
    for (std::int64_t i = below(3); i > 0; --i) change(any(ids_));
    if (round % 50 == 0) make_run();
    std::vector<Question> questions;
    for (std::int64_t i = below(3); i > 0; --i) questions.push_back(any_question());
    std::vector<Key> keys;
    for (std::int64_t i = below(3); i > 0; --i) keys.push_back(any_key());
    if (keys.size() == 2 && keys[0].text.substr(0, 6) == keys[1].text.substr(0, 6)) keys.pop_back();
    const Texts experiments = below(3) == 0 ? Texts{"0"} : Texts{"0", "1", "0", "99"};
    const View view = below(3) == 0 ? View::kAll : below(3) == 0 ? View::kDeleted : View::kActive;
    RunQuery query{.experiment_ids = experiments, .view = view, .max_results = 1 + below(70)};
    for (const Question& question : questions)
      query.filter += (query.filter.empty() ? "" : " AND ") + question.text;
    for (const Key& key : keys) query.order_by.push_back(key.text);
    const Texts wanted = oracle(experiments, view, questions, keys);
    ASSERT_EQ(search(index_, query), wanted) << "round " << round << ": " << query.filter << " | "
                                             << fmt::format("{}", fmt::join(query.order_by, ", "));
    if (round % 40 == 0) {  // an index that reads everything anew agrees with one that followed
      MetricKeys keys_of_another_server;
      base::Metrics metrics;
      RunIndex fresh(*db_, keys_of_another_server, metrics, {});
      ASSERT_EQ(search(fresh, query), wanted) << query.filter;
    }
  }
}

TEST_F(RunSearchTest, FollowsExperimentsThatAreDeletedAndRestored) {
  for (int i = 0; i < 8; ++i) make_run();
  const Texts before = search(index_, {.experiment_ids = {"1"}});
  MUST(experiments_.remove("1"));
  EXPECT_TRUE(search(index_, {.experiment_ids = {"1"}}).empty());
  MUST(experiments_.restore("1"));
  EXPECT_EQ(search(index_, {.experiment_ids = {"1"}}), before);
}

// More runs than a chunk has rows: several chunks, dense and sparse columns, newest first.
TEST_F(RunSearchTest, ManyRunsAndManyKeys) {
  constexpr std::int64_t kRuns = 3 * 16'384 + 100;
  MUST(db_->write([&](store::Tx& tx) -> Result<void> {
    for (std::int64_t i = 0; i < 40; ++i) TRY(MetricKeys::ensure(tx, fmt::format("m{}", i)));
    for (std::int64_t n = 1; n <= kRuns; ++n) {
      TRY(
          tx.execute("INSERT INTO runs(number, id, experiment, name, \"user\", status, start_ms, "
                     "artifact_uri) VALUES(?, ?, 0, 'n', 'u', 0, ?, '')",
                     {n, fmt::format("{:032x}", n), n / 10}));
      std::vector<Point> points = {{1, static_cast<double>(n * 7919 % kRuns), n, 0}};
      points.push_back({static_cast<std::uint32_t>(2 + n % 39), static_cast<double>(n), n, 0});
      TRY(append_points(tx, n, points));
    }
    return {};
  }));
  const auto first = [&](std::string filter, Texts order) {
    const Page<Run> page = MUST(search_runs(index_, runs_,
                                            {.experiment_ids = {"0"},
                                             .filter = std::move(filter),
                                             .order_by = std::move(order),
                                             .max_results = 3}));
    Texts ids;
    for (const Run& run : page.items) ids.push_back(run.id);
    return ids;
  };
  const auto id = [](std::int64_t n) { return fmt::format("{:032x}", n); };
  const std::int64_t newest = kRuns / 10 * 10;
  EXPECT_EQ(first("", {}), (Texts{id(newest), id(newest + 1), id(newest + 2)}));
  Texts wanted;
  for (std::int64_t value = kRuns - 1; value > kRuns - 4; --value) {
    for (std::int64_t n = 1; n <= kRuns; ++n) {
      if (n * 7919 % kRuns == value) wanted.push_back(id(n));
    }
  }
  EXPECT_EQ(first("", {"metrics.m0 DESC"}), wanted);
  EXPECT_EQ(first("metrics.m1 > 0", {"metrics.m1 ASC"}), (Texts{id(39), id(78), id(117)}));
  EXPECT_EQ(first("metrics.m1 > 100 AND metrics.m2 > 0", {}), Texts());
}

TEST_F(RunSearchTest, SaysWhenRunsNeedMoreMemoryThanTheyMay) {
  make_run();
  RunIndex small(*db_, keys_, metrics_, {.bytes_max = 100});
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(search_runs(small, runs_, {.experiment_ids = {"0"}}).error().code,
              Code::kResourceExhausted);
  }
}

}  // namespace
}  // namespace slipway::tracking
