#include "api/feast_source/registry_import.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include "api/feast_source/feast_values.h"
#include "api/feast_source/python_transform.h"
#include "features/expression.h"

namespace slipway::api::feast_source {
namespace {

using features::is_identifier;
using features::NamedColumn;
using features::ValueType;

Error no(std::string why) { return {Code::kInvalidArgument, std::move(why)}; }

template <typename Tags>
std::vector<std::pair<std::string, std::string>> sorted(const Tags& tags) {
  const std::map<std::string, std::string> all(tags.begin(), tags.end());
  return {all.begin(), all.end()};
}

template <typename Spec>
features::About about_of(const Spec& spec) {
  features::About about;
  about.owner = spec.owner();
  about.description = spec.description();
  about.tags = sorted(spec.tags());
  return about;
}

// A view of ours with what on-demand views and services want to know of it.
struct KnownView {
  std::size_t position = 0;  // among the declaration's views
  bool is_latest = false;
  std::map<std::string, wire::ValueType::Enum> keys, features;  // by Feast's name
  std::vector<wire::Field> request;  // on demand: what it reads, keys of features included
};

class Import {
 public:
  Import(const wire::Registry& registry, std::string project, const ImportOptions& options)
      : registry_(registry), options_(options) {
    imported_.declaration.project = std::move(project);
  }

  Imported run() {
    for (const auto& project : registry_.projects()) {
      if (project.spec().name() == imported_.declaration.project)
        imported_.declaration.owner = project.spec().owner();
    }
    for (const auto& entity : registry_.entities()) {
      if (!is_ours(entity.spec())) continue;
      entities_[entity.spec().name()] = &entity.spec();
      if (!entity.spec().description().empty() || !entity.spec().owner().empty() ||
          entity.spec().tags_size() > 0)
        differs("entity", entity.spec().name(),
                "it is the key column of its views; its description, owner and tags have no place");
    }
    for (const auto& source : registry_.data_sources()) {
      if (!is_ours(source)) continue;
      if (source.type() == wire::DataSource::STREAM_KAFKA ||
          source.type() == wire::DataSource::STREAM_KINESIS)
        leave_out("source", source.name(),
                  "no topic is read into a source: push its rows (/push, or slipway.Client.push)");
    }
    for (const auto& view : registry_.feature_views()) {
      if (is_ours(view.spec())) add_view(view.spec());
    }
    for (const auto& view : registry_.stream_feature_views()) {
      if (is_ours(view.spec())) add_stream_view(view.spec());
    }
    for (const auto& view : registry_.on_demand_feature_views()) {
      if (is_ours(view.spec())) add_on_demand(view.spec());
    }
    for (const auto& service : registry_.feature_services()) {
      if (is_ours(service.spec())) add_service(service.spec());
    }
    serve_the_unserved();
    for (const auto& view : registry_.label_views()) {
      if (is_ours(view.spec()))
        leave_out("label view", view.spec().name(),
                  "labels are columns of a dataset, named by `slipway features history --label`");
    }
    for (const auto& saved : registry_.saved_datasets()) {
      if (is_ours(saved.spec()))
        leave_out("saved dataset", saved.spec().name(), "training sets are made anew");
    }
    for (const auto& reference : registry_.validation_references()) {
      if (is_ours(reference))
        leave_out("validation reference", reference.name(),
                  "rules for a dataset's columns are declared under `datasets`");
    }
    for (const auto& permission : registry_.permissions()) {
      if (is_ours(permission.spec()))
        leave_out("permission", permission.spec().name(),
                  "who may do what is kept by `slipway users` and `slipway roles`");
    }
    return std::move(imported_);
  }

