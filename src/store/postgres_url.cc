#include "store/postgres_url.h"

#include <libpq-fe.h>

#include <algorithm>
#include <memory>

namespace slipway::store {
namespace {

constexpr std::string_view kExpected =
    "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters in the password as "
    "%XX";

}  // namespace

Result<std::string> parse_postgres_url(std::string_view url) {
  const std::size_t colon = url.find("://");
  const std::string_view scheme = url.substr(0, std::min(colon, url.find('+')));
  if (colon == std::string_view::npos || (scheme != "postgresql" && scheme != "postgres")) {
    return base::error(Code::kInvalidArgument, "not the URL of a PostgreSQL database: {}",
                       kExpected);
  }
  std::string parsed = "postgresql" + std::string(url.substr(colon));
  char* why = nullptr;
  PQconninfoOption* options = PQconninfoParse(parsed.c_str(), &why);
  PQfreemem(why);  // repeats parts of the URL
  if (options == nullptr) {
    return base::error(Code::kInvalidArgument, "not a URL that PostgreSQL's client understands: {}",
                       kExpected);
  }
  PQconninfoFree(options);
  return parsed;
}

std::string without_password(std::string_view url) {
  std::string out(url);
  // In front of the host: everything between the first ':' and the last '@' before the path.
  if (const std::size_t scheme = out.find("://"); scheme != std::string::npos) {
    const std::size_t begin = scheme + 3;
    const std::size_t end = std::min(out.find_first_of("/?", begin), out.size());
    const std::size_t at = out.rfind('@', end);
    const std::size_t colon = out.find(':', begin);
    if (at != std::string::npos && at >= begin && colon < at)
      out.replace(colon + 1, at - colon - 1, "***");
  }
  // Among the options behind it.
  for (const std::string_view key : {"password=", "sslpassword="}) {
    for (std::size_t from = out.find('?'); from != std::string::npos;) {
      const std::size_t found = out.find(key, from);
      if (found == std::string::npos) break;
      const std::size_t value = found + key.size();
      if (out[found - 1] == '?' || out[found - 1] == '&')
        out.replace(value, std::min(out.find('&', value), out.size()) - value, "***");
      from = value;
    }
  }
  return out;
}

Result<void> check_schema_name(std::string_view name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  if (!name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), good) &&
      !(name.front() >= '0' && name.front() <= '9') && !name.starts_with("pg_"))
    return {};
  return base::error(Code::kInvalidArgument,
                     "a schema's name is made of a to z, 0 to 9 and _, at most 63, and does not "
                     "begin with a digit or pg_: got={}",
                     name);
}

}  // namespace slipway::store
