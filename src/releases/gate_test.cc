#include "releases/gate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "releases/gates.h"
#include "releases/tables.h"
#include "releases/testing/fakes.h"
#include "store/events.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"
#include "types/timestamp.h"

namespace slipway::releases {
namespace {

base::Timestamp at(const char* text) { return MUST(types::parse_rfc3339(text)); }

// `days` of 100 rows from 2013-06-01; one in four is late. The candidate's predictions are pulled
// towards the truth by `skill`, the champion's by 0.2; both otherwise say 0.25.
GateInput holdout(int days, double skill) {
  using enum types::ColumnType;
  types::Column label = types::Column::of_type("label", kInt64);
  types::Column candidate = types::Column::of_type("candidate", kDouble);
  types::Column champion = types::Column::of_type("champion", kDouble);
  types::Column time = types::Column::of_type("event_time", kTimestamp);
  base::SeededRandom random(11);
  for (int i = 0; i < days * 100; ++i) {
    const int late = random.next_u64() % 4 == 0;
    label.append_int(late);
    const double noise = static_cast<double>(random.next_u64() % 1000) / 10'000;
    candidate.append_double(0.2 + noise + skill * (late - 0.25));
    champion.append_double(0.2 + noise + 0.2 * (late - 0.25));
    time.append_int(at("2013-06-01T00:00:00Z").micros + base::Duration::hours(24).micros * i / 100);
  }
  GateInput input{.model = "m",
                  .candidate = {.version = 3, .train_until = at("2013-06-01T00:00:00Z")},
                  .champion = Contender{.version = 2, .train_until = at("2013-05-01T00:00:00Z")}};
  for (types::Column* column : {&label, &candidate, &champion, &time}) {
    MUST(input.holdout.add(std::move(*column)));
  }
  return input;
}

const GateCheck& check_of(const GateReport& report, std::string_view name) {
  for (const GateCheck& check : report.checks) {
    if (check.name == name && !check.ok) return check;
  }
  for (const GateCheck& check : report.checks) {
    if (check.name == name) return check;
  }
  ADD_FAILURE() << "no check " << name;
  return report.checks.front();
}

TEST(Gate, ClusteredMeanAgreesWithStatsmodels) {
  std::vector<double> values;
  std::vector<std::size_t> clusters;
  std::map<int, std::size_t> numbers;
  for (int i = 0; i < 700; ++i) {
    values.push_back((i * 37 % 101) / 100.0 - 0.5 + i / 50 % 7 * 0.03);
    clusters.push_back(numbers.emplace(i * i % 13, numbers.size()).first->second);
  }
  // OLS(v, ones).fit(cov_type="cluster", cov_kwds={"groups": g}, use_t=True), statsmodels 0.15.0.
  const ClusteredMean mean = clustered_mean(values, clusters, 0.95);
  EXPECT_EQ(mean.clusters, 7);
  EXPECT_NEAR(mean.mean, 0.08959999999999999, 1e-14);
  EXPECT_NEAR(mean.standard_error, 0.003181923347674517, 1e-14);
  EXPECT_NEAR(mean.low, 0.08181411405114031, 1e-12);
  EXPECT_NEAR(mean.high, 0.09738588594885966, 1e-12);
  EXPECT_TRUE(std::isinf(clustered_mean({1, 2}, {0, 0}, 0.95).high)) << "one cluster tells nothing";
}

TEST(Gate, ABetterCandidatePasses) {
  const GateReport report = MUST(judge_gate(holdout(21, 0.4)));
  EXPECT_TRUE(report.pass) << report.sentence;
  EXPECT_LT(report.high, 0);
  EXPECT_EQ(report.rows, 2100);
  EXPECT_EQ(report.days, 21);
  EXPECT_NEAR(report.difference, report.candidate.log_loss - report.champion.log_loss, 1e-12);
  EXPECT_EQ(report.sentence.substr(0, 6), "Passed");
}

TEST(Gate, AWorseOneIsRefusedWithTheNumbers) {
  const GateReport report = MUST(judge_gate(holdout(21, 0.0)));
  EXPECT_FALSE(report.pass);
  EXPECT_FALSE(check_of(report, "log_loss").ok);
  EXPECT_NE(report.sentence.find("Refused: log loss"), std::string::npos) << report.sentence;
}

TEST(Gate, TheSameIsNotInferiorButNotBetter) {
  GateInput input = holdout(21, 0.2);
  EXPECT_TRUE(MUST(judge_gate(input)).pass);
  input.policy.log_loss_margin = 0;
  EXPECT_FALSE(MUST(judge_gate(input)).pass);
}

TEST(Gate, RowsThatWereTrainedOnSpoilIt) {
  struct Case {
    const char* name;
    std::optional<base::Timestamp> candidate, champion;
    bool pass;
  };
  const Case cases[] = {
      {"both before", at("2013-06-01T00:00:00Z"), at("2013-05-01T00:00:00Z"), true},
      {"candidate one row late", at("2013-06-01T00:00:01Z"), at("2013-05-01T00:00:00Z"), false},
      {"champion late", at("2013-06-01T00:00:00Z"), at("2013-06-10T00:00:00Z"), false},
      {"candidate unknown", std::nullopt, at("2013-05-01T00:00:00Z"), false},
      {"champion unknown", at("2013-05-01T00:00:00Z"), std::nullopt, false},
  };
  for (const Case& c : cases) {
    GateInput input = holdout(21, 0.4);
    input.candidate.train_until = c.candidate;
    input.champion->train_until = c.champion;
    const GateReport report = MUST(judge_gate(input));
    EXPECT_EQ(report.pass, c.pass) << c.name << ": " << report.sentence;
    EXPECT_EQ(check_of(report, "unseen_rows").ok, c.pass) << c.name;
  }
}

TEST(Gate, ALabelKnownOnlyLaterWasNotTrainedOn) {
  GateInput input = holdout(21, 0.4);
  input.candidate.train_until = at("2013-06-01T12:00:00Z");
  EXPECT_FALSE(MUST(judge_gate(input)).pass);
  types::Column arrival = types::Column::of_type("arrival_time", types::ColumnType::kTimestamp);
  for (std::int64_t time : input.holdout.find("event_time")->ints) {
    arrival.append_int(time + base::Duration::hours(13).micros);
  }
  MUST(input.holdout.add(std::move(arrival)));
  EXPECT_TRUE(MUST(judge_gate(input)).pass);
}

TEST(Gate, TooLittleIsRefused) {
  EXPECT_FALSE(check_of(MUST(judge_gate(holdout(9, 0.4))), "min_rows").ok);
  GateInput few_days = holdout(6, 0.4);
  few_days.policy.min_rows = 100;
  EXPECT_FALSE(check_of(MUST(judge_gate(few_days)), "min_days").ok);
  GateInput none = holdout(0, 0.4);
  const GateReport report = MUST(judge_gate(none));
  EXPECT_FALSE(report.pass);
  EXPECT_EQ(report.rows, 0);
}

TEST(Gate, Guardrails) {
  GateInput input = holdout(21, 0.4);
  for (double& p : input.holdout.find("candidate")->doubles) p = std::min(1.0, p + 0.06);
  input.policy.max_calibration_bias = 0.05;
  EXPECT_FALSE(check_of(MUST(judge_gate(input)), "calibration_bias").ok);
  input.policy.max_calibration_bias = 0.2;
  EXPECT_TRUE(MUST(judge_gate(input)).pass);
  input = holdout(21, 0.0);
  input.policy.log_loss_margin = 10;
  input.policy.max_auc_drop = 0.01;
  EXPECT_FALSE(check_of(MUST(judge_gate(input)), "auc").ok);
}

TEST(Gate, TheFirstModelMeetsTheBaseRate) {
  GateInput input = holdout(21, 0.4);
  input.champion.reset();
  GateReport report = MUST(judge_gate(input));
  EXPECT_TRUE(report.pass);
  EXPECT_EQ(report.baseline_rate, report.candidate.label_mean) << "the hardest constant to beat";
  input.baseline_rate = 0.9;
  report = MUST(judge_gate(input));
  EXPECT_EQ(report.baseline_rate, 0.9);
  EXPECT_GT(report.champion.log_loss, 1);
}

TEST(Gate, RowsWithoutALabelAreCountedAndLeftOut) {
  GateInput input = holdout(21, 0.4);
  types::Column& label = *input.holdout.find("label");
  label.valid.assign(label.ints.size(), 1);
  label.valid[0] = label.valid[7] = 0;
  const GateReport report = MUST(judge_gate(input));
  EXPECT_EQ(report.rows_without_label, 2);
  EXPECT_EQ(report.rows, 2098);
}

TEST(Gate, NonsenseIsAnError) {
  const auto broken = [](auto&& change) {
    GateInput input = holdout(21, 0.4);
    change(input.holdout);
    const auto report = judge_gate(input);
    return report ? std::string("no error") : report.error().message;
  };
  EXPECT_NE(broken([](types::Frame& f) {
              f.find("candidate")->doubles[3] = 1.5;
            }).find("a prediction must be from 0 to 1: column=candidate row=3"),
            std::string::npos);
  EXPECT_NE(broken([](types::Frame& f) {
              f.find("champion")->doubles[3] = std::nan("");
            }).find("column=champion"),
            std::string::npos);
  EXPECT_NE(
      broken([](types::Frame& f) { f.find("label")->ints[3] = 2; }).find("a label must be 0 or 1"),
      std::string::npos);
  EXPECT_NE(broken([](types::Frame& f) {
              std::erase_if(f.columns(), [](const auto& c) { return c.name == "event_time"; });
            }).find("event_time"),
            std::string::npos);
}

TEST(Gate, PolicyFromJson) {
  const auto parse = [](const char* text) {
    return parse_gate_policy(MUST(base::parse_json_object(text)));
  };
  const GatePolicy policy =
      MUST(parse(R"({"min_rows": 500, "max_auc_drop": 0.01, "refit": true})"));
  EXPECT_EQ(policy.min_rows, 500);
  EXPECT_EQ(policy.min_days, 7);
  EXPECT_EQ(policy.max_auc_drop, 0.01);
  EXPECT_TRUE(policy.refit);
  for (const char* bad :
       {R"({"min_row": 1})", R"({"min_rows": 0})", R"({"min_days": 1})", R"({"confidence": 1})",
        R"({"log_loss_margin": -1})", R"({"min_rows": "x"})"}) {
    EXPECT_EQ(parse(bad).error().code, Code::kInvalidArgument) << bad;
  }
}

TEST(Gate, WhatAVerdictAllows) {
  GateRecord gate{
      .id = "g", .model = "m", .candidate_version = 3, .champion_version = 2, .pass = true};
  EXPECT_FALSE(find_objection(gate, "m", "champion", 3, 2));
  EXPECT_TRUE(find_objection(gate, "n", "champion", 3, 2));
  EXPECT_TRUE(find_objection(gate, "m", "champion", 4, 2));
  EXPECT_TRUE(find_objection(gate, "m", "champion", 3, 1)) << "the champion has changed";
  EXPECT_TRUE(find_objection(gate, "m", "champion", 3, std::nullopt));
  gate.report["policy"] = GatePolicy{.refit = true}.to_json();
  EXPECT_FALSE(find_objection(gate, "m", "champion", 4, 2));
  EXPECT_TRUE(find_objection(gate, "m", "champion", 1, 2)) << "an older version is no refit";
  gate.promoted_version = 4;
  EXPECT_FALSE(find_objection(gate, "m", "champion", 4, 4)) << "asked again after it was done";
  EXPECT_TRUE(find_objection(gate, "m", "champion", 5, 4));
  EXPECT_TRUE(find_objection(gate, "m", "champion", 4, 5)) << "a later champion stays";
  gate.promoted_alias = "champion";
  EXPECT_FALSE(find_objection(gate, "m", "champion", 4, 2)) << "ended before the alias moved";
  EXPECT_TRUE(find_objection(gate, "m", "champion", 4, 5)) << "a later champion stays";
  EXPECT_TRUE(find_objection(gate, "m", "staging", 4, 2)) << "one verdict, one alias";
  gate.is_done = true;
  EXPECT_FALSE(find_objection(gate, "m", "champion", 4, 4)) << "asked again after it was done";
  EXPECT_TRUE(find_objection(gate, "m", "champion", 4, 2)) << "somebody went back since";
  gate.pass = false;
  EXPECT_TRUE(find_objection(gate, "m", "champion", 4, 4));
}

TEST(Gates, VerdictsAreKeptAndUsedOnce) {
  store::testing::TempFolder folder;
  base::ManualClock clock{at("2013-07-01T00:00:00Z")}, wall{{1'700'000'000'000'000}};
  base::SeededRandom random(3);
  auto db = MUST(store::open_sqlite({.file = folder.path() / "slipway.db"}, wall, random));
  MUST(db->migrate({migrations()}));
  Gates gates(*db, clock, wall, random);
  const GateRecord passed = MUST(gates.create(holdout(21, 0.4), "pipeline:train"));
  wall.advance(base::Duration::seconds(1));
  const GateRecord refused = MUST(gates.create(holdout(21, 0.0), "pipeline:train"));
  const auto listed = MUST(gates.list("m"));
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].id, refused.id);
  EXPECT_FALSE(listed[0].pass);
  EXPECT_EQ(listed[1].id, passed.id);
  EXPECT_EQ(listed[1].report.at("sentence"), passed.report.at("sentence"));
  EXPECT_EQ(listed[1].report.at("policy"), passed.report.at("policy"));
  EXPECT_EQ(listed[1].event_time, clock.now());
  EXPECT_EQ(gates.get("nothing").error().code, Code::kNotFound);
  EXPECT_TRUE(MUST(gates.list("other")).empty());

  EXPECT_EQ(gates.admit(refused.id, "m", "champion", 3, 2, "a").error().code,
            Code::kFailedPrecondition);
  EXPECT_EQ(gates.admit("nothing", "m", "champion", 3, 2, "a").error().code, Code::kNotFound);
  testing::FakeAliases aliases;
  aliases.targets["m@champion"] = 2;
  EXPECT_FALSE(promote(gates, aliases, "m", "champion", 3, refused.id, "a"));
  EXPECT_TRUE(aliases.moves.empty());
  const Promotion promotion = MUST(promote(gates, aliases, "m", "champion", 3, passed.id, "a"));
  EXPECT_EQ(promotion.previous, 2);
  MUST(promote(gates, aliases, "m", "champion", 3, passed.id, "a"));
  EXPECT_EQ(aliases.moves, std::vector<std::string>{"m@champion -> 3"}) << "moved once";
  EXPECT_FALSE(gates.admit(passed.id, "m", "champion", 4, 3, "a"));
  EXPECT_EQ(MUST(gates.get(passed.id)).promoted_version, 3);
  aliases.targets["m@champion"] = 4;
  EXPECT_EQ(promote(gates, aliases, "m", "champion", 3, passed.id, "a").error().code,
            Code::kFailedPrecondition)
      << "it was used, and another one is champion since";
  aliases.targets["m@champion"] = 2;
  EXPECT_FALSE(promote(gates, aliases, "m", "champion", 3, passed.id, "a"));
  EXPECT_FALSE(promote(gates, aliases, "m", "staging", 3, passed.id, "a"));
  EXPECT_EQ(aliases.moves.size(), 1u);
  std::vector<std::string> kinds;
  for (const store::Event& event : MUST(store::list_events(*db, {.subject = "models/m"})))
    kinds.push_back(event.kind);
  EXPECT_EQ(kinds, (std::vector<std::string>{"gate.passed", "gate.refused", "gate.used"}));
}

}  // namespace
}  // namespace slipway::releases
