#include "api/graphql/executor.h"

#include <set>
#include <unordered_map>

#include "api/graphql/document.h"

namespace slipway::api::graphql {
namespace {

constexpr std::string_view kTypeName = "__typename";

using Fragments = std::unordered_map<std::string_view, const Fragment*>;

Fragments by_name(const Document& document) {
  Fragments fragments;
  for (const Fragment& fragment : document.fragments) fragments.emplace(fragment.name, &fragment);
  return fragments;
}

Result<const Operation*> choose(const Document& document, std::string_view name) {
  if (name.empty()) {
    if (document.operations.size() == 1) return &document.operations.front();
    return base::error(Code::kInvalidArgument,
                       "Must provide operation name if query contains multiple operations.");
  }
  for (const Operation& operation : document.operations) {
    if (operation.name == name) return &operation;
  }
  return base::error(Code::kInvalidArgument, "Unknown operation named '{}'.", name);
}

// Counts what an operation asks for, with its fragments spread out, and stops at the first limit.
class Measure {
 public:
  Measure(const Fragments& fragments, const Limits& limits)
      : fragments_(fragments), limits_(limits) {}

  Result<void> check(const Operation& operation) {
    TRY(level(operation.selections, 1));
    TRY(within("root fields", "MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS", root_fields_,
               limits_.root_fields_max));
    return within("aliases", "MLFLOW_SERVER_GRAPHQL_MAX_ALIASES", aliases_most_,
                  limits_.aliases_max);
  }

 private:
  static Result<void> within(std::string_view what, std::string_view variable, std::size_t count,
                             std::size_t most) {
    if (count <= most) return {};
    return base::error(Code::kInvalidArgument,
                       "GraphQL queries should have at most {} {}, got {} {}. To increase the "
                       "limit, set the {} environment variable.",
                       most, what, count, what, variable);
  }

  Result<void> level(const std::vector<Selection>& selections, std::size_t depth) {
    if (depth > limits_.depth_max) {
      return base::error(Code::kInvalidArgument, "Query exceeds maximum depth of {}",
                         limits_.depth_max);
    }
    std::size_t aliases = 0;
    std::set<std::string_view> spread;
    return add(selections, depth, spread, aliases);
  }

  Result<void> add(const std::vector<Selection>& selections, std::size_t depth,
                   std::set<std::string_view>& spread, std::size_t& aliases) {
    for (const Selection& selection : selections) {
      switch (selection.kind) {
        case Selection::Kind::kInline:
          TRY(add(selection.selections, depth, spread, aliases));
          break;
        case Selection::Kind::kSpread: {
          const auto found = fragments_.find(selection.name);
          if (found == fragments_.end()) {
            return base::error(Code::kInvalidArgument, "Unknown fragment '{}'.", selection.name);
          }
          if (spread.insert(selection.name).second)
            TRY(add(found->second->selections, depth, spread, aliases));
          break;
        }
        case Selection::Kind::kField:
          if (++fields_ > limits_.fields_max) {
            return base::error(Code::kInvalidArgument,
                               "Query exceeds maximum total selections of {}", limits_.fields_max);
          }
          if (depth == 1) ++root_fields_;
          if (!selection.alias.empty()) aliases_most_ = std::max(aliases_most_, ++aliases);
          if (!selection.selections.empty()) TRY(level(selection.selections, depth + 1));
          break;
      }
    }
    return {};
  }

  const Fragments& fragments_;
  const Limits& limits_;
  std::size_t fields_ = 0, root_fields_ = 0, aliases_most_ = 0;
};

class Executor {
 public:
  Executor(const Schema& schema, const Fragments& fragments)
      : schema_(schema), fragments_(fragments) {}

  Result<void> take_variables(const Operation& operation, const JsonObject& given) {
    for (const Variable& variable : operation.variables) {
      const Json* value = given.if_contains(variable.name);
      if (value != nullptr) {
        variables_[variable.name] = *value;
      } else if (variable.fallback) {
        variables_[variable.name] = resolve(*variable.fallback);
      }
      const Json* set = variables_.if_contains(variable.name);
      if (variable.required && (set == nullptr || set->is_null())) {
        return base::error(Code::kInvalidArgument,
                           "Variable '${}' of required type was not provided.", variable.name);
      }
    }
    return {};
  }

  Outcome run(const Operation& operation) {
    const bool is_query = operation.kind == Operation::Kind::kQuery;
    const auto& roots = is_query ? schema_.queries : schema_.mutations;
    const std::string_view type = is_query ? "Query" : "Mutation";
    JsonObject data;
    for (const auto& [key, fields] : collect({&operation.selections}, type)) {
      const std::string& name = fields.front()->name;
      if (name == kTypeName) {
        data[key] = type;
        continue;
      }
      const auto root = roots.find(name);
      if (root == roots.end()) {
        errors_.push_back(fmt::format("Cannot query field '{}' on type '{}'.", name, type));
        data[key] = nullptr;
        continue;
      }
      data[key] = project(root->second(arguments(fields.front()->arguments)), fields);
    }
    return {std::move(data), std::move(errors_)};
  }

