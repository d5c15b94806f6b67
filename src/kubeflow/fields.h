// Members of a JSON object that others wrote, asked for by name: what is wrong is told with its
// place ("components.comp-train.dag.tasks.train: ..."), and a member that nobody asks for is wrong.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace slipway::kubeflow {

// A view: the value must outlive it.
class Fields {
 public:
  // kInvalidArgument: it is no object.
  static Result<Fields> of(const Json& value, std::string place);

  const std::string& place() const { return place_; }
  std::string place_of(std::string_view key) const;

  template <typename... Args>
  Error error(fmt::format_string<Args...> format, Args&&... args) const {
    return base::error(Code::kInvalidArgument, "{}: {}", place_,
                       fmt::format(format, std::forward<Args>(args)...));
  }

  // Null: it is absent or null.
  const Json* find(std::string_view key);
  Result<const Json*> get(std::string_view key);
  Result<std::optional<Fields>> find_object(std::string_view key);
  Result<std::string> text(std::string_view key);  // empty when absent
  Result<bool> flag(std::string_view key);         // false when absent
  Result<std::optional<std::int64_t>> find_integer(std::string_view key);
  Result<std::vector<std::string>> texts(std::string_view key);
  // Each member of the object `key`, in its order.
  Result<void> each(std::string_view key,
                    const std::function<Result<void>(const std::string& name, const Json& value,
                                                     const std::string& place)>& visit);
  void skip(std::string_view key) { asked_.insert(std::string(key)); }
  // kInvalidArgument naming a member that nobody asked for.
  Result<void> finish() const;

 private:
  Fields(const JsonObject& object, std::string place)
      : object_(&object), place_(std::move(place)) {}

  const JsonObject* object_;
  std::string place_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace slipway::kubeflow
