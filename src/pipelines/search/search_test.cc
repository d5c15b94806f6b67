// What may be written under `search`, and how mistakes are told.
#include "pipelines/search/search.h"

#include <gtest/gtest.h>

#include <cmath>

#include "pipelines/definition.h"
#include "pipelines/search/grid.h"

namespace slipway::pipelines {
namespace {

Result<Search> read(const std::string& text) {
  return read_search(TRY(types::YamlNode::parse(text)));
}

constexpr const char* kWhole = R"(
method: random
trials: 5
metric: m.json#auc.test
goal: maximize
space: {rate: {low: 1e-4, high: 0.3, log: true}, depth: {low: 2, high: 10}, share: {low: 0, high: 1.0, step: 0.25}, kind: {choices: [a, 2, true]}}
)";

TEST(Search, SaysWhatIsSearched) {
  const Search search = MUST(read(kWhole));
  EXPECT_EQ(search.metric.file, "m.json");
  EXPECT_EQ(search.metric.metric(), "auc.test");
  EXPECT_TRUE(search.maximizes);
  EXPECT_EQ(search.parallel, 1);
  ASSERT_EQ(search.space.size(), 4u);
  EXPECT_EQ(search.space[0].kind, Dimension::Kind::kNumber);
  EXPECT_TRUE(search.space[0].log);
  EXPECT_EQ(search.space[0].values(), 0u);
  EXPECT_EQ(search.space[1].kind, Dimension::Kind::kWhole);
  EXPECT_EQ(search.space[1].values(), 9u);
  EXPECT_EQ(search.space[2].values(), 5u);
  EXPECT_EQ(search.space[2].nearest(0.6), 0.5);
  EXPECT_EQ(search.space[2].nearest(7), 1);
  EXPECT_EQ(search.space[3].choices, (std::vector<std::string>{"\"a\"", "2", "true"}));
}

TEST(Search, MistakesCarryLineAndColumn) {
  const auto with = [](const std::string& space) {
    return "method: tpe\ntrials: 5\nmetric: auc\ngoal: minimize\nspace: " + space;
  };
  const std::pair<std::string, const char*> cases[] = {
      {"[]", "line 1"},
      {"method: bayes", "method is grid, random or tpe: got=bayes"},
      {"method: tpe\nmetric: m.json#", "metric is a member of a file"},
      {"method: tpe\nmetric: ../m.json#a", "below {out}"},
      {"method: tpe\nmetric: a\ngoal: best", "line 3, column 7: goal is maximize or minimize"},
      {"method: tpe\nmetric: a\ngoal: minimize\nspace: {x: {low: 1, high: 2}}", "how many"},
      {with("{}"), "nothing that is searched"},
      {with("[x]"), "space has what"},
      {with("{x: 3}"), "x is {low: ..., high: ...} or"},
      {with("{item: {low: 1, high: 2}}"), "a meaning of its own"},
      {with("{a.b: {low: 1, high: 2}}"), "name of a parameter"},
      {with("{x: {low: 1}}"), "needs a key: key=high"},
      {with("{x: {low: 2, high: 2}}"), "high must be more than low"},
      {with("{x: {low: -1e308, high: 1e308}}"), "too far"},
      {with("{x: {low: 0, high: 1.5, log: true}}"), "with log, low must be more than 0"},
      {with("{x: {low: 1, high: 9, step: 0.5}}"), "goes in whole numbers"},
      {with("{x: {low: 1, high: 9, step: 9}}"), "at most high - low"},
      {with("{x: {low: 1, high: 9, log: true, step: 2}}"), "without log"},
      {with("{x: {low: 0, high: 9007199254740996}}"), "2^53"},
      {with("{x: {choices: []}}"), "needs from 1 to 1000 choices"},
      {with("{x: {choices: [1, 1]}}"), "twice: x=1"},
      {with("{x: {choices: [[1]]}}"), "a choice is a text"},
      {with("{x: {choices: [1], low: 1}}"), "no such key: key=low"},
      {with("{x: {low: 1, high: 2}}\nseed: -1"), "at least 0"},
      {with("{x: {low: 1, high: 2}}\nmax_failed: x"), "whole number"},
      {with("{x: {low: 1, high: 2}}\nparalel: 2"), "no such key: key=paralel"},
      {"method: grid\nmetric: a\ngoal: minimize\nspace: {x: {low: 0.0, high: 2}}", "or a step"},
      {"method: grid\nmetric: a\ngoal: minimize\nspace: {x: {low: 0, high: 20000}}", "too many"},
  };
  for (const auto& [text, says] : cases) {
    const auto search = read(text);
    ASSERT_FALSE(search) << text;
    EXPECT_EQ(search.error().code, Code::kInvalidArgument);
    EXPECT_NE(search.error().message.find(says), std::string::npos) << text << "\n"
                                                                    << search.error().message;
    EXPECT_NE(search.error().message.find("line "), std::string::npos);
  }
}

TEST(Search, ItsStepMustUseWhatIsSearched) {
  const auto step = [](const std::string& rest) {
    return "pipelines:\n  p:\n    params: {word: x}\n    steps:\n      - {name: a, " + rest + "}\n";
  };
  const std::string search =
      "search: {method: random, trials: 2, metric: auc, goal: maximize, space: {x: {low: 1, high: "
      "2}}}";
  const std::pair<std::string, const char*> cases[] = {
      {"run: 'echo {word}', " + search, "the command doesn't use what is searched: step=a name=x"},
      {"run: 'echo {x} {y}', " + search, "reference={y}"},
      {"run: 'echo {x}', each: [1], " + search, "each or search, not both"},
      {"run: 'echo {x}', parallel: 2, " + search, "below search"},
      {"run: 'echo {x}', outputs: [best.json], " + search, "writes best.json itself"},
      {"approve: it, " + search, "alone"},
      {"run: 'echo {word}', search: {method: random, trials: 2, metric: auc, goal: maximize, "
       "space: "
       "{word: {low: 1, high: 2}}}",
       "called as a parameter"},
  };
  for (const auto& [rest, says] : cases) {
    const auto parsed = parse_pipelines(step(rest));
    ASSERT_FALSE(parsed) << rest;
    EXPECT_NE(parsed.error().message.find(says), std::string::npos) << parsed.error().message;
  }
  EXPECT_TRUE(parse_pipelines(step("run: 'echo {x}', " + search)));
  EXPECT_TRUE(parse_pipelines(step("run: 'echo {item}', " + search)));
}

TEST(Space, PointsAreWrittenAndReadBackAsTheyWere) {
  const Space space = MUST(read(kWhole)).space;
  base::SeededRandom random(3);
  for (int i = 0; i < 2000; ++i) {
    Point point;
    for (const Dimension& dimension : space) point.push_back(random_value(dimension, random));
    const std::string params = params_of(space, point);
    EXPECT_EQ(MUST(point_of(space, params)), point) << params;
    EXPECT_EQ(params_of(space, MUST(point_of(space, params))), params);
  }
  const Point point = {0.01, 4, 0.25, 0};
  EXPECT_EQ(params_of(space, point), R"({"rate":0.01,"depth":4,"share":0.25,"kind":"a"})");
  EXPECT_EQ(texts_of(space, point),
            (std::map<std::string, std::string>{
                {"rate", "0.01"}, {"depth", "4"}, {"share", "0.25"}, {"kind", "a"}}));
  for (const char* wrong : {"[]", "{}", R"({"rate":"x","depth":4,"share":0.25,"kind":"a"})",
                            R"({"rate":1,"depth":4,"share":0.25,"kind":"b"})"})
    EXPECT_FALSE(point_of(space, wrong)) << wrong;
}

TEST(Space, EachValueIsAsLikelyAsAnyOther) {
  const Space space = MUST(read(kWhole)).space;
  base::SeededRandom random(11);
  constexpr int kDraws = 90'000;
  for (const std::size_t at : {1u, 2u, 3u}) {  // those that can be counted
    std::map<double, int> counts;
    for (int i = 0; i < kDraws; ++i) ++counts[random_value(space[at], random)];
    ASSERT_EQ(counts.size(), space[at].values());
    for (const auto& [value, count] : counts)
      EXPECT_NEAR(count * static_cast<double>(space[at].values()) / kDraws, 1, 0.06) << value;
  }
  // With log, each ratio: half of them below the geometric mean of the bounds.
  int below = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random_value(space[0], random);
    ASSERT_GE(value, 1e-4);
    ASSERT_LE(value, 0.3);
    below += value < std::sqrt(1e-4 * 0.3) ? 1 : 0;
  }
  EXPECT_NEAR(below / static_cast<double>(kDraws), 0.5, 0.01);
}

TEST(Grid, HasEveryCombinationOnceWithTheLastChangingFirst) {
  const Space space = MUST(read("method: grid\nmetric: a\ngoal: minimize\nspace: {depth: {low: 2, "
                                "high: 6, step: 2}, kind: {choices: [x, y]}}"))
                          .space;
  ASSERT_EQ(grid_size(space), 6u);
  std::string all;
  for (std::uint64_t i = 0; i < 6; ++i) all += params_of(space, grid_point(space, i)) + "\n";
  EXPECT_EQ(all,
            "{\"depth\":2,\"kind\":\"x\"}\n{\"depth\":2,\"kind\":\"y\"}\n"
            "{\"depth\":4,\"kind\":\"x\"}\n{\"depth\":4,\"kind\":\"y\"}\n"
            "{\"depth\":6,\"kind\":\"x\"}\n{\"depth\":6,\"kind\":\"y\"}\n");
  const Dimension huge{.name = "h",
                       .kind = Dimension::Kind::kWhole,
                       .low = 0,
                       .high = 9e15,
                       .step = 1,
                       .choices = {}};
  EXPECT_EQ(grid_size({huge, huge, huge}), std::uint64_t{1} << 63);
}

}  // namespace
}  // namespace slipway::pipelines
