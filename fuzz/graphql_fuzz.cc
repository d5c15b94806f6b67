// A GraphQL query from outside, run over a graph that leads back to itself.
#include "api/graphql/executor.h"
#include "base/check.h"
#include "fuzz.h"

namespace {

using namespace slipway;

const api::graphql::Schema& schema() {
  static const api::graphql::Schema schema = [] {
    const auto node = [](const JsonObject& arguments) -> Result<Json> {
      return Json(JsonObject{{"__typename", "Node"}, {"arguments", arguments}, {"id", "1"}});
    };
    api::graphql::Schema made;
    made.queries["node"] = made.mutations["node"] = node;
    made.edges[{"Node", "next"}] = [node](const JsonObject&, const JsonObject& arguments) {
      return node(arguments);
    };
    return made;
  }();
  return schema;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const api::graphql::Outcome outcome =
      api::graphql::execute(schema(), {}, {fuzz::text_of(data, size), "", {{"v", "x"}}});
  CHECK(outcome.data.is_object() || (outcome.data.is_null() && outcome.errors.size() == 1));
  return 0;
}