 private:
  template <typename Spec>
  bool is_ours(const Spec& spec) const {
    // A registry's server does not say the project of what it has.
    return spec.project() == imported_.declaration.project || spec.project().empty();
  }
  void remark(Remark::What what, std::string_view kind, const std::string& name, std::string why) {
    imported_.remarks.push_back({std::string(kind), name, what, std::move(why)});
  }
  void leave_out(std::string_view kind, const std::string& name, std::string why) {
    remark(Remark::What::kLeftOut, kind, name, std::move(why));
  }
  void differs(std::string_view kind, const std::string& name, std::string why) {
    remark(Remark::What::kDiffers, kind, name, std::move(why));
  }
  features::Definitions& features() { return imported_.declaration.features; }

  // A name of its own for `wanted`, which others may have taken.
  template <typename Taken>
  static std::string free_name(const std::string& wanted, const Taken& taken) {
    std::string name = wanted;
    for (int i = 2; taken(name); ++i) name = fmt::format("{}_{}", wanted, i);
    return name;
  }

  // The dataset of a readable source; one for a place, whichever sources name it.
  std::string dataset_of(const wire::DataSource& batch, datasets::DatasetDefinition place,
                         const ColumnNames& columns) {
    auto& datasets = imported_.declaration.datasets;
    const auto known = std::find_if(datasets.begin(), datasets.end(), [&](const auto& d) {
      return d.path == place.path && d.postgres == place.postgres;
    });
    if (known != datasets.end()) return known->name;
    // A source without a name of its own is called as its file.
    const std::string wanted = batch.name().find('/') == std::string::npos
                                   ? usable(batch.name())
                                   : usable(std::filesystem::path(batch.name()).stem().string());
    place.name = free_name(wanted, [&](const std::string& name) {
      return std::any_of(datasets.begin(), datasets.end(),
                         [&](const auto& d) { return d.name == name; });
    });
    place.event_time = columns.of(batch.timestamp_field());
    if (!place.event_time.empty()) place.arrival_time = arrival_time(batch, columns);
    if (place.postgres)
      differs("source", batch.name(),
              fmt::format("the address of its PostgreSQL is not copied, as it has a password: set "
                          "{} to it (postgresql://...) where the server runs",
                          kPostgresVariable));
    if (!batch.file_options().s3_endpoint_override().empty())
      differs("source", batch.name(),
              fmt::format("its endpoint {} is the server's: AWS_ENDPOINT_URL where it runs",
                          batch.file_options().s3_endpoint_override()));
    datasets.push_back(std::move(place));
    return datasets.back().name;
  }

  static std::string arrival_time(const wire::DataSource& batch, const ColumnNames& columns) {
    return columns.of(batch.created_timestamp_column().empty() ? batch.timestamp_field()
                                                               : batch.created_timestamp_column());
  }

  // The name here of the source of a view that reads `batch`, and is pushed to by `stream` when
  // that is a push source.
  std::string source_of(const wire::DataSource& batch, const wire::DataSource* stream,
                        datasets::DatasetDefinition place, const ColumnNames& columns) {
    const bool is_pushed = stream != nullptr && stream->type() == wire::DataSource::PUSH_SOURCE;
    const wire::DataSource& named = is_pushed ? *stream : batch;
    features::Source source;
    source.dataset = dataset_of(batch, std::move(place), columns);
    source.event_time = columns.of(batch.timestamp_field());
    if (!source.event_time.empty()) source.arrival_time = arrival_time(batch, columns);
    source.about = about_of(named);
    const std::string wanted =
        named.name().find('/') == std::string::npos ? usable(named.name()) : source.dataset;
    if (const features::Source* other = features().find_source(wanted);
        other != nullptr && other->dataset == source.dataset &&
        other->event_time == source.event_time && other->arrival_time == source.arrival_time)
      return wanted;
    source.name = free_name(
        wanted, [&](const std::string& name) { return features().find_source(name) != nullptr; });
    if (source.name != named.name())
      differs("source", named.name(), fmt::format("it is called {} here", source.name));
    if (!batch.created_timestamp_column().empty())
      differs("source", named.name(),
              fmt::format("{} says when a row is known, not only which of two rows counts: a row "
                          "counts from then on",
                          source.arrival_time));
    if (!batch.date_partition_column().empty())
      differs("source", named.name(),
              fmt::format("the partition column {} is not used: the file is read whole",
                          batch.date_partition_column()));
    features().sources.push_back(source);
    return source.name;
  }

