#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "dvc/contents.h"
#include "dvc/data_file.h"
#include "dvc/dvc_file.h"
#include "dvc/lock_file.h"
#include "dvc/plan.h"
#include "dvc/repository.h"
#include "dvc/template.h"

namespace slipway::dvc {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

Result<std::string> no_file(const std::string& path) {
  return base::error(Code::kNotFound, "no such file: {}", path);
}

std::vector<std::string> names_of(const std::vector<Stage>& stages) {
  std::vector<std::string> names;
  for (const Stage& stage : stages) names.push_back(stage.name);
  return names;
}

TEST(Template, ReplacesReferences) {
  const JsonObject values = MUST(base::parse_json_object(
      R"({"a": {"b": [1, 0.5, true]}, "n": null, "t": "x y", "f": {"rate": 0.1, "on": true, "off": false, "l": ["a b", 2], "s": {"k": "v"}}})"));
  const std::pair<const char*, const char*> cases[] = {
      {"${a.b[1]}", "0.5"},
      {"${a.b.0} ${ a.b[2] } ${n}", "\"1 true None\""},
      {"${t}", "\"x y\""},
      {"\\${t} ${t}", "\"${t} x y\""},
      {"$t $(t) ${", "\"$t $(t) ${\""},
      {"go ${f}", "\"go --rate 0.1 --on --l 'a b' 2 --s.k v\""},
  };
  for (const auto& [source, expected] : cases)
    EXPECT_EQ(base::to_text(MUST(resolve(Json(source), values, true))),
              base::to_text(MUST(base::parse_json(expected))))
        << source;
  EXPECT_THAT(resolve(Json("${a.c}"), values).error().message, HasSubstr("no such value: ${a.c}"));
  EXPECT_THAT(resolve(Json("x${a}"), values).error().message, HasSubstr("map"));
}

TEST(DvcFile, LoopsBecomeStages) {
  const auto stages = MUST(read_stages(R"(
vars: [{sizes: {s: 1, l: 2}, pairs: [{x: 1}, {x: 2}]}]
stages:
  a: {foreach: [one, 2, one], do: {cmd: "echo ${item}"}}
  b: {foreach: "${sizes}", do: {cmd: "echo ${key} ${item}"}}
  c: {foreach: "${pairs}", do: {cmd: "echo ${item.x}"}}
  d: {matrix: {k: [p, q], n: "${pairs}"}, cmd: "echo ${item.k} ${item.n.x} ${key}"}
)",
                                       no_file));
  EXPECT_THAT(names_of(stages), ElementsAre("a@one", "a@2", "b@s", "b@l", "c@0", "c@1", "d@p-n0",
                                            "d@p-n1", "d@q-n0", "d@q-n1"));
  EXPECT_EQ(stages[3].cmd, Json("echo l 2"));
  EXPECT_EQ(stages[7].cmd, Json("echo p 2 p-n1"));
}

TEST(Plan, OrderIsThatOfDvc) {
  const auto stages = MUST(read_stages(R"(
stages:
  end: {cmd: x, deps: [b/deep, a], outs: [e]}
  a: {cmd: x, deps: [raw], outs: [a]}
  b: {cmd: x, deps: [a], outs: [b]}
  frozen: {cmd: x, deps: [e], outs: [f], frozen: true}
  folder: {cmd: x, wdir: sub, deps: [../g], outs: [h]}
  g: {cmd: x, outs: [g/1, g/2]}
)",
                                       no_file));
  const Plan plan = MUST(make_plan(stages));
  std::vector<std::string> order;
  for (const std::size_t position : plan.order) order.push_back(stages[position].name);
  EXPECT_THAT(order, ElementsAre("a", "b", "end", "frozen", "g", "folder"));
  EXPECT_THAT(MUST(select_stages(stages, plan, {"b"})), ElementsAre(1, 2));
  EXPECT_THAT(plan.needs[3], ElementsAre());
}

// An output goes before its stage runs: what else is there must not be one.
TEST(Plan, WhatMustNotBeRemovedIsNoOutput) {
  struct Case {
    const char *wdir, *path;
    bool is_fine = false;
  };
  for (const Case& each :
       {Case{"", "."}, Case{"", ""}, Case{"", ".."}, Case{"sub", ".."}, Case{"sub", "../.."},
        Case{"", "../x"}, Case{"", ".git"}, Case{"", ".git/config"}, Case{"", ".dvc/cache"},
        Case{"sub", "../dvc.yaml"}, Case{"", "dvc.lock"}, Case{"", "x.dvc"},
        Case{"", "a/.gitignore"}, Case{"", "./data/", true}, Case{"sub", "../data", true},
        Case{"", "a.dvc/b", true}}) {
    Stage stage{.name = "a", .cmd = Json("x"), .wdir = each.wdir};
    stage.outs.push_back({.path = each.path});
    EXPECT_EQ(make_plan({stage}).has_value(), each.is_fine) << each.wdir << " " << each.path;
  }
  const auto read = [](const std::string& stage) {
    return read_stages("stages:\n  a: {cmd: x, " + stage + "}\n",
                       [](const std::string&) -> Result<std::string> {
                         return base::error(Code::kNotFound, "none");
                       });
  };
  EXPECT_TRUE(read("outs: [b]"));
  EXPECT_FALSE(read("wdir: /srv/x, outs: [b]"));
  EXPECT_FALSE(read("outs: [/srv/x]"));
}

