// Where a PostgreSQL database is, as people write it. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::store {

// The URL as libpq wants it: postgres:// and the driver that SQLAlchemy names
// (postgresql+psycopg2://) are understood too. kInvalidArgument for anything else; the message
// never repeats the URL, which may hold a password.
Result<std::string> parse_postgres_url(std::string_view url);

// The URL with its password, if it has one, as ***: for logs and --print-config.
std::string without_password(std::string_view url);

// A name that can be used unquoted: lower-case letters, digits and _, not beginning with a digit,
// at most 63. kInvalidArgument otherwise.
Result<void> check_schema_name(std::string_view name);

}  // namespace slipway::store