  // Sets the keys of `view`, and what is known of them; says why it can't.
  Result<void> set_keys(const google::protobuf::RepeatedPtrField<std::string>& entities,
                        const google::protobuf::RepeatedPtrField<wire::Field>& fields,
                        const ColumnNames& columns, features::View& view, KnownView& known) {
    for (const std::string& name : entities) {
      const auto entity = entities_.find(name);
      if (name == "__dummy" ||
          (entity != entities_.end() && entity->second->join_key() == "__dummy_id"))
        return no("it has no entity: a view here has a key");
      if (entity == entities_.end()) return no(fmt::format("there is no entity {}", name));
      const std::string& key = entity->second->join_key();
      if (columns.of(key) != key)
        return no(
            fmt::format("its key {} is the column {} of the source: a key has its column's "
                        "name here",
                        key, columns.of(key)));
      wire::ValueType::Enum type = entity->second->value_type();
      for (const wire::Field& field : fields) {
        if (field.name() == key && type_of(field.value_type())) type = field.value_type();
      }
      if (!known.keys.emplace(key, type).second) continue;
      view.keys.push_back(key);
    }
    if (view.keys.empty()) return no("it has no entity: a view here has a key");
    return {};
  }

  bool begins(std::string_view kind, const std::string& name) {
    if (!is_usable(name)) {
      leave_out(kind, name, "names have letters, digits, `_` and `-` here, and none is `request`");
      return false;
    }
    if (features().find_view(name) != nullptr) {
      leave_out(kind, name, "another view has the name");
      return false;
    }
    return true;
  }

  // The columns of a view of newest rows. False: not one of the features has a place.
  bool set_columns(const google::protobuf::RepeatedPtrField<wire::Field>& fields,
                   const ColumnNames& columns, features::View& view, KnownView& known) {
    std::vector<std::string> rounded;
    for (const wire::Field& field : fields) {
      const std::string name = view.name + "." + field.name();
      const std::string& column = columns.of(field.name());
      if (!is_usable(field.name()) || !is_identifier(column)) {
        leave_out("feature", name, fmt::format("no expression can name the column {}", column));
      } else if (!type_of(field.value_type())) {
        leave_out("feature", name,
                  "it is a list, map or something else (type " +
                      std::to_string(static_cast<int>(field.value_type())) +
                      " of Feast) that is no number, text, condition or time");
      } else if (known.features.emplace(field.name(), field.value_type()).second) {
        view.columns.push_back({.name = field.name(), .expression = column});
        if (field.value_type() == wire::ValueType::FLOAT) rounded.push_back(field.name());
        if (!field.description().empty() || field.tags_size() > 0)
          differs("feature", name, "its description and tags have no place");
      }
    }
    if (!rounded.empty())
      differs("view", view.name,
              fmt::format("{}: the numbers of the file, which Feast rounds to 32 bits",
                          fmt::join(rounded, ", ")));
    return !view.columns.empty();
  }

  void add_known(features::View view, KnownView known) {
    known.position = features().views.size();
    views_[view.name] = std::move(known);
    features().views.push_back(std::move(view));
  }

  void add_view(const wire::FeatureViewSpec& spec) {
    if (!begins("view", spec.name())) return;
    if (spec.source_views_size() > 0)
      return leave_out("view", spec.name(), "it is computed from other views");
    if (spec.feature_transformation().transformation_case() !=
        wire::FeatureTransformation::TRANSFORMATION_NOT_SET)
      return leave_out("view", spec.name(),
                       "it transforms its source with code of its own: write its columns as "
                       "expressions");
    features::View view;
    view.name = spec.name();
    view.about = about_of(spec);
    view.ttl = duration_of(spec.ttl());
    KnownView known{.is_latest = true};
    const ColumnNames columns(spec.batch_source());
    const auto place = rows_place(spec.batch_source(), options_.files);
    if (!place) return leave_out("view", spec.name(), place.error().message);
    if (const auto keys = set_keys(spec.entities(), spec.entity_columns(), columns, view, known);
        !keys)
      return leave_out("view", spec.name(), keys.error().message);
    if (!set_columns(spec.features(), columns, view, known))
      return leave_out("view", spec.name(), "none of its features has a place");
    view.source =
        source_of(spec.batch_source(), spec.has_stream_source() ? &spec.stream_source() : nullptr,
                  *place, columns);
    if (!spec.online() || spec.disabled())
      differs("view", spec.name(), "it is not online there, and is here");
    add_known(std::move(view), std::move(known));
  }

