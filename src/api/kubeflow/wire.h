// Kubeflow's messages as JSON, and what all its routes share.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/router.h"
#include "api/kubeflow/kubeflow_routes.h"
#include "base/json.h"

namespace slipway::api::kubeflow {

namespace kfp = slipway::kubeflow;

using Handle = Result<http::Response> (*)(const Services&, const http::Request&);
http::Route route(const Services& services, http::Method method, std::string pattern,
                  std::string summary, Handle handle);

std::vector<http::Route> experiment_routes(const Services& services);
std::vector<http::Route> pipeline_routes(const Services& services);
std::vector<http::Route> run_routes(const Services& services);
std::vector<http::Route> recurring_run_routes(const Services& services);

inline http::Response reply(const JsonObject& object) {
  return http::Response::json(base::to_text(object));
}
std::string actor_of(const http::Request& request);
Result<JsonObject> read_body(const http::Request& request);
// page_token, page_size, sort_by and filter.
Result<kfp::ListQuery> read_list_query(const http::Request& request);
std::string text_of(const http::Request& request, std::string_view name);  // of the query
// A member by either of its names, "display_name" or "displayName".
Result<std::string> text_of(const JsonObject& body, std::string_view snake, std::string_view camel);
const Json* member_of(const JsonObject& body, std::string_view snake, std::string_view camel);
std::string to_text(base::Timestamp time);
// What a run or recurring run shall run.
Result<kfp::Target> read_target(const JsonObject& body);
// Beside what Kubeflow tells: what the plan is called here, and how its tasks run.
JsonObject note_of(const Services& services, const std::string& plan);
// The target, told.
Result<void> tell_target(const Services& services, const std::string& plan,
                         const std::string& pipeline, const std::string& version,
                         const JsonObject& config, JsonObject& object);
// In one list the next page's token and how many there are.
JsonObject page_of(std::string_view name, JsonArray list, const std::string& next_page_token,
                   std::size_t total);

}  // namespace slipway::api::kubeflow
