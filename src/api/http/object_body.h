// Objects of a storage, and files, as bodies of replies.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "api/http/router.h"
#include "store/object_store.h"

namespace slipway::http {

// Makes an object the body of `response`, or the part of it that a Range header asks for; 416 when
// that is not there. Of HEAD nothing is read. kNotFound: no such object.
Result<void> send_object(store::ObjectStore& store, const std::string& path, const Request& request,
                         Response& response);

// The same of a file on this machine, as long as it is now; of an empty one any part is empty.
Result<void> send_file(const std::filesystem::path& file, const Request& request,
                       Response& response);

// What the client says that its body has; nothing when it does not say.
std::optional<std::int64_t> content_length(const Request& request);

}  // namespace slipway::http
