#include "cli/verb.h"

#include <cstdio>

#include "cli/commands.h"

namespace slipway::cli {

int finish(const Context& context, const Result<Json>& reply,
           const std::function<std::string(const Json&)>& show) {
  if (!reply) return fail(reply.error(), context);
  const std::string text = context.json ? base::to_text(*reply) + "\n" : show(*reply);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kOk;
}

int finish_table(const Context& context, const Result<Json>& reply, std::string_view member,
                 const std::vector<TableColumn>& columns) {
  return finish(context, reply, [&](const Json& body) {
    const Json& rows = member_at(body, member);
    return table(rows.is_array() ? rows.get_array() : JsonArray(), columns);
  });
}

}  // namespace slipway::cli
