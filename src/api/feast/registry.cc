#include "api/feast/registry.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <map>
#include <set>

#include "api/feast/errors.h"
#include "api/feast/registry.pb.h"

namespace slipway::api::feast {
namespace {

namespace wire = slipway::feast;
using features::FeatureStore;
using features::ValueType;

constexpr std::string_view kNoEntity = "EntityNotFoundException";
constexpr std::string_view kNoDataSource = "DataSourceObjectNotFoundException";
constexpr std::string_view kNoProject = "ProjectObjectNotFoundException";
constexpr std::int64_t kMicros = 1'000'000;

wire::ValueType::Enum type_of(const FeatureStore::Output& output) {
  switch (output.type) {
    case ValueType::kNumber:
      return output.is_whole ? wire::ValueType::INT64 : wire::ValueType::DOUBLE;
    case ValueType::kBool:
      return wire::ValueType::BOOL;
    case ValueType::kText:
      return wire::ValueType::STRING;
    case ValueType::kTime:
      return wire::ValueType::UNIX_TIMESTAMP;
  }
  return wire::ValueType::INVALID;
}

void write_field(std::string_view name, const FeatureStore::Output& output, wire::Field& field) {
  field.set_name(std::string(name));
  field.set_value_type(type_of(output));
}

// The rows of a dataset, whose file is the server's own.
void write_batch_source(const std::string& project, const features::Source& source,
                        wire::DataSource& out) {
  out.set_type(wire::DataSource::BATCH_FILE);
  out.set_data_source_class_type("feast.infra.offline_stores.file_source.FileSource");
  out.set_name(source.dataset);
  out.set_project(project);
  out.set_timestamp_field(source.event_time);
  if (source.arrival_time != source.event_time)
    out.set_created_timestamp_column(source.arrival_time);
  out.mutable_file_options()->set_uri("dataset:" + source.dataset);
  out.mutable_file_options()->mutable_file_format()->mutable_parquet_format();
}

void write_source(const std::string& project, const features::Source& source,
                  wire::DataSource& out) {
  out.set_type(wire::DataSource::PUSH_SOURCE);
  out.set_data_source_class_type("feast.data_source.PushSource");
  out.set_name(source.name);
  out.set_project(project);
  out.mutable_push_options();
  write_batch_source(project, source, *out.mutable_batch_source());
}

std::string_view bare_name(const features::View& view, std::string_view feature) {
  return feature.substr(view.name.size() + 2);
}

// Everything that is declared, once for a call: definitions are few.
Result<wire::Registry> read_registry(const FeatureStore& store, const std::string& project) {
  wire::Registry registry;
  registry.set_registry_schema_version("1");
  if (project.empty()) return registry;
  registry.add_projects()->mutable_spec()->set_name(project);
  const auto definitions = store.definitions();
  for (const features::Source& source : definitions->sources)
    write_source(project, source, *registry.add_data_sources());
  std::map<std::string, FeatureStore::Output> keys;
  for (const features::View& view : definitions->views) {
    if (view.is_on_demand()) continue;  // Feast's carry Python
    const FeatureStore::ViewShape shape = TRY(store.view_shape(view.name));
    wire::FeatureViewSpec& spec = *registry.add_feature_views()->mutable_spec();
    spec.set_name(view.name);
    spec.set_project(project);
    spec.set_online(true);
    if (view.ttl) {
      spec.mutable_ttl()->set_seconds(view.ttl->micros / kMicros);
      spec.mutable_ttl()->set_nanos(static_cast<std::int32_t>(view.ttl->micros % kMicros * 1000));
    } else {
      spec.mutable_ttl();  // none: for ever
    }
    for (const auto& input : shape.inputs) {
      spec.add_entities(input.name);
      write_field(input.name, input, *spec.add_entity_columns());
      keys.emplace(input.name, input);
    }
    for (const auto& feature : shape.features)
      write_field(bare_name(view, feature.name), feature, *spec.add_features());
    if (const features::Source* source = definitions->find_source(view.source)) {
      write_batch_source(project, *source, *spec.mutable_batch_source());
      write_source(project, *source, *spec.mutable_stream_source());
    }
  }
  for (const auto& [name, key] : keys) {
    wire::EntitySpec& spec = *registry.add_entities()->mutable_spec();
    spec.set_name(name);
    spec.set_join_key(name);
    spec.set_project(project);
    spec.set_value_type(type_of(key));
  }
  for (const features::Service& service : definitions->services) {
    wire::FeatureServiceSpec& spec = *registry.add_feature_services()->mutable_spec();
    spec.set_name(service.name);
    spec.set_project(project);
    std::map<std::string, wire::FeatureViewProjection*> projections;
    for (const std::string& text : service.features) {
      const std::size_t dot = text.find('.');
      const features::View* view = definitions->find_view(text.substr(0, dot));
      if (view == nullptr) continue;  // a column of the request
      const FeatureStore::ViewShape shape = TRY(store.view_shape(view->name));
      auto& projection = projections[view->name];
      if (projection == nullptr) {
        projection = spec.add_features();
        projection->set_feature_view_name(view->name);
      }
      for (const auto& feature : shape.features) {
        const std::string_view name = bare_name(*view, feature.name);
        if (dot == std::string::npos || name == text.substr(dot + 1))
          write_field(name, feature, *projection->add_feature_columns());
      }
    }
  }
  return registry;
}

Error not_found(std::string_view error_class, std::string_view what, const std::string& name,
                const std::string& project) {
  return {Code::kNotFound,
          error_detail(error_class,
                       fmt::format("{} {} does not exist in project {}", what, name, project))};
}

// The one of `all` that is called `name`.
template <typename Message>
Result<std::string> find_one(const google::protobuf::RepeatedPtrField<Message>& all,
                             const std::string& name, const Error& missing) {
  for (const Message& one : all) {
    if (one.spec().name() == name) return one.SerializeAsString();
  }
  return missing;
}

std::string list_all(const wire::Registry& registry) {
  wire::ListAllFeatureViewsResponse response;
  for (const auto& view : registry.feature_views())
    *response.add_feature_views()->mutable_feature_view() = view;
  return response.SerializeAsString();
}

Result<std::string> get_any(const wire::Registry& registry, const std::string& name,
                            const Error& missing) {
  for (const auto& view : registry.feature_views()) {
    if (view.spec().name() != name) continue;
    wire::GetAnyFeatureViewResponse response;
    *response.mutable_any_feature_view()->mutable_feature_view() = view;
    return response.SerializeAsString();
  }
  return missing;
}

// One list of the registry as the response that holds it.
template <typename Response, typename List>
std::string listed(const List& list, List* (Response::*into)()) {
  Response response;
  *(response.*into)() = list;
  return response.SerializeAsString();
}

}  // namespace

std::optional<Result<std::string>> Registry::call(std::string_view method,
                                                  std::string_view bytes) const {
  // What this server has none of: an empty list.
  static const std::set<std::string_view> kEmpty = {"ListStreamFeatureViews",
                                                    "ListOnDemandFeatureViews",
                                                    "ListLabelViews",
                                                    "ListSavedDatasets",
                                                    "ListPermissions",
                                                    "ListProjectMetadata",
                                                    "ListValidationReferences",
                                                    "Refresh",
                                                    "GetInfra"};
  if (kEmpty.contains(method)) return std::string();
  static const std::map<std::string_view, std::pair<std::string_view, std::string_view>> kGets = {
      {"GetEntity", {kNoEntity, "Entity"}},
      {"GetDataSource", {kNoDataSource, "Data source"}},
      {"GetFeatureView", {kNoView, "Feature view"}},
      {"GetAnyFeatureView", {kNoView, "Feature view"}},
      {"GetOnDemandFeatureView", {kNoView, "Feature view"}},
      {"GetStreamFeatureView", {kNoView, "Feature view"}},
      {"GetFeatureService", {kNoService, "Feature service"}},
      {"GetProject", {kNoProject, "Project"}}};
  static const std::set<std::string_view> kLists = {
      "Proto",        "ListEntities",        "ListDataSources",     "ListFeatureViews",
      "ListProjects", "ListAllFeatureViews", "ListFeatureServices",
  };
  if (method.starts_with("Apply") || method.starts_with("Delete") || method == "UpdateInfra") {
    return Result<std::string>(
        Error{Code::kFailedPrecondition,
              error_detail("ReadOnlyRegistryException",
                           "definitions are changed in slipway.yaml, with `slipway apply`")});
  }
  const auto get = kGets.find(method);
  if (get == kGets.end() && !kLists.contains(method)) return std::nullopt;

  const auto answer = [&]() -> Result<std::string> {
    wire::GetRequest one;
    wire::ListRequest list;
    const int size = static_cast<int>(bytes.size());
    const bool is_get = get != kGets.end();
    if (is_get ? !one.ParseFromArray(bytes.data(), size)
               : method != "Proto" && method != "ListProjects" &&
                     !list.ParseFromArray(bytes.data(), size)) {
      return Error{Code::kInvalidArgument,
                   error_detail("FeastError", fmt::format("not a request of {}", method))};
    }
    const std::string project = TRY(project_());
    const wire::Registry registry = TRY(read_registry(features_, project));
    if (method == "Proto") return registry.SerializeAsString();
    if (method == "ListProjects")
      return listed(registry.projects(), &wire::ListProjectsResponse::mutable_projects);
    if (!is_get) {
      if (list.project() != project) return std::string();  // another project has nothing
      if (method == "ListEntities")
        return listed(registry.entities(), &wire::ListEntitiesResponse::mutable_entities);
      if (method == "ListDataSources") {
        return listed(registry.data_sources(),
                      &wire::ListDataSourcesResponse::mutable_data_sources);
      }
      if (method == "ListFeatureViews") {
        return listed(registry.feature_views(),
                      &wire::ListFeatureViewsResponse::mutable_feature_views);
      }
      if (method == "ListAllFeatureViews") return list_all(registry);
      return listed(registry.feature_services(),
                    &wire::ListFeatureServicesResponse::mutable_feature_services);
    }
    if (method == "GetProject") {
      return find_one(
          registry.projects(), one.name(),
          {Code::kNotFound,
           error_detail(kNoProject, fmt::format("Project {} does not exist", one.name()))});
    }
    const Error missing =
        not_found(get->second.first, get->second.second, one.name(), one.project());
    if (one.project() != project) return missing;
    if (method == "GetEntity") return find_one(registry.entities(), one.name(), missing);
    if (method == "GetFeatureView") return find_one(registry.feature_views(), one.name(), missing);
    if (method == "GetAnyFeatureView") return get_any(registry, one.name(), missing);
    if (method == "GetFeatureService")
      return find_one(registry.feature_services(), one.name(), missing);
    if (method == "GetDataSource") {
      for (const auto& source : registry.data_sources()) {
        if (source.name() == one.name()) return source.SerializeAsString();
      }
    }
    return missing;
  };
  return answer();
}

}  // namespace slipway::api::feast
