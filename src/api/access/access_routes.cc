#include "api/access/access_routes.h"

#include "base/json.h"

namespace slipway::api::access {
namespace {

using http::Method;
using http::Request;
using http::Response;
namespace sa = slipway::access;

constexpr std::int64_t kTokenSecondsMax = 10ll * 366 * 86'400;

Response reply(const JsonObject& object) { return Response::json(base::to_text(object)); }

JsonObject token_json(const sa::Token& token) {
  JsonObject object{{"id", token.id},
                    {"user", token.user},
                    {"name", token.name},
                    {"created", token.created.millis()}};
  object["expires"] = token.expires ? Json(token.expires->millis()) : Json(nullptr);
  return object;
}

// A user has their own tokens, an administrator anybody's.
Result<std::string> whose(sa::Access& access, const Request& request,
                          const std::optional<std::string>& asked) {
  if (!asked || *asked == request.user) return request.user;
  if (!access.is_admin(request.user))
    return base::error(Code::kPermissionDenied, "only an administrator has others' tokens");
  return *asked;
}

Result<Response> me(sa::Access& access, const Request& request) {
  const bool is_service = request.user.starts_with(sa::kServicePrefix);
  return reply({{"user", request.user},
                {"is_admin", !is_service && access.is_admin(request.user)},
                {"is_service", is_service}});
}

Result<Response> list(sa::Access& access, const Request& request) {
  JsonArray tokens;
  for (const sa::Token& token :
       access.list_tokens(TRY(whose(access, request, request.query("user")))))
    tokens.push_back(token_json(token));
  return reply({{"tokens", std::move(tokens)}});
}

using SecretOfToken = std::function<std::string(const std::string&)>;

Result<Response> create(sa::Access& access, const base::Clock& clock,
                        const SecretOfToken& secret_of_token, const Request& request) {
  const JsonObject body = TRY(base::parse_json_object(request.body));
  const std::string user = TRY(whose(access, request, TRY(base::find_string(body, "user"))));
  std::optional<base::Timestamp> expires;
  if (const auto seconds = TRY(base::find_int(body, "expires_in_seconds"))) {
    if (*seconds < 1 || *seconds > kTokenSecondsMax)
      return base::error(Code::kInvalidArgument, "expires_in_seconds must be from 1 to {}: got={}",
                         kTokenSecondsMax, *seconds);
    expires = clock.now() + base::Duration::seconds(*seconds);
  }
  const sa::Access::NewToken made =
      TRY(access.create_token(user, TRY(base::get_string(body, "name")), expires));
  JsonObject object = token_json(made.token);
  object["token"] = made.text;
  if (secret_of_token) {
    object["s3"] = {{"access_key_id", made.token.id},
                    {"secret_access_key", secret_of_token(made.token.id)}};
  }
  return reply(object);
}

Result<Response> revoke(sa::Access& access, const Request& request) {
  const std::string& id = request.param("id");
  const Result<sa::Token> token = access.get_token(id);
  // Somebody else's is as if it weren't there.
  if (!token || (token->user != request.user && !access.is_admin(request.user)))
    return base::error(Code::kNotFound, "no such token: id={}", id);
  TRY(access.revoke_token(id));
  return reply({});
}

http::Handler answer(std::function<Result<Response>(const Request&)> handle) {
  return [handle = std::move(handle)](const Request& request) {
    Result<Response> response = handle(request);
    return response ? std::move(*response) : http::error_response(response.error());
  };
}

}  // namespace

std::vector<http::Route> access_routes(sa::Access& access, const base::Clock& clock,
                                       SecretOfToken secret_of_token) {
  return {
      {.method = Method::kGet,
       .pattern = "/slipway/v1/me",
       .summary = "Who has logged in.",
       .handler = answer([&access](const Request& r) { return me(access, r); }),
       .tag = "slipway"},
      {.method = Method::kGet,
       .pattern = "/slipway/v1/tokens",
       .summary = "The user's tokens, or with user=NAME another's (administrators).",
       .handler = answer([&access](const Request& r) { return list(access, r); }),
       .tag = "slipway"},
      {.method = Method::kPost,
       .pattern = "/slipway/v1/tokens",
       .summary = "Makes a token; its text is in this reply and nowhere else.",
       .handler = answer([&access, &clock, secret_of_token](const Request& r) {
         return create(access, clock, secret_of_token, r);
       }),
       .tag = "slipway"},
      {.method = Method::kDelete,
       .pattern = "/slipway/v1/tokens/{id}",
       .summary = "Takes a token back, at once.",
       .handler = answer([&access](const Request& r) { return revoke(access, r); }),
       .tag = "slipway"},
  };
}

}  // namespace slipway::api::access
