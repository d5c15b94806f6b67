#include "api/own/governance_routes.h"

#include "api/own/loop_wire.h"

namespace slipway::api::own {
namespace {

using http::Method;
using http::Request;
using http::Response;

Result<Response> erase(ErasureControl& control, const Request& request) {
  const JsonObject body = TRY(read_body(request));
  const std::string tag = TRY(base::get_string(body, "tag")),
                    value = TRY(base::get_string(body, "value"));
  if (value.empty()) return base::error(Code::kInvalidArgument, "value says who is to be erased");
  const bool counts = TRY(base::find_bool(body, "dry_run")).value_or(false);
  return reply(TRY(control.erase(
      tag, value, counts ? ErasureControl::How::kOnlyCount : ErasureControl::How::kErase,
      TRY(read_actor(request, body)))));
}

}  // namespace

std::vector<http::Route> governance_routes(ErasureControl& control) {
  return {
      {.method = Method::kGet,
       .pattern = "/slipway/v1/tags",
       .summary = "Tags of columns: who may read them, and where they are.",
       .handler = answering(
           [&control](const Request&) -> Result<Response> { return reply(TRY(control.tags())); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/erasures",
       .summary = "Whose rows were erased, by a digest, newest first, with what was found where.",
       .handler = answering([&control](const Request&) -> Result<Response> {
         return reply({{"erasures", TRY(control.erasures())}});
       }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/erasures",
       .summary =
           "Erases the rows whose column tagged tag is value, from all versions of datasets, "
           "features and request logs; with dry_run only counts them.",
       .handler = answering([&control](const Request& r) { return erase(control, r); }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::own
