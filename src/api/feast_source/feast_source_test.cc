#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/feast/registry.pb.h"
#include "api/feast_source/python_transform.h"
#include "api/feast_source/registry_import.h"
#include "api/feast_source/repository.h"
#include "store/file_system.h"

namespace slipway::api::feast_source {
namespace {

namespace wire = slipway::feast;
using testing::ElementsAre;
using testing::HasSubstr;

// The expression of the only feature, or the error.
std::string transformed(std::string_view body, PythonMode mode) {
  const auto column = [](const std::string& input) -> Result<std::string> { return input; };
  const auto features = read_transform(
      "@decorated(a=[1])\ndef f(inputs: pd.DataFrame) -> pd.DataFrame:\n" + std::string(body), mode,
      column);
  if (!features) return features.error().message;
  EXPECT_EQ(features->size(), 1u);
  return features->front().second;
}

TEST(PythonTransform, ArithmeticIsRead) {
  struct Case {
    std::string_view body;
    PythonMode mode;
    std::string_view expression;
  };
  const Case cases[] = {
      {"  df = pd.DataFrame()\n  df['x'] = inputs['a'] + inputs[\"b\"]\n  return df\n",
       PythonMode::kColumns, "a + b"},
      {"  \"\"\"What it is\nfor.\"\"\"\n  # why\n  return pd.DataFrame({'x': (inputs['a'] + 1) / "
       "2})",
       PythonMode::kColumns, "(a + 1) / 2"},
      {"  return {'x': inputs['a'] > 1_000}\n", PythonMode::kRow, "coalesce(a > 1000, false)"},
      {"  return {'x': -inputs['a'] != 1.5e-3}\n", PythonMode::kRow,
       "coalesce(-a != 1.5e-3, true)"},
      {"  return {'x': [2 * x for x in inputs['dist']]}\n", PythonMode::kLists, "2 * dist"},
      {"  return {'x': [p / (q - p) for p, q in zip(inputs['a'], inputs['b'])],}\n",
       PythonMode::kLists, "a / (b - a)"},
      {"  out = {}\n  out['x'] = inputs['a']\n  return out\n", PythonMode::kLists, "a"},
      {"  df = pd.DataFrame()\n  df['x'] = (\n    inputs['a'] *\n    3)\n  return df\n",
       PythonMode::kColumns, "(a * 3)"},
  };
  for (const Case& c : cases) EXPECT_EQ(transformed(c.body, c.mode), c.expression) << c.body;
}

TEST(PythonTransform, AnythingElseIsRefusedWithItsLine) {
  struct Case {
    std::string_view body;
    PythonMode mode;
    std::string_view says;
  };
  const Case cases[] = {
      {"  return {'x': inputs['a'] % 3}\n", PythonMode::kRow, "line 3 of the function: `%`"},
      {"  return {'x': inputs['a'] ** 2}\n", PythonMode::kRow, "`**`"},
      {"  return {'x': np.log(inputs['a'])}\n", PythonMode::kRow, "`np`"},
      {"  y = inputs['a']\n  return {'x': y}\n", PythonMode::kRow, "`inputs`"},
      {"  df = pd.DataFrame()\n  df['x'] = inputs['a'].fillna(0)\n  return df\n",
       PythonMode::kColumns, "line 4 of the function: `.`"},
      {"  df = pd.DataFrame()\n  df['x'] = inputs['a']\n  df['y'] = df['x'] * 2\n  return df\n",
       PythonMode::kColumns, "line 5 of the function: `df`"},
      {"  return {'x': 2 * inputs['a']}\n", PythonMode::kLists, "`2`"},  // a list twice
      {"  return {'x': [x for x in inputs['a'] if x > 1]}\n", PythonMode::kLists, "`if`"},
      {"  return {'x': [x + y for x in inputs['a']]}\n", PythonMode::kLists, "`y`"},
      {"  for k in inputs: pass\n", PythonMode::kRow, "`k`"},
      {"  df = pd.DataFrame()\n", PythonMode::kColumns, "no return"},
      {"  return {'x': 'a\\n'}\n", PythonMode::kRow, "escape"},
      {"  return {'x': \"\"\"a}\n", PythonMode::kRow, "without an end"},
  };
  for (const Case& c : cases) EXPECT_THAT(transformed(c.body, c.mode), HasSubstr(c.says)) << c.body;
  EXPECT_THAT(transformed("  return {'x': " + std::string(1000, '(') + "1}", PythonMode::kRow),
              HasSubstr("too deep"));
  EXPECT_FALSE(read_transform("lambda x: x", PythonMode::kRow, [](const std::string& input) {
                 return Result<std::string>(input);
               }).has_value());
}

wire::Field field(const std::string& name, int type) {
  wire::Field out;
  out.set_name(name);
  out.set_value_type(static_cast<wire::ValueType::Enum>(type));
  return out;
}

// One entity, one file with a push source, and a view of each.
wire::Registry shop() {
  wire::Registry registry;
  registry.add_projects()->mutable_spec()->set_name("shop");
  auto& entity = *registry.add_entities()->mutable_spec();
  entity.set_name("driver");
  entity.set_join_key("driver_id");
  entity.set_project("shop");
  wire::DataSource file;
  file.set_type(wire::DataSource::BATCH_FILE);
  file.set_name("drivers");
  file.set_project("shop");
  file.set_timestamp_field("at");
  file.set_created_timestamp_column("created");
  file.mutable_file_options()->set_uri("data/drivers.parquet");
  (*file.mutable_field_mapping())["n_trips"] = "trips";
  wire::FeatureViewSpec spec;
  spec.set_name("stats");
  spec.set_project("shop");
  spec.add_entities("driver");
  *spec.add_entity_columns() = field("driver_id", wire::ValueType::INT64);
  *spec.add_features() = field("trips", wire::ValueType::INT64);
  *spec.add_features() = field("rate", wire::ValueType::FLOAT);
  *spec.add_features() = field("tokens", 12);  // a list
  spec.mutable_ttl()->set_seconds(2 * 86'400);
  spec.set_owner("ada");
  spec.set_description("What drivers \"did\"");
  (*spec.mutable_tags())["team"] = "rides: \u00fc";
  spec.set_online(true);
  *spec.mutable_batch_source() = file;
  *registry.add_feature_views()->mutable_spec() = spec;
  wire::FeatureServiceSpec service;
  service.set_name("ride");
  service.set_project("shop");
  auto& part = *service.add_features();
  part.set_feature_view_name("stats");
  *part.add_feature_columns() = field("trips", wire::ValueType::INT64);
  *registry.add_feature_services()->mutable_spec() = service;
  return registry;
}

Imported imported(const wire::Registry& registry, const ImportOptions& options = {}) {
  return import_registry(registry.SerializeAsString(), options).value();
}

std::vector<std::string> remarks(const Imported& imported) {
  std::vector<std::string> out;
  for (const Remark& remark : imported.remarks)
    out.push_back(remark.kind + " " + remark.name + ": " + remark.why);
  return out;
}

// What is written says what was made.
void expect_reads_back(const Imported& imported) {
  const std::string yaml = imported.yaml();
  const auto datasets = datasets::parse_datasets(yaml);
  ASSERT_TRUE(datasets.has_value()) << datasets.error().message << yaml;
  EXPECT_EQ(*datasets, imported.declaration.datasets) << yaml;
  const auto features = features::parse_definitions(yaml);
  ASSERT_TRUE(features.has_value()) << features.error().message << yaml;
  EXPECT_EQ(features::feature_texts(*features),
            features::feature_texts(imported.declaration.features));
}

TEST(RegistryImport, AViewHasItsSourceKeysColumnsAndWhatPeopleSayOfIt) {
  const Imported found = imported(shop(), {.files = "../repo/"});
  const auto& features = found.declaration.features;
  ASSERT_EQ(features.views.size(), 1u);
  const features::View& view = features.views[0];
  EXPECT_THAT(view.keys, ElementsAre("driver_id"));
  EXPECT_EQ(view.source, "drivers");
  EXPECT_EQ(types::to_text(*view.ttl), "2d");
  EXPECT_EQ(view.about.owner, "ada");
  ASSERT_EQ(view.columns.size(), 2u);
  EXPECT_EQ(view.columns[0].expression, "n_trips");
  EXPECT_EQ(found.declaration.datasets[0].path, "../repo/data/drivers.parquet");
  EXPECT_EQ(features.sources[0].arrival_time, "created");
  ASSERT_EQ(features.services.size(), 1u);
  EXPECT_THAT(features.services[0].features, ElementsAre("stats.trips"));
  EXPECT_EQ(features.services[0].request[0].name, "driver_id");
  EXPECT_EQ(features.services[0].request[0].type, types::ColumnType::kInt64);
  EXPECT_THAT(remarks(found),
              ElementsAre(HasSubstr("feature stats.tokens: it is a list"),
                          HasSubstr("view stats: rate: the numbers of the file"),
                          HasSubstr("source drivers: created says when a row is known")));
  expect_reads_back(found);
}

TEST(RegistryImport, WhatCannotBeReadIsLeftOutWithTheReason) {
  struct Case {
    std::string_view name;
    std::function<void(wire::FeatureViewSpec&)> change;
    std::string_view says;
  };
  const Case cases[] = {
      {"warehouse",
       [](auto& view) {
         view.mutable_batch_source()->set_type(static_cast<wire::DataSource::SourceType>(2));
         view.mutable_batch_source()->set_data_source_class_type("feast.BigQuerySource");
       },
       "BigQuerySource"},
      {"delta",
       [](auto& view) {
         view.mutable_batch_source()
             ->mutable_file_options()
             ->mutable_file_format()
             ->mutable_delta_format();
       },
       "Delta"},
      {"no entity", [](auto& view) { view.clear_entities(); }, "no entity"},
      {"name", [](auto& view) { view.set_name("a.b"); }, "letters"},
      {"transformed",
       [](auto& view) {
         view.mutable_feature_transformation()->mutable_user_defined_function()->set_name("f");
       },
       "expressions"},
      {"mapped key",
       [](auto& view) {
         (*view.mutable_batch_source()->mutable_field_mapping())["id"] = "driver_id";
       },
       "driver_id is the column id"},
  };
  for (const Case& c : cases) {
    wire::Registry registry = shop();
    c.change(*registry.mutable_feature_views(0)->mutable_spec());
    const Imported found = imported(registry);
    EXPECT_TRUE(found.declaration.features.views.empty()) << c.name;
    EXPECT_TRUE(found.declaration.datasets.empty()) << c.name;
    ASSERT_FALSE(found.remarks.empty()) << c.name;
    EXPECT_THAT(found.remarks.front().why, HasSubstr(c.says)) << c.name;
    EXPECT_THAT(found.remarks.back().why, HasSubstr("none of its features is here")) << c.name;
    expect_reads_back(found);
  }
}

TEST(RegistryImport, RowsInS3AndPostgresqlAreReadThere) {
  wire::Registry registry = shop();
  auto& file = *registry.mutable_feature_views(0)->mutable_spec()->mutable_batch_source();
  file.mutable_file_options()->set_uri("s3://lake/drivers");
  file.mutable_file_options()->set_s3_endpoint_override("http://minio:9000");
  Imported found = imported(registry, {.files = "../repo/"});
  EXPECT_EQ(found.declaration.datasets[0].path, "s3://lake/drivers");
  EXPECT_THAT(remarks(found), testing::Contains(HasSubstr("http://minio:9000")));
  expect_reads_back(found);

  file.clear_file_options();
  file.set_type(static_cast<wire::DataSource::SourceType>(6));
  file.set_data_source_class_type("feast.x.postgres_source.PostgreSQLSource");
  file.mutable_custom_options()->set_configuration(
      R"({"name": "drivers", "query": null, "table": "shop.Drivers"})");
  found = imported(registry);
  EXPECT_EQ(found.declaration.datasets[0].postgres->query, "SELECT * FROM shop.Drivers");
  EXPECT_EQ(found.declaration.datasets[0].postgres->url, "${FEAST_POSTGRES_URL}");
  EXPECT_THAT(remarks(found), testing::Contains(HasSubstr("set FEAST_POSTGRES_URL")));
  expect_reads_back(found);

  file.mutable_custom_options()->set_configuration("no JSON");
  EXPECT_TRUE(imported(registry).declaration.features.views.empty());
}

wire::OnDemandFeatureViewSpec on_demand(const std::string& body) {
  wire::OnDemandFeatureViewSpec spec;
  spec.set_name("fare");
  spec.set_project("shop");
  spec.set_mode("pandas");
  *spec.add_features() = field("twice", wire::ValueType::DOUBLE);
  auto& function = *spec.mutable_feature_transformation()->mutable_user_defined_function();
  function.set_body_text("def f(inputs):\n" + body);
  return spec;
}

TEST(RegistryImport, OnDemandViewsOfTheRequestAndOfViews) {
  wire::Registry registry = shop();
  auto from_request = on_demand("  return pd.DataFrame({'twice': inputs['dist'] * 2})\n");
  auto& request = *(*from_request.mutable_sources())["r"].mutable_request_data_source();
  *request.mutable_request_data_options()->add_schema() = field("dist", wire::ValueType::DOUBLE);
  *registry.add_on_demand_feature_views()->mutable_spec() = from_request;
  auto from_view = on_demand("  return pd.DataFrame({'twice': inputs['trips'] * 2})\n");
  from_view.set_name("more_trips");
  auto& projection = *(*from_view.mutable_sources())["stats"].mutable_feature_view_projection();
  projection.set_feature_view_name("stats");
  *projection.add_feature_columns() = field("trips", wire::ValueType::INT64);
  *registry.add_on_demand_feature_views()->mutable_spec() = from_view;
  auto from_both = from_view;
  from_both.set_name("both");
  from_both.mutable_feature_transformation()->mutable_user_defined_function()->set_body_text(
      "def f(inputs):\n  return pd.DataFrame({'twice': inputs['trips'] * inputs['dist']})\n");
  *(*from_both.mutable_sources())["r"].mutable_request_data_source() = request;
  *registry.add_on_demand_feature_views()->mutable_spec() = from_both;

  const Imported found = imported(registry);
  const auto& features = found.declaration.features;
  ASSERT_EQ(features.views.size(), 4u);
  EXPECT_TRUE(features.views[1].is_on_demand());
  EXPECT_EQ(features.views[1].columns[0].expression, "dist * 2");
  EXPECT_EQ(features.views[2].source, "drivers");
  EXPECT_EQ(features.views[2].columns[0].expression, "n_trips * 2");
  EXPECT_TRUE(features.views[3].is_on_demand());
  EXPECT_EQ(features.views[3].columns[0].expression, "stats__trips * dist");
  // Somebody has to say the type of `dist`.
  ASSERT_EQ(features.services.size(), 3u);
  EXPECT_EQ(features.services[1].name, "fare");
  EXPECT_EQ(features.services[2].name, "both");
  EXPECT_EQ(features.services[2].request.size(), 3u);  // dist, the driver and when
  expect_reads_back(found);
}

TEST(RegistryImport, ARegistryOfSeveralProjectsIsAskedForOne) {
  wire::Registry registry = shop();
  registry.add_projects()->mutable_spec()->set_name("other");
  const std::string bytes = registry.SerializeAsString();
  EXPECT_THAT(import_registry(bytes, {}).error().message, HasSubstr("other, shop"));
  EXPECT_TRUE(import_registry(bytes, {.project = "shop"}).has_value());
  EXPECT_EQ(import_registry(bytes, {.project = "nobody"}).error().code, Code::kNotFound);
  EXPECT_EQ(import_registry("no registry", {}).error().code, Code::kInvalidArgument);
  EXPECT_THAT(import_registry("", {}).error().message, HasSubstr("feast apply"));
}

// As a registry's server sends them.
TEST(RegistryImport, ObjectsWithoutAProjectAreTheOnlyProjects) {
  wire::Registry registry = shop();
  registry.mutable_entities(0)->mutable_spec()->clear_project();
  registry.mutable_feature_views(0)->mutable_spec()->clear_project();
  EXPECT_EQ(imported(registry).declaration.features.views.size(), 1u);
  registry.add_projects()->mutable_spec()->set_name("other");
  EXPECT_THAT(import_registry(registry.SerializeAsString(), {.project = "shop"}).error().message,
              HasSubstr("which of its projects"));
}

TEST(FeastRepository, SaysWhereTheRegistryIs) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "feast_repository";
  ASSERT_TRUE(store::make_folders(folder).has_value());
  const auto open = [&](std::string_view yaml) {
    EXPECT_TRUE(store::write_file(folder / "feature_store.yaml", yaml).has_value());
    return open_repository(folder);
  };
  ::setenv("FEAST_TEST_FOLDER", "kept", 1);
  EXPECT_EQ(open("project: p\nregistry: ${FEAST_TEST_FOLDER}/r.db\nprovider: local\n").value().file,
            folder / "kept/r.db");
  EXPECT_EQ(open("project: p\n").value().file, folder / "data/registry.db");
  EXPECT_EQ(open("project: p\nregistry: {registry_type: remote, path: 'h:1'}\n").value().address,
            "h:1");
  EXPECT_THAT(
      open("project: p\nregistry: {registry_type: sql, path: 'postgresql://x'}\n").error().message,
      HasSubstr("serve_registry"));
  EXPECT_THAT(open("project: p\nregistry: s3://b/r.db\n").error().message, HasSubstr("copy it"));
  EXPECT_THAT(open("registry: r.db\n").error().message, HasSubstr("project"));
  EXPECT_THAT(read_registry_file(folder / "none.db").error().message, HasSubstr("feast apply"));
}

}  // namespace
}  // namespace slipway::api::feast_source
