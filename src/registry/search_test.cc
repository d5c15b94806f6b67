#include <gtest/gtest.h>

#include "registry/registry.h"
#include "registry/testing/fake_places.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::registry {
namespace {

using Names = std::vector<std::string>;

class SearchTest : public ::testing::Test {
 protected:
  SearchTest() {
    MUST(db_->migrate({migrations()}));
    add_model("beta", {{"team", "red"}, {"size", "big"}});
    add_model("alpha", {{"team", "Red"}});
    add_model("gamma", {});
    add_model("greeting", {{std::string(kPromptTag), "true"}, {"team", "red"}});
    add_version("beta", "run1", {{"auc", "0.7"}});
    add_version("alpha", "run1", {});
    add_version("beta", "run2", {{"auc", "0.8"}});
    add_version("greeting", "", {{std::string(kPromptTag), "true"}});
  }
  void add_model(const std::string& name, const std::vector<KeyValue>& tags) {
    clock_.advance({1'000'000});
    MUST(registry_.create_model(name, "", tags));
  }
  void add_version(const std::string& model, const std::string& run,
                   const std::vector<KeyValue>& tags) {
    clock_.advance({1'000'000});
    MUST(registry_.create_version(
        {.model = model, .run_id = run, .source = "s3://b/" + model, .tags = tags}));
  }

  Names models(const SearchQuery& query) {
    Names names;
    const auto page = registry_.search_models(query);
    EXPECT_TRUE(page) << query.filter << ": " << (page ? "" : page.error().message);
    if (page) {
      for (const RegisteredModel& model : page->items) names.push_back(model.name);
    }
    return names;
  }
  Names versions(const SearchQuery& query) {
    Names names;
    const auto page = registry_.search_versions(query);
    EXPECT_TRUE(page) << query.filter << ": " << (page ? "" : page.error().message);
    if (page) {
      for (const ModelVersion& version : page->items)
        names.push_back(fmt::format("{}/{}", version.model, version.version));
    }
    return names;
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'000'000}};
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "r.db"}, clock_, random_).value();
  testing::FakePlaces places_;
  Registry registry_{*db_, clock_, places_};
};

TEST_F(SearchTest, Models) {
  struct Case {
    std::string filter;
    Names expected;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"", {"alpha", "beta", "gamma"}},
           {"name = 'beta'", {"beta"}},
           {"name != 'beta'", {"alpha", "gamma"}},
           {"name LIKE '%A'", {}},
           {"name ILIKE '%A'", {"alpha", "beta", "gamma"}},
           {"name IN ('gamma', 'beta', 'greeting')", {"beta", "gamma"}},
           {"tags.team = 'red'", {"beta"}},
           {"tags.team ILIKE 'red' AND tags.size = 'big'", {"beta"}},
           {"tags.team != 'blue'", {"alpha", "beta"}},
           {"tags.`mlflow.prompt.is_prompt` != 'true'", {"alpha", "beta", "gamma"}},
           {"tags.`mlflow.prompt.is_prompt` = 'false'", {"alpha", "beta", "gamma"}},
           {"tags.`mlflow.prompt.is_prompt` = 'true'", {"greeting"}},
           {"tags.`mlflow.prompt.is_prompt` = 'true' AND name LIKE 'a%'", {}},
           {"tags.`mlflow.prompt.is_prompt` != 'false' AND tags.team = 'red'", {"greeting"}}})
    EXPECT_EQ(models({.filter = c.filter}), c.expected) << c.filter;
  EXPECT_EQ(models({.order_by = {"name DESC"}}), (Names{"gamma", "beta", "alpha"}));
  EXPECT_EQ(models({.order_by = {"timestamp DESC"}}), (Names{"beta", "alpha", "gamma"}));
}

TEST_F(SearchTest, Versions) {
  struct Case {
    std::string filter;
    Names expected;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"", {"beta/2", "alpha/1", "beta/1"}},  // newest change first
           {"name = 'beta'", {"beta/2", "beta/1"}},
           {"run_id = 'run1'", {"alpha/1", "beta/1"}},
           {"run_id IN ('run1', 'run2') AND name LIKE 'b%'", {"beta/2", "beta/1"}},
           {"run_id NOT IN ('run1')", {"beta/2"}},
           {"source_path = 's3://b/alpha'", {"alpha/1"}},
           {"version_number > 1", {"beta/2"}},
           {"version_number <= '1' AND name = 'beta'", {"beta/1"}},
           {"tags.auc = '0.8'", {"beta/2"}},
           {"tags.auc LIKE '0.%'", {"beta/2", "beta/1"}},
           {"name = 'greeting'", {}},
           {"tags.`mlflow.prompt.is_prompt` = 'true' AND name = 'greeting'", {"greeting/1"}}})
    EXPECT_EQ(versions({.filter = c.filter}), c.expected) << c.filter;
  EXPECT_EQ(versions({.order_by = {"name ASC"}}), (Names{"alpha/1", "beta/2", "beta/1"}));
  EXPECT_EQ(versions({.order_by = {"version_number DESC", "name DESC"}}),
            (Names{"beta/2", "beta/1", "alpha/1"}));
}

TEST_F(SearchTest, PagesAndMistakes) {
  const auto first = registry_.search_models({.max_results = 2}).value();
  EXPECT_EQ(first.next_offset, 2);
  const auto last = registry_.search_models({.max_results = 2, .offset = 2}).value();
  EXPECT_EQ(last.items.size(), 1u);
  EXPECT_EQ(last.next_offset, -1);
  EXPECT_TRUE(registry_.search_models({.offset = 1'000'000})->items.empty());
  for (const SearchQuery& query :
       std::initializer_list<SearchQuery>{{.filter = "run_id = 'x'"},
                                          {.filter = "tags.x IS NULL"},
                                          {.filter = "name = 'a' OR name = 'b'"},
                                          {.order_by = {"color"}},
                                          {.order_by = {"name", "name DESC"}},
                                          {.order_by = {"tags.team"}}}) {
    const auto page = registry_.search_models(query);
    ASSERT_FALSE(page) << query.filter;
    EXPECT_EQ(page.error().code, Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace slipway::registry