  void add_stream_view(const wire::StreamFeatureViewSpec& spec) {
    if (!begins("stream view", spec.name())) return;
    const auto leave = [&](std::string why) { leave_out("stream view", spec.name(), why); };
    if (spec.has_user_defined_function() || spec.feature_transformation().transformation_case() !=
                                                wire::FeatureTransformation::TRANSFORMATION_NOT_SET)
      return leave("it transforms its rows with code of its own: write it as expressions");
    features::View view;
    view.name = spec.name();
    view.about = about_of(spec);
    KnownView known;
    const ColumnNames columns(spec.batch_source());
    const auto place = rows_place(spec.batch_source(), options_.files);
    if (!place) return leave(place.error().message);
    if (const auto keys = set_keys(spec.entities(), spec.entity_columns(), columns, view, known);
        !keys)
      return leave(keys.error().message);
    if (spec.aggregations_size() > 0) {
      if (const auto set = set_windows(spec, columns, view, known); !set)
        return leave(set.error().message);
      differs("stream view", spec.name(),
              fmt::format("windows slide with every row, and its features are called {}",
                          fmt::join(view.feature_names(), ", ")));
    } else {
      view.ttl = duration_of(spec.ttl());
      known.is_latest = true;
      if (!set_columns(spec.features(), columns, view, known))
        return leave("none of its features has a place");
    }
    view.source = source_of(spec.batch_source(), &spec.stream_source(), *place, columns);
    add_known(std::move(view), std::move(known));
  }

  static Result<void> set_windows(const wire::StreamFeatureViewSpec& spec,
                                  const ColumnNames& columns, features::View& view,
                                  KnownView& known) {
    using features::AggregateFunction;
    static const std::map<std::string_view, AggregateFunction> kFunctions = {
        {"sum", AggregateFunction::kSum},     {"mean", AggregateFunction::kMean},
        {"min", AggregateFunction::kMin},     {"max", AggregateFunction::kMax},
        {"count", AggregateFunction::kCount}, {"count_distinct", AggregateFunction::kDistinct},
        {"std", AggregateFunction::kStddev},  {"var", AggregateFunction::kVariance}};
    for (const wire::Aggregation& one : spec.aggregations()) {
      const auto function = kFunctions.find(one.function());
      const std::string& column = columns.of(one.column());
      if (function == kFunctions.end())
        return no(fmt::format("there is no aggregate {}", one.function()));
      if (!is_identifier(column) || !is_usable(one.column()))
        return no(fmt::format("no expression can name the column {}", column));
      const auto window = duration_of(one.time_window());
      if (!window) return no("an aggregation has no window");
      const std::string text = types::to_text(*window);
      if (std::none_of(view.windows.begin(), view.windows.end(),
                       [&](const features::Window& w) { return w.text == text; }))
        view.windows.push_back({text, *window});
      const std::string name = one.function() + "_" + one.column();
      if (std::none_of(view.aggregates.begin(), view.aggregates.end(),
                       [&](const features::Aggregate& a) { return a.name == name; }))
        view.aggregates.push_back(
            {.name = name, .function = function->second, .expression = column});
    }
    for (const std::string& name : view.feature_names())
      known.features.emplace(name.substr(view.name.size() + 2), wire::ValueType::DOUBLE);
    return {};
  }

