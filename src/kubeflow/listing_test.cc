#include "kubeflow/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace slipway::kubeflow {
namespace {

const std::vector<std::string> kFields = {"name", "created_at", "state"};

std::vector<Listed> things() {
  std::vector<Listed> listed;
  for (int i = 0; i < 5; ++i)
    listed.push_back({.id = fmt::format("id{}", i),
                      .fields = {{"name", fmt::format("run-{}", i)},
                                 {"created_at", i < 3 ? i : 3},
                                 {"state", i % 2 == 0 ? "SUCCEEDED" : "FAILED"}}});
  return listed;
}

std::vector<std::size_t> positions(const ListQuery& query) {
  const auto page = select(things(), kFields, query);
  if (!page) ADD_FAILURE() << page.error().message;
  return page ? page->positions : std::vector<std::size_t>();
}

TEST(Listing, SortsAndFilters) {
  using testing::ElementsAre;
  EXPECT_THAT(positions({}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(positions({.sort_by = "created_at desc"}), ElementsAre(4, 3, 2, 1, 0));
  EXPECT_THAT(positions({.sort_by = "name"}), ElementsAre(0, 1, 2, 3, 4));
  const auto filtered = [&](const std::string& predicate) {
    return positions({.filter = R"({"predicates":[)" + predicate + "]}"});
  };
  EXPECT_THAT(filtered(R"({"operation":1,"key":"state","stringValue":"FAILED"})"),
              ElementsAre(1, 3));
  EXPECT_THAT(filtered(R"({"operation":"NOT_EQUALS","key":"state","string_value":"FAILED"})"),
              ElementsAre(0, 2, 4));
  EXPECT_THAT(
      filtered(R"({"operation":"IN","key":"name","string_values":{"values":["run-1","x"]}})"),
      ElementsAre(1));
  EXPECT_THAT(filtered(R"({"operation":"IS_SUBSTRING","key":"name","string_value":"n-4"})"),
              ElementsAre(4));
  EXPECT_THAT(
      filtered(R"({"operation":"GREATER_THAN_EQUALS","key":"created_at","long_value":"3"})"),
      ElementsAre(3, 4));
  EXPECT_THAT(
      filtered(
          R"({"operation":"LESS_THAN","key":"created_at","timestamp_value":"1970-01-01T00:00:00.000002Z"})"),
      ElementsAre(0, 1));
}

TEST(Listing, PagesMeetAlthoughThingsAreAddedBetweenThem) {
  std::vector<Listed> all = things();
  std::vector<std::string> seen;
  ListQuery query{.page_size = 2, .sort_by = "created_at desc"};
  for (int page = 0; page < 3; ++page) {
    const auto selected = select(all, kFields, query);
    ASSERT_TRUE(selected) << selected.error().message;
    for (const std::size_t position : selected->positions) seen.push_back(all[position].id);
    query.page_token = selected->next_page_token;
    EXPECT_EQ(query.page_token.empty(), page == 2);
    all.insert(all.begin(), {.id = fmt::format("new{}", page),
                             .fields = {{"name", "n"}, {"created_at", 100}, {"state", "s"}}});
  }
  EXPECT_THAT(seen, testing::ElementsAre("id4", "id3", "id2", "id1", "id0"));
}

TEST(Listing, WhatCanNotBeReadIsRefused) {
  const auto first = select(things(), kFields, {.page_size = 1, .sort_by = "name"});
  const struct {
    ListQuery query;
    const char* says;
  } cases[] = {
      {{.page_size = -1}, "page_size"},
      {{.sort_by = "none"}, "sort_by names no field"},
      {{.sort_by = "name up"}, "asc or desc"},
      {{.filter = "{"}, ""},
      {{.filter = R"({"predicates":[{"operation":77,"key":"name","string_value":"a"}]})"},
       "no such operation"},
      {{.filter = R"({"predicates":[{"operation":1,"key":"none","string_value":"a"}]})"},
       "no such field"},
      {{.filter = R"({"predicates":[{"operation":1,"key":"name"}]})"}, "exactly one value"},
      {{.filter = R"({"other":1})"}, "other"},
      {{.page_token = "AAAA"}, "page_token"},
      {{.page_token = first->next_page_token, .sort_by = "state"}, "another sort_by"},
  };
  for (const auto& [query, says] : cases) {
    const auto page = select(things(), kFields, query);
    ASSERT_FALSE(page) << says;
    EXPECT_EQ(page.error().code, Code::kInvalidArgument);
    EXPECT_NE(page.error().message.find(says), std::string::npos) << page.error().message;
  }
}

}  // namespace
}  // namespace slipway::kubeflow
