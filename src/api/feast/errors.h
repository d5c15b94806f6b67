// Errors as Feast's server sends them and its client raises them again: a JSON string that holds a
// JSON object with the module and class of a Python exception, and its message.
#pragma once

#include <string>
#include <string_view>

#include "api/http/router.h"
#include "base/result.h"

namespace slipway::api::feast {

// Which exception a kNotFound is.
inline constexpr std::string_view kNoView = "FeatureViewNotFoundException";
inline constexpr std::string_view kNoService = "FeatureServiceNotFoundException";
inline constexpr std::string_view kNoRequestData = "RequestDataNotFoundInEntityRowsException";
inline constexpr std::string_view kNoObject = "FeastObjectNotFoundException";
inline constexpr std::string_view kNoPushSource = "PushSourceNotFoundException";

// The envelope's inside.
std::string error_detail(std::string_view error_class, std::string_view message);

http::Response feast_error(const Error& error, std::string_view not_found = kNoView);

// A body that is no request at all, as FastAPI says it.
http::Response malformed(const Error& error);

}  // namespace slipway::api::feast
