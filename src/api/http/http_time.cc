#include "api/http/http_time.h"

#include <ctime>
#include <string>

namespace slipway::http {

std::optional<base::Timestamp> parse_http_time(std::string_view text) {
  const std::string ended(text);
  for (const char* format :
       {"%a, %d %b %Y %H:%M:%S GMT", "%a, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm utc{};
    const char* end = ::strptime(ended.c_str(), format, &utc);
    if (end != nullptr && *end == '\0')
      return base::Timestamp{static_cast<std::int64_t>(::timegm(&utc)) * 1'000'000};
  }
  return std::nullopt;
}

}  // namespace slipway::http
