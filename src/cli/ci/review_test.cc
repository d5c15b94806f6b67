#include "cli/ci/review.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cli/ci/project_part.h"

namespace slipway::cli {
namespace {

CiSide side_with(std::map<std::string, double> values, const std::string& state = "succeeded") {
  CiSide side;
  CiRun run;
  run.pipeline = "train";
  run.state = state;
  run.values = std::move(values);
  side.runs.push_back(std::move(run));
  return side;
}

TEST(CiReview, LimitsAreHeldOrNot) {
  struct Case {
    CiLimit limit;
    std::optional<double> base, now;
    bool ok;
    std::string word;
  };
  const std::string name = "train/e/m.json#auc";
  const std::vector<Case> cases = {
      {{.value = name, .min = 0.7}, {}, 0.7, true, "ok"},
      {{.value = name, .min = 0.7}, {}, 0.69, false, "too low"},
      {{.value = name, .max = 10}, {}, 11, false, "too high"},
      {{.value = name, .drop = 0.25}, 0.75, 0.5, true, "ok"},
      {{.value = name, .drop = 0.25}, 0.75, 0.25, false, "fell too far"},
      {{.value = name, .rise = 0}, 0.5, 0.75, false, "rose too far"},
      {{.value = name, .drop = 0.1}, {}, 0.1, true, "no base"},
      {{.value = name, .min = 0.1}, 0.5, {}, false, "missing"},
      {{.value = name, .min = 0.1}, {}, std::nan(""), false, "missing"},
      {{.value = "train/*#a*c", .min = 0.1}, {}, std::nan(""), false, "missing"},
      {{.value = name, .drop = 0.1}, std::nan(""), 0.1, true, "no base"},
      {{.value = "train/*#a*c", .min = 0.7}, {}, 0.6, false, "too low"},
  };
  for (const Case& one : cases) {
    CiPolicy policy;
    policy.limits = {one.limit};
    std::map<std::string, double> base, now;
    if (one.base) base["e/m.json#auc"] = *one.base;
    if (one.now) now["e/m.json#auc"] = *one.now;
    const CiReview review = judge_change(policy, side_with(base), side_with(now));
    ASSERT_EQ(review.checks.size(), 1u);
    EXPECT_EQ(review.checks[0].word, one.word);
    EXPECT_EQ(review.checks[0].ok, one.ok) << one.word;
    EXPECT_EQ(review.verdict, one.ok ? CiVerdict::kPasses : CiVerdict::kSaysNo) << one.word;
  }
}

TEST(CiReview, WhatBrokeIsNotWhatSaysNo) {
  EXPECT_EQ(judge_change({}, {}, side_with({}, "failed")).verdict, CiVerdict::kBroke);
  EXPECT_EQ(judge_change({}, {}, side_with({}, "cancelled")).verdict, CiVerdict::kBroke);
  EXPECT_EQ(judge_change({}, {}, side_with({}, "refused")).verdict, CiVerdict::kSaysNo);
  EXPECT_EQ(judge_change({}, side_with({}, "failed"), side_with({})).verdict, CiVerdict::kPasses);
}

TEST(CiReview, OneNamesRowsOfATableAndNothingElse) {
  const std::string hostile =
      "a|b\n<img src=x> @all [x](http://evil) `c` **d** \x1b[31m ![i](j) www.evil";
  const std::string cell = markdown_cell(hostile);
  for (const char* never : {"\n", "<", ">", "@", "\x1b", "://", "www."})
    EXPECT_EQ(cell.find(never), std::string::npos) << never << " in " << cell;
  EXPECT_EQ(cell.find('|'), std::string::npos);
  EXPECT_NE(cell.find("\\[x\\]"), std::string::npos);
  EXPECT_EQ(markdown_cell("ééé", 2), "éé…");
}

TEST(CiReview, AReportFitsAComment) {
  CiSide head = side_with({});
  std::vector<std::string> files(5000, std::string(400, '<'));
  for (int i = 0; i < 500; ++i) {
    head.runs[0].values[std::string(300, '|') + std::to_string(i)] = i;
    CiStep step;
    step.name = std::string(300, '&') + std::to_string(i);
    step.state = "failed";
    step.log_tail = std::string(3000, '`');
    head.runs[0].steps.push_back(step);
  }
  CiPolicy policy;
  policy.limits = {{.value = "*/*/*", .min = 1000}};
  const CiReview review = judge_change(policy, head, head);
  const std::string report = ci_report(review, files, head, head);
  EXPECT_LE(report.size(), kCiReportBytesMax);
  EXPECT_EQ(report, ci_report(review, files, head, head));
}

TEST(CiReview, WhatChangedIsAChartForForgesAndATableForAll) {
  const CiSide base = side_with({{"train/metrics.json", 54},
                                 {"train/metrics.json#auc", 0.8},
                                 {"train/metrics.json#slices.\"a`b\"", 0.7},
                                 {"train/metrics.json#zero", 0},
                                 {"train/metrics.json#same", 1}});
  const CiSide head = side_with({{"train/metrics.json", 55},
                                 {"train/metrics.json#auc", 0.75},
                                 {"train/metrics.json#slices.\"a`b\"", 0.5},
                                 {"train/metrics.json#zero", 3},
                                 {"train/metrics.json#same", 1}});
  const std::string report = ci_report(judge_change({}, base, head), {}, base, head);
  EXPECT_NE(report.find("### Values that changed\n\n"
                        "```mermaid\n"
                        "%%{init: {\"themeVariables\": {\"xyChart\": {\"plotColorPalette\": "
                        "\"#4878a8, #c44e52\"}}, \"xyChart\": {\"height\": 184}}}%%\n"
                        "xychart-beta horizontal\n"
                        "  title \"This change in % of the base, by row of the table\"\n"
                        "  x-axis [\"1 metrics.json\", \"2 auc\", \"3 slices._a_b_\"]\n"
                        "  y-axis \"%\" 68.386 --> 104.89\n"
                        "  bar [101.85, 93.75, 71.429]\n"
                        "  line [100, 100, 100]\n"
                        "```\n\n"
                        "| | value | base | this | change |\n|--:|---|--:|--:|--:|\n"
                        "| 1 | train/train/metrics.json | 54 | 55 | +1 |\n"),
            std::string::npos)
      << report;
  EXPECT_NE(report.find("| 4 | train/train/metrics.json\\#zero | 0 | 3 | +3 |\n"),
            std::string::npos)
      << report;
}

TEST(CiReview, AChartHasRoomForWhatChangedMost) {
  std::map<std::string, double> before, now;
  for (int i = 0; i < 50; ++i) {
    const std::string name = fmt::format("e/m.json#v{:02}{}", i, std::string(100, 'x'));
    before[name] = 100;
    now[name] = i < 30 ? 100 + i : 1000;  // the last count as 200
  }
  const CiSide base = side_with(before), head = side_with(now);
  const std::string report = ci_report(judge_change({}, base, head), {}, base, head);
  const std::size_t begin = report.find("```mermaid"), end = report.find("\n```\n", begin);
  ASSERT_NE(end, std::string::npos);
  const std::string chart = report.substr(begin, end - begin);
  EXPECT_LT(chart.size(), 2000u) << "GitLab draws no more by itself";
  EXPECT_EQ(chart.find("v29"), std::string::npos);
  EXPECT_NE(chart.find("\"30 v30"), std::string::npos);
  EXPECT_NE(chart.find("\"49 v49"), std::string::npos);
  EXPECT_NE(chart.find(" 90 --> 210\n"), std::string::npos) << chart;
  // Nothing to draw: only a table.
  const CiSide none = side_with({{"e/m.json#a", 0}}), some = side_with({{"e/m.json#a", 1}});
  EXPECT_EQ(ci_report(judge_change({}, none, some), {}, none, some).find("mermaid"),
            std::string::npos);
}

TEST(CiPolicy, MistakesAreNamedWithTheirPlace) {
  for (const auto& [yaml, said] : std::vector<std::pair<std::string, std::string>>{
           {"ci: {checks: [{value: a/b/c}]}", "needs a limit"},
           {"ci: {checks: [{value: auc, min: 1}]}", "PIPELINE/STEP/FILE"},
           {"ci: {checks: [{value: a/b/c, drop: -1}]}", "at least 0"},
           {"ci: {quarantined: 2}", "from 0 to 1"},
           {"ci: {unheard: 1}", "unheard"},
           {"ci: {pipelines: {p: {steps: []}}}", "steps"}}) {
    const auto parsed = parse_ci(yaml);
    ASSERT_FALSE(parsed) << yaml;
    EXPECT_NE(parsed.error().message.find(said), std::string::npos) << parsed.error().message;
    EXPECT_NE(parsed.error().message.find("line 1"), std::string::npos) << parsed.error().message;
  }
}

TEST(CiProject, HasTheStepsThatAreNeededAndNothingThatServes) {
  const std::string yaml =
      "project: p\nendpoints: {e: {model: m}}\nschedules: {s: {cron: x}}\npipelines:\n  p:\n    "
      "steps:\n      - {name: a, run: 'x > {out}/f', outputs: [f]}\n      - {name: b, run: 'y "
      "{a}'}\n"
      "      - {name: promote, run: z, after: [b]}\n";
  CiPolicy policy;
  policy.pipelines = {{.name = "p", .until = {"b"}, .params = {}}};
  const auto project = ci_project(yaml, policy, {}, Missing::kError);
  ASSERT_TRUE(project) << project.error().message;
  EXPECT_NE(project->yaml.find("name: a"), std::string::npos);
  EXPECT_NE(project->yaml.find("name: b"), std::string::npos);
  for (const char* gone : {"promote", "endpoints", "schedules"})
    EXPECT_EQ(project->yaml.find(gone), std::string::npos) << gone;
  EXPECT_FALSE(ci_project(yaml, {}, {"nothing"}, Missing::kError));
}

TEST(CiProject, WhatTheProjectDoesNotHaveIsNamedWithItsLine) {
  const std::string pipelines = "pipelines:\n  p: {steps: [{name: a, run: x}]}\n";
  for (const auto& [ci, said] : std::vector<std::pair<std::string, std::string>>{
           {"ci: {pipelines: {p: {until: [b]}}}",
            "line 3, column 21: ci: the pipeline has no such"},
           {"ci: {pipelines: {q: {until: [a]}}}",
            "line 3, column 21: ci: slipway.yaml has no such"},
           {"features: {spices: {}}", "line 3"}}) {
    const std::string yaml = pipelines + ci + "\n";
    const auto policy = parse_ci(yaml);
    ASSERT_TRUE(policy) << policy.error().message;
    const auto project = ci_project(yaml, *policy, {}, Missing::kError);
    ASSERT_FALSE(project) << ci;
    EXPECT_EQ(project.error().message.substr(0, said.size()), said) << project.error().message;
  }
}

}  // namespace
}  // namespace slipway::cli