  // Computed from request data and features. Of the newest features of one view alone it is another
  // view of the same rows.
  void add_on_demand(const wire::OnDemandFeatureViewSpec& spec) {
    constexpr std::string_view kKind = "on-demand view";
    if (!begins(kKind, spec.name())) return;
    const auto leave = [&](std::string why) { leave_out(kKind, spec.name(), std::move(why)); };
    std::map<std::string, wire::ValueType::Enum> inputs;
    std::map<std::string, std::string> view_of;  // an input that is a feature
    std::vector<wire::Field> request;
    std::set<std::string> from;
    for (const auto& [name, source] : std::map<std::string, wire::OnDemandSource>(
             spec.sources().begin(), spec.sources().end())) {
      if (source.has_request_data_source()) {
        for (const auto& field : source.request_data_source().request_data_options().schema()) {
          if (inputs.emplace(field.name(), field.value_type()).second) request.push_back(field);
        }
        continue;
      }
      const auto& projection = source.feature_view_projection();
      const std::string view = source.has_feature_view() ? source.feature_view().spec().name()
                                                         : projection.feature_view_name();
      from.insert(view);
      for (const auto& field : projection.feature_columns()) {
        if (inputs.emplace(field.name(), field.value_type()).second) view_of[field.name()] = view;
      }
    }
    if (spec.aggregations_size() > 0) return leave("it aggregates lists of values");
    for (const std::string& name : from) {
      const auto found = views_.find(name);
      if (found == views_.end() || features().views[found->second.position].is_on_demand())
        return leave(fmt::format("it computes from {}, which is not here", name));
    }
    const features::View* base = nullptr;  // the view of whose rows it is another one
    const KnownView* known_base = nullptr;
    if (from.size() == 1 && request.empty() && views_.at(*from.begin()).is_latest) {
      known_base = &views_.at(*from.begin());
      base = &features().views[known_base->position];
    }
    const auto& transformation = spec.feature_transformation();
    const wire::UserDefinedFunction& function = transformation.has_user_defined_function()
                                                    ? transformation.user_defined_function()
                                                    : spec.user_defined_function();
    if (transformation.has_substrait_transformation() || function.body_text().empty())
      return leave("its code is not Python that can be read");
    const PythonMode mode = spec.singleton()          ? PythonMode::kRow
                            : spec.mode() == "python" ? PythonMode::kLists
                                                      : PythonMode::kColumns;
    std::vector<NamedColumn> columns;
    const auto text_of = [&](const std::string& input) -> Result<std::string> {
      const auto field = inputs.find(input);
      if (field == inputs.end()) return no(fmt::format("no input {}", input));
      const auto type = type_of(field->second);
      if (!type) return no(fmt::format("{} is no number, text, condition or time", input));
      std::string text = input;
      if (base != nullptr) {
        const auto column = std::find_if(base->columns.begin(), base->columns.end(),
                                         [&](const auto& c) { return c.name == input; });
        if (column == base->columns.end())
          return no(fmt::format("{}.{} is not here", base->name, input));
        text = column->expression;
      } else if (const auto view = view_of.find(input); view != view_of.end()) {
        if (!views_.at(view->second).features.contains(input))
          return no(fmt::format("{}.{} is not here", view->second, input));
        text = view->second + "__" + input;
      }
      if (!is_identifier(text)) return no(fmt::format("no expression can name {}", text));
      columns.push_back({text, *type});
      return text;
    };
    const auto computed = read_transform(function.body_text(), mode, text_of);
    if (!computed)
      return leave("its Python has no place in an expression: " + computed.error().message);
    features::View view;
    view.name = spec.name();
    view.about = about_of(spec);
    KnownView known{.request = request};
    if (base != nullptr) {
      view.source = base->source;
      view.keys = base->keys;
      view.ttl = base->ttl;
      known.keys = known_base->keys;
      known.is_latest = true;
    } else {
      for (const std::string& name : from) {
        const KnownView& read = views_.at(name);
        for (const std::string& key : features().views[read.position].keys) {
          wire::Field& field = known.request.emplace_back();
          field.set_name(key);
          field.set_value_type(read.keys.at(key));
        }
      }
    }
    for (const wire::Field& field : spec.features()) {
      const auto found = std::find_if(computed->begin(), computed->end(),
                                      [&](const auto& f) { return f.first == field.name(); });
      if (found == computed->end())
        return leave(fmt::format("its Python does not set {}", field.name()));
      const auto expression = features::Expression::parse(found->second, columns);
      if (!is_usable(field.name()) || !expression)
        return leave(fmt::format("{} has no place: {}", field.name(),
                                 expression ? "its name" : expression.error().message));
      if (type_of(field.value_type()) != expression->type())
        return leave(fmt::format("{} would be a {}", field.name(),
                                 features::value_type_name(expression->type())));
      if (known.features.emplace(field.name(), field.value_type()).second)
        view.columns.push_back({.name = field.name(), .expression = found->second});
    }
    if (view.columns.empty()) return leave("it has no features");
    if (spec.write_to_online_store()) differs(kKind, spec.name(), "it is computed when it is read");
    add_known(std::move(view), std::move(known));
  }

