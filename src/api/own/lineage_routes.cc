#include "api/own/lineage_routes.h"

#include "api/own/loop_wire.h"
#include "base/text.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;
using lineage::Lineage;

constexpr std::size_t kPage = 100, kPageMax = 1000;
constexpr std::size_t kSteps = 20, kStepsMax = 1000;

Result<Lineage::Page> read_page(const Request& request) {
  Lineage::Page page{.space = request.query("namespace")};
  page.after = TRY(query_integer(request, "after")).value_or(0);
  page.limit = TRY(query_limit(request, kPage, kPageMax));
  return page;
}

// Names have slashes, so they are no part of the path.
Result<lineage::Name> read_name(const Request& request) {
  lineage::Name name{.space = request.query("namespace").value_or(""),
                     .name = request.query("name").value_or("")};
  if (name.space.empty() || name.name.empty())
    return base::error(Code::kInvalidArgument, "namespace and name are needed");
  return name;
}

Result<Response> jobs(Lineage& lineage, const Request& request) {
  return reply(TRY(lineage.jobs(TRY(read_page(request)))));
}

Result<Response> datasets(Lineage& lineage, const Request& request) {
  return reply(TRY(lineage.datasets(TRY(read_page(request)))));
}

Result<Response> job(Lineage& lineage, const Request& request) {
  return reply(
      TRY(lineage.job(TRY(read_name(request)), TRY(query_limit(request, kPage, kPageMax)))));
}

Result<Response> dataset(Lineage& lineage, const Request& request) {
  return reply(
      TRY(lineage.dataset(TRY(read_name(request)), TRY(query_limit(request, kPage, kPageMax)))));
}

Result<Response> run(Lineage& lineage, const Request& request) {
  return reply(TRY(lineage.run(base::lowered(request.param("id")))));
}

Result<Response> events(Lineage& lineage, const Request& request) {
  return reply(
      TRY(lineage.events_of_run(base::lowered(request.param("id")), TRY(read_page(request)))));
}

Result<lineage::Walk> read_walk(const Request& request) {
  const std::string way = request.query("walk").value_or("both");
  if (way == "both") return lineage::Walk::kBoth;
  if (way == "up") return lineage::Walk::kUp;
  if (way == "down") return lineage::Walk::kDown;
  return base::error(Code::kInvalidArgument, "walk is up, down or both: {}", way);
}

Result<Response> graph(Lineage& lineage, const Request& request) {
  const std::string of = request.query("of").value_or("");
  if (of.empty()) {
    return base::error(Code::kInvalidArgument,
                       "of is needed: a run's id, or NAMESPACE/NAME of a job or dataset");
  }
  const lineage::Walk walk = TRY(read_walk(request));
  const auto steps = TRY(query_integer(request, "steps")).value_or(kSteps);
  if (steps < 1 || steps > static_cast<std::int64_t>(kStepsMax))
    return base::error(Code::kInvalidArgument, "steps is a number from 1 to {}", kStepsMax);
  return reply(TRY(lineage.graph(of, walk, static_cast<std::size_t>(steps))));
}

}  // namespace

std::vector<http::Route> lineage_routes(Lineage& lineage) {
  using Handle = Result<Response> (*)(Lineage&, const Request&);
  const auto route = [&](std::string pattern, std::string summary, Handle handle) {
    return http::Route{
        .method = Method::kGet,
        .pattern = "/slipway/v1/lineage/" + std::move(pattern),
        .summary = std::move(summary),
        .handler = answering([&lineage, handle](const Request& r) { return handle(lineage, r); }),
        .tag = "slipway"};
  };
  std::vector<http::Route> routes;
  routes.push_back(route("jobs", "Jobs that others have told of.", jobs));
  routes.push_back(route("job", "A job: what it reads and writes, and its runs.", job));
  routes.push_back(route("datasets", "Datasets that others have told of.", datasets));
  routes.push_back(
      route("dataset", "A dataset: its versions, and what reads and writes it.", dataset));
  routes.push_back(route("runs/{id}", "A run: its facets, what it read and wrote.", run));
  routes.push_back(route("runs/{id}/events", "Events of a run as they came.", events));
  routes.push_back(
      route("graph", "What leads to a run, a job or a dataset, and what comes of it.", graph));
  return routes;
}

}  // namespace slipway::api::own