TEST(Repository, AllProjectsAreOnePlan) {
  const fs::path root = fs::temp_directory_path() / ("dvc_all." + std::to_string(::getpid()));
  const auto write = [&](const std::string& folder, const std::string& stages) {
    fs::create_directories(root / folder);
    std::ofstream(root / folder / "dvc.yaml") << "stages:\n" << stages;
  };
  fs::create_directories(root / ".dvc");
  write("", "  all: {cmd: x, deps: [b/out], outs: [made]}\n");
  write("a", "  raw: {cmd: x, deps: [in], outs: [out]}\n");
  write("b", "  train: {cmd: x, wdir: deep, deps: [../../a/out], outs: [../out]}\n");
  write("made", "  hidden: {cmd: x}\n");
  write(".git", "  hidden: {cmd: x}\n");
  write("other", "  hidden: {cmd: x}\n");
  fs::create_directories(root / "other" / ".dvc");
  fs::create_directory_symlink(root / "a", root / "c");
  const auto stages = MUST(read_all_projects(root));
  std::vector<std::string> addresses;
  for (const Stage& stage : stages) addresses.push_back(stage.address());
  EXPECT_THAT(addresses, ElementsAre("all", "a/dvc.yaml:raw", "b/dvc.yaml:train"));
  const Plan plan = MUST(make_plan(stages));
  EXPECT_THAT(plan.order, ElementsAre(1, 2, 0));
  EXPECT_THAT(MUST(select_stages(stages, plan, {"b/dvc.yaml:train"})), ElementsAre(1, 2));
  EXPECT_THAT(pipeline_text("p", stages, plan, plan.order),
              HasSubstr("slipway run-stage --all-pipelines --locked {locked-3} --force {force} -- "
                        "'b/dvc.yaml:train'"));
  write("a", "  raw: {cmd: x, outs: [../b/out]}\n");
  EXPECT_THAT(make_plan(MUST(read_all_projects(root))).error().message,
              HasSubstr("stages a/dvc.yaml:raw and b/dvc.yaml:train both make b/out"));
  write("a", "  raw: {cmd: x, outs: [.]}\n");
  EXPECT_THAT(make_plan(MUST(read_all_projects(root))).error().message,
              HasSubstr("a/dvc.yaml: it is in an output of stage a/dvc.yaml:raw"));
  write("a", "  raw: {cmd: '${none}'}\n");
  EXPECT_THAT(read_all_projects(root).error().message, HasSubstr("a/dvc.yaml: line 2"));
  fs::remove_all(root);
}

TEST(Lock, NewEntriesComeInTheOrderOfTheRun) {
  JsonObject lock = MUST(parse_lock("schema: '2.0'\nstages:\n  c: {cmd: x}\n  a: {cmd: x}\n"));
  const std::vector<std::string> order{"a", "b", "c", "d", "e"};
  for (const char* const stage : {"e", "b", "d", "a"})
    put_entry(lock, stage, {{"cmd", "y"}}, 2, order);
  std::vector<std::string> names;
  for (const auto& member : lock.at("stages").get_object()) names.emplace_back(member.key());
  EXPECT_THAT(names, ElementsAre("c", "a", "b", "d", "e"));
}

TEST(Lock, RefusesWhatIsNone) {
  EXPECT_THAT(parse_lock("prepare: {cmd: x}").error().message, HasSubstr("schema '2.0'"));
  EXPECT_THAT(parse_lock("schema: '2.0'\nstages: {a: {deps: []}}").error().message,
              HasSubstr("stages.a: it has no cmd"));
  EXPECT_THAT(parse_lock("schema: '2.0'\nstages: {a: {cmd: x, outs: [b]}}").error().message,
              HasSubstr("no path"));
}

TEST(Contents, ComeBackFromTheCache) {
  const fs::path folder = fs::temp_directory_path() / ("dvc_test." + std::to_string(::getpid()));
  fs::create_directories(folder / "data" / "sub");
  std::ofstream(folder / "data" / "y.txt") << "10\n";
  std::ofstream(folder / "data" / "sub" / "x.txt") << "raw\n";
  const Content content = *MUST(content_of(folder / "data"));
  EXPECT_EQ(content.md5, "17c1b45903c5cdd358da547be2e3aa31.dir");  // as DVC 3.67.1 says
  EXPECT_EQ(
      base::to_text(content.entry("data")),
      R"({"path":"data","hash":"md5","md5":"17c1b45903c5cdd358da547be2e3aa31.dir","size":7,"nfiles":2})");
  const Cache cache(folder / "cache");
  EXPECT_FALSE(cache.has(content.md5));
  MUST(cache.put(folder / "data", content));
  EXPECT_TRUE(cache.has(content.md5));
  MUST(cache.take(content.md5, false, folder / "again"));
  EXPECT_EQ(MUST(content_of(folder / "again"))->md5, content.md5);
  fs::remove(folder / "cache" / "files" / "md5" / "23" / "06b4377429730ee03a806cff76e92b");
  EXPECT_FALSE(cache.has(content.md5));
  fs::remove_all(folder);
}

TEST(DataFile, OnlyWhatTheOutputSaysIsChanged) {
  const Content file{.md5 = "new", .size = 5, .executable = true};
  EXPECT_EQ(MUST(with_content("# a\nouts:\n- md5: old  # b\n  size: 1\n  nfiles: 2\n  hash: md5\n"
                              "  meta:\n    md5: mine\n  path: x\ndesc: d\n",
                              file)),
            "# a\nouts:\n- md5: new  # b\n  size: 5\n  hash: md5\n"
            "  meta:\n    md5: mine\n  path: x\n  isexec: true\ndesc: d\n");
  EXPECT_EQ(with_content("outs: [{md5: old, path: x}]\n", file).error().code,
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace slipway::dvc