  // A service over `views`, with what they need from a request; says why there can't be one.
  Result<void> add_service(features::Service service, const std::vector<std::string>& views) {
    std::map<std::string, types::ColumnType> seen;
    const auto ask = [&](const std::string& name, wire::ValueType::Enum type) -> Result<void> {
      const auto column = column_type_of(type);
      if (!column)
        return no(
            fmt::format("{} has no type that a request column can have: give its entity a "
                        "value_type",
                        name));
      const auto [at, is_new] = seen.emplace(name, *column);
      if (!is_new && at->second != *column) return no(fmt::format("{} has two types", name));
      if (is_new) service.request.push_back({name, *column});
      return {};
    };
    for (const std::string& name : views) {
      const KnownView& known = views_.at(name);
      for (const std::string& key : features().views[known.position].keys)
        TRY(ask(key, known.keys.at(key)));
      for (const wire::Field& field : known.request) TRY(ask(field.name(), field.value_type()));
    }
    service.event_time =
        free_name("event_timestamp", [&](const std::string& name) { return seen.contains(name); });
    service.request.push_back({service.event_time, types::ColumnType::kTimestamp});
    features().services.push_back(std::move(service));
    return {};
  }

  void add_service(const wire::FeatureServiceSpec& spec) {
    constexpr std::string_view kKind = "service";
    if (!is_usable(spec.name()) || features().find_service(spec.name()) != nullptr)
      return leave_out(kKind, spec.name(),
                       "its name is taken, or has other characters than "
                       "letters, digits, `_` and `-`");
    features::Service service;
    service.name = spec.name();
    service.about = about_of(spec);
    std::vector<std::string> views;
    for (const wire::FeatureViewProjection& projection : spec.features()) {
      const std::string& name = projection.feature_view_name();
      const std::string part = spec.name() + ": " + name;
      const auto view = views_.find(name);
      if (view == views_.end()) {
        leave_out("part of service", part, "the view is not here");
        continue;
      }
      if (projection.join_key_map_size() > 0) {
        leave_out("part of service", part,
                  "it joins by other keys than the view's, which services here can't");
        continue;
      }
      if (!projection.feature_view_name_alias().empty() &&
          projection.feature_view_name_alias() != name)
        differs("part of service", part,
                fmt::format("it has its own name, not {}", projection.feature_view_name_alias()));
      const features::View& ours = features().views[view->second.position];
      std::vector<std::string> wanted;
      if (ours.is_windowed()) {
        wanted.push_back(name);
      } else {
        std::vector<std::string> missing;
        for (const wire::Field& field : projection.feature_columns())
          (view->second.features.contains(field.name()) ? wanted : missing)
              .push_back(name + "." + field.name());
        if (!missing.empty())
          leave_out("part of service", spec.name(),
                    fmt::format("{}: not here, see above", fmt::join(missing, ", ")));
        if (wanted.size() == ours.columns.size()) wanted = {name};
      }
      if (wanted.empty()) continue;
      for (std::string& one : wanted) {
        if (std::find(service.features.begin(), service.features.end(), one) ==
            service.features.end())
          service.features.push_back(std::move(one));
      }
      views.push_back(name);
    }
    if (service.features.empty())
      return leave_out(kKind, spec.name(), "none of its features is here");
    if (const auto added = add_service(std::move(service), views); !added)
      return leave_out(kKind, spec.name(), added.error().message);
    if (spec.has_logging_config())
      differs(kKind, spec.name(), "what an endpoint served is in the request log, always");
  }

