#include "api/feast/registry.h"

#include <gtest/gtest.h>

#include "api/feast/registry.pb.h"
#include "features/testing/trips.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::api::feast {
namespace {

namespace wire = slipway::feast;

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    MUST(db_->migrate({features::migrations()}));
    MUST(features_.set_definitions(
        MUST(features::parse_definitions(features::testing::kTripsYaml))));
  }
  template <typename Response>
  Response ask(std::string_view method, const google::protobuf::Message& request) {
    const auto answer = registry_.call(method, request.SerializeAsString());
    Response response;
    EXPECT_TRUE(answer && *answer && response.ParseFromString(**answer)) << method;
    return response;
  }
  static wire::GetRequest named(const std::string& name, const std::string& project = "shop") {
    wire::GetRequest request;
    request.set_name(name);
    request.set_project(project);
    return request;
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_;
  base::SeededRandom random_{1};
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "f.db"}, clock_, random_).value();
  features::testing::MemoryTables tables_ = features::testing::random_trips(1, 0);
  features::FeatureStore features_{*db_, tables_, clock_};
  std::string project_ = "shop";
  Registry registry_{features_, [this] { return Result<std::string>(project_); }};
};

TEST_F(RegistryTest, AViewIsWhatIsDeclared) {
  const auto view = ask<wire::FeatureView>("GetFeatureView", named("newest")).spec();
  EXPECT_EQ(view.name(), "newest");
  EXPECT_EQ(view.project(), "shop");
  EXPECT_EQ(view.entities(0), "carrier");
  EXPECT_EQ(view.entity_columns(0).value_type(), wire::ValueType::STRING);
  EXPECT_EQ(view.features(0).name(), "delay");
  EXPECT_EQ(view.features(0).value_type(), wire::ValueType::DOUBLE);
  EXPECT_EQ(view.ttl().seconds(), 6 * 3600);
  EXPECT_EQ(view.stream_source().name(), "landings");
  EXPECT_EQ(view.stream_source().batch_source().timestamp_field(), "landed_at");
  EXPECT_EQ(view.batch_source().created_timestamp_column(), "known_at");
  const auto any = ask<wire::GetAnyFeatureViewResponse>("GetAnyFeatureView", named("carrier"));
  const auto& windowed = any.any_feature_view().feature_view().spec();
  EXPECT_EQ(windowed.features(0).name(), "mean_delay_1h");
  EXPECT_EQ(windowed.ttl().seconds(), 0);
}

TEST_F(RegistryTest, ListsAreOfTheProject) {
  wire::ListRequest list;
  list.set_project("shop");
  EXPECT_EQ(ask<wire::ListFeatureViewsResponse>("ListFeatureViews", list).feature_views_size(), 4);
  const auto entities = ask<wire::ListEntitiesResponse>("ListEntities", list);
  ASSERT_EQ(entities.entities_size(), 2);
  EXPECT_EQ(entities.entities(0).spec().join_key(), "carrier");
  const auto services = ask<wire::ListFeatureServicesResponse>("ListFeatureServices", list);
  ASSERT_EQ(services.feature_services_size(), 1);
  const auto& trips = services.feature_services(0).spec();
  ASSERT_EQ(trips.features_size(), 6);  // two columns of place are one projection
  EXPECT_EQ(trips.features(4).feature_view_name(), "place");
  EXPECT_EQ(trips.features(4).feature_columns_size(), 2);
  EXPECT_EQ(ask<wire::ListProjectsResponse>("ListProjects", list).projects(0).spec().name(),
            "shop");
  EXPECT_EQ(ask<wire::Registry>("Proto", wire::Empty()).data_sources_size(), 2);
  EXPECT_EQ(registry_.call("ListPermissions", "").value().value(), "");
  list.set_project("another");
  EXPECT_EQ(ask<wire::ListEntitiesResponse>("ListEntities", list).entities_size(), 0);
  project_ = "";
  EXPECT_EQ(ask<wire::Registry>("Proto", wire::Empty()).feature_views_size(), 0);
}

TEST_F(RegistryTest, WhatIsNotThereIsFeastsException) {
  for (const auto& [method, name, project, words] :
       std::vector<std::tuple<const char*, const char*, const char*, const char*>>{
           {"GetFeatureView", "nobody", "shop", "FeatureViewNotFoundException"},
           {"GetFeatureView", "newest", "another", "FeatureViewNotFoundException"},
           {"GetOnDemandFeatureView", "calendar", "shop", "FeatureViewNotFoundException"},
           {"GetFeatureService", "nobody", "shop", "FeatureServiceNotFoundException"},
           {"GetEntity", "nobody", "shop", "EntityNotFoundException"},
           {"GetDataSource", "nobody", "shop", "DataSourceObjectNotFoundException"},
           {"GetProject", "nobody", "", "ProjectObjectNotFoundException"}}) {
    const auto answer = registry_.call(method, named(name, project).SerializeAsString());
    ASSERT_TRUE(answer && !*answer) << method;
    EXPECT_EQ(answer->error().code, Code::kNotFound);
    EXPECT_NE(answer->error().message.find(words), std::string::npos) << answer->error().message;
  }
  EXPECT_EQ(registry_.call("GetEntity", "\xff").value().error().code, Code::kInvalidArgument);
  EXPECT_EQ(registry_.call("ApplyFeatureView", "").value().error().code, Code::kFailedPrecondition);
  EXPECT_FALSE(registry_.call("GetRegistryLineage", ""));
}

}  // namespace
}  // namespace slipway::api::feast
