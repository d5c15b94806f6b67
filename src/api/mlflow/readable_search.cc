#include "api/mlflow/readable_search.h"

#include "api/mlflow/errors.h"
#include "api/mlflow/wire.h"
#include "base/http_client.h"
#include "evaluations/review_queues.h"
#include "tracking/experiments.h"

namespace slipway::api::mlflow {
namespace {

using http::Request;
using http::Response;
using slipway::access::Access;
using slipway::access::Permission;

// The request again, with other fields.
class Again {
 public:
  Again(const Request& request, const JsonObject& fields) : request_(request) {
    if (request.method == http::Method::kPost) {
      text_ = base::to_text(fields);
      request_.body = text_;
      return;
    }
    text_ = std::string(request.path) + "?";
    for (const auto& [name, value] : fields) {
      const auto add = [&](const Json& one) {
        text_ += base::percent_encode(name) + "=" +
                 base::percent_encode(one.is_string() ? std::string_view(one.get_string())
                                                      : std::string_view(base::to_text(one))) +
                 "&";
      };
      if (value.is_array()) {
        for (const Json& one : value.get_array()) add(one);
      } else {
        add(value);
      }
    }
    request_.target = text_;
  }

  const Request& request() const { return request_; }

 private:
  Request request_;
  std::string text_;
};

struct Page {
  JsonArray items;
  std::string next;
};

Result<Page> read_page(const Response& response, std::string_view member) {
  JsonObject body = TRY(base::parse_json_object(response.body));
  Page page;
  if (Json* items = body.if_contains(member); items != nullptr && items->is_array())
    page.items = std::move(items->get_array());
  page.next = TRY(base::find_string(body, "next_page_token")).value_or("");
  return page;
}

Result<Response> search_readable(Access& access, std::string_view type, const SearchReply& shape,
                                 const http::Handler& search, const Request& request) {
  JsonObject fields = Fields(request).body();
  Response response = search(request);
  if (response.status != 200) return response;
  Page page = TRY(read_page(response, shape.items));
  // As many as the search itself would give, should the request not say.
  const std::size_t wanted =
      static_cast<std::size_t>(TRY(Fields(request).integer("max_results"))
                                   .value_or(static_cast<std::int64_t>(
                                       page.next.empty() ? SIZE_MAX >> 1 : page.items.size())));
  std::int64_t offset = TRY(tracking::parse_page_token(Fields(request).text("page_token")));
  JsonArray kept;
  std::string next;
  while (true) {
    for (std::size_t i = 0; i < page.items.size(); ++i) {
      const JsonObject& item = page.items[i].as_object();
      const Json* number = item.if_contains(shape.id);
      const std::string id = number != nullptr && number->is_int64()
                                 ? std::to_string(number->get_int64())
                                 : TRY(base::get_string(item, shape.id));
      if (!access.may(request.user, type, id, Permission::kRead)) continue;
      if (kept.size() == wanted) {
        next = tracking::page_token(offset + static_cast<std::int64_t>(i));
        break;
      }
      kept.push_back(page.items[i]);
    }
    if (!next.empty() || page.next.empty()) break;
    if (kept.size() == wanted) {
      next = page.next;
      break;
    }
    offset = TRY(tracking::parse_page_token(page.next));
    fields["page_token"] = page.next;
    const Response more = search(Again(request, fields).request());
    if (more.status != 200) return more;
    page = TRY(read_page(more, shape.items));
  }
  JsonObject body;
  if (!kept.empty()) body[shape.items] = std::move(kept);
  if (!next.empty()) body["next_page_token"] = next;
  return reply(body);
}

}  // namespace

http::Handler readable_search(Access& access, std::string_view type, SearchReply shape,
                              http::Handler search) {
  return [&access, type, shape, search = std::move(search)](const Request& request) {
    if (access.may_all(request.user, type, Permission::kRead)) return search(request);
    Result<Response> response = search_readable(access, type, shape, search, request);
    return response ? std::move(*response) : error_response(response.error());
  };
}

http::Handler search_readable_experiments(Access& access, http::Handler search) {
  return [&access, search = std::move(search)](const Request& request) -> Response {
    if (access.may_all(request.user, slipway::access::kExperiment, Permission::kRead))
      return search(request);
    const Fields asked(request);
    JsonArray readable;
    for (const std::string& id : asked.texts("experiment_ids")) {
      const Result<std::int64_t> number = tracking::experiment_number(id);
      // What is no number is for the search to refuse.
      if (!number || access.may(request.user, slipway::access::kExperiment, std::to_string(*number),
                                Permission::kRead))
        readable.emplace_back(id);
    }
    JsonObject fields = asked.body();
    fields["experiment_ids"] = std::move(readable);
    return search(Again(request, fields).request());
  };
}

http::Handler own_queues(Access& access, http::Handler list) {
  return [&access, list = std::move(list)](const Request& request) -> Response {
    const Fields asked(request);
    const Result<std::int64_t> number = tracking::experiment_number(asked.text("experiment_id"));
    if (!number || access.is_admin(request.user) ||
        access.may(request.user, slipway::access::kExperiment, std::to_string(*number),
                   Permission::kEdit))
      return list(request);
    const std::string user = evaluations::folded_user(request.user);
    JsonObject fields = asked.body();
    if (asked.has("user") && evaluations::folded_user(asked.text("user")) != user)
      return reply({{"review_queues", JsonArray()}, {"next_page_token", ""}});
    fields["user"] = user;
    return list(Again(request, fields).request());
  };
}

}  // namespace slipway::api::mlflow