  // On-demand views have the types of their inputs from a service.
  void serve_the_unserved() {
    std::vector<std::string> names;
    for (const features::View& view : features().views) {
      const bool is_served =
          std::any_of(features().services.begin(), features().services.end(), [&](const auto& s) {
            return std::any_of(s.features.begin(), s.features.end(), [&](const std::string& f) {
              return f.substr(0, f.find('.')) == view.name;
            });
          });
      if (view.is_on_demand() && !is_served) names.push_back(view.name);
    }
    for (const std::string& name : names) {
      features::Service service;
      service.name = free_name(
          name, [&](const std::string& n) { return features().find_service(n) != nullptr; });
      service.features = {name};
      const std::string called = service.name;
      if (const auto added = add_service(std::move(service), {name}); added) {
        differs("on-demand view", name,
                fmt::format("no service has it: the service {} says the types of what it reads",
                            called));
      }
    }
  }

  const wire::Registry& registry_;
  const ImportOptions& options_;
  std::map<std::string, const wire::EntitySpec*> entities_;
  std::map<std::string, KnownView> views_;
  Imported imported_;
};

std::set<std::string> projects_of(const wire::Registry& registry) {
  std::set<std::string> names;
  for (const auto& project : registry.projects()) names.insert(project.spec().name());
  for (const auto& view : registry.feature_views()) names.insert(view.spec().project());
  for (const auto& view : registry.on_demand_feature_views()) names.insert(view.spec().project());
  for (const auto& service : registry.feature_services()) names.insert(service.spec().project());
  names.erase("");
  return names;
}

}  // namespace

std::string Imported::yaml() const {
  std::vector<std::string> lines = {
      fmt::format("Imported from the Feast project {}.", declaration.project)};
  for (const Remark& remark : remarks) {
    lines.push_back(fmt::format("{} {} {}: {}", remark.kind, remark.name,
                                remark.what == Remark::What::kLeftOut ? "is left out" : "differs",
                                remark.why));
  }
  return to_yaml(declaration, lines);
}

Result<Imported> import_registry(std::string_view bytes, const ImportOptions& options) {
  wire::Registry registry;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !registry.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return base::error(Code::kInvalidArgument, "not a registry of Feast");
  const std::set<std::string> projects = projects_of(registry);
  if (options.project.empty() && projects.empty())
    return base::error(Code::kInvalidArgument, "the registry is empty: run `feast apply` first");
  if (options.project.empty() && projects.size() > 1) {
    return base::error(Code::kInvalidArgument,
                       "the registry has several projects, name one with --project: {}",
                       fmt::join(projects, ", "));
  }
  const auto is_nobodys = [](const auto& view) { return view.spec().project().empty(); };
  if (projects.size() > 1 && (std::ranges::any_of(registry.feature_views(), is_nobodys) ||
                              std::ranges::any_of(registry.feature_services(), is_nobodys))) {
    return base::error(Code::kInvalidArgument,
                       "the registry does not say which of its projects an object is of: import "
                       "from the registry's file; projects: {}",
                       fmt::join(projects, ", "));
  }
  const std::string project = options.project.empty() ? *projects.begin() : options.project;
  if (!projects.contains(project)) {
    return base::error(Code::kNotFound,
                       "no such project in the registry (run `feast apply` first?): project={} "
                       "there={}",
                       project, fmt::join(projects, ", "));
  }
  return Import(registry, project, options).run();
}

}  // namespace slipway::api::feast_source