 private:
  using Fields = std::vector<const Selection*>;
  // By their key in the reply, in the order in which they were first written.
  using Collected = std::vector<std::pair<std::string, Fields>>;

  Json resolve(const Value& value) const {
    switch (value.kind) {
      case Value::Kind::kVariable: {
        const Json* found = variables_.if_contains(value.variable);
        return found == nullptr ? Json(nullptr) : *found;
      }
      case Value::Kind::kLiteral:
        return value.literal;
      case Value::Kind::kList: {
        JsonArray items;
        for (const Value& item : value.items) items.push_back(resolve(item));
        return items;
      }
      case Value::Kind::kObject:
        return arguments(value.members);
    }
    return nullptr;
  }

  // A variable that was not given counts as an argument that was not written.
  JsonObject arguments(const Arguments& written) const {
    JsonObject arguments;
    for (const auto& [name, value] : written) {
      if (value.kind == Value::Kind::kVariable && !variables_.contains(value.variable)) continue;
      arguments[name] = resolve(value);
    }
    return arguments;
  }

  bool is_included(const Selection& selection) const {
    for (const Directive& directive : selection.directives) {
      const JsonObject given = arguments(directive.arguments);
      const Json* condition = given.if_contains("if");
      const bool holds = condition != nullptr && condition->is_bool() && condition->get_bool();
      if (directive.name == "skip" && holds) return false;
      if (directive.name == "include" && !holds) return false;
    }
    return true;
  }

  static bool applies(std::string_view condition, std::string_view type) {
    return condition.empty() || type.empty() || condition == type;
  }

  Collected collect(const std::vector<const std::vector<Selection>*>& sets,
                    std::string_view type) const {
    Collected collected;
    std::unordered_map<std::string_view, std::size_t> places;
    std::set<std::string_view> spread;
    for (const std::vector<Selection>* set : sets) add(*set, type, spread, places, collected);
    return collected;
  }

  void add(const std::vector<Selection>& selections, std::string_view type,
           std::set<std::string_view>& spread,
           std::unordered_map<std::string_view, std::size_t>& places, Collected& collected) const {
    for (const Selection& selection : selections) {
      if (!is_included(selection)) continue;
      switch (selection.kind) {
        case Selection::Kind::kField: {
          const std::string& key = selection.alias.empty() ? selection.name : selection.alias;
          const auto [place, fresh] = places.emplace(key, collected.size());
          if (fresh) collected.push_back({key, {}});
          collected[place->second].second.push_back(&selection);
          break;
        }
        case Selection::Kind::kInline:
          if (applies(selection.on, type))
            add(selection.selections, type, spread, places, collected);
          break;
        case Selection::Kind::kSpread: {
          const Fragment& fragment = *fragments_.at(selection.name);  // Measure has seen it
          if (applies(fragment.on, type) && spread.insert(fragment.name).second)
            add(fragment.selections, type, spread, places, collected);
          break;
        }
      }
    }
  }

  // What `fields`, which are one field written perhaps several times, select of a value.
  Json project(Result<Json> value, const Fields& fields) {
    if (!value) {
      errors_.push_back(value.error().message);
      return nullptr;
    }
    return project(*value, fields);
  }

  Json project(const Json& value, const Fields& fields) {
    if (const JsonArray* array = value.if_array()) {
      JsonArray items;
      for (const Json& item : *array) items.push_back(project(item, fields));
      return items;
    }
    const JsonObject* object = value.if_object();
    if (object == nullptr) return value;
    std::string type;
    if (const Json* found = object->if_contains(kTypeName); found != nullptr && found->is_string())
      type = std::string_view(found->get_string());
    std::vector<const std::vector<Selection>*> sets;
    for (const Selection* field : fields) sets.push_back(&field->selections);
    JsonObject picked;
    for (const auto& [key, selected] : collect(sets, type)) {
      const std::string& name = selected.front()->name;
      if (const auto edge = schema_.edges.find({type, name}); edge != schema_.edges.end()) {
        picked[key] =
            project(edge->second(*object, arguments(selected.front()->arguments)), selected);
        continue;
      }
      const Json* member = object->if_contains(name);
      picked[key] = member == nullptr ? Json(nullptr) : project(*member, selected);
    }
    return picked;
  }

  const Schema& schema_;
  const Fragments& fragments_;
  JsonObject variables_;
  std::vector<std::string> errors_;
};

}  // namespace

Outcome execute(const Schema& schema, const Limits& limits, const Query& query) {
  const auto refused = [](const Error& error) { return Outcome{nullptr, {error.message}}; };
  const Result<Document> document = parse_document(query.text);
  if (!document) return refused(document.error());
  const Result<const Operation*> operation = choose(*document, query.operation);
  if (!operation) return refused(operation.error());
  const Fragments fragments = by_name(*document);
  if (const Result<void> fits = Measure(fragments, limits).check(**operation); !fits)
    return refused(fits.error());
  Executor executor(schema, fragments);
  if (const Result<void> taken = executor.take_variables(**operation, query.variables); !taken)
    return refused(taken.error());
  return executor.run(**operation);
}

}  // namespace slipway::api::graphql
