// Brings objects of a storage to this machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "store/object_store.h"

namespace slipway::store {

// The object at `path`, which has so many bytes, as the file `to`. Its folder is there.
// kUnavailable: it is another one by now.
Result<void> copy_object(ObjectStore& from, const std::string& path, std::int64_t bytes,
                         const std::filesystem::path& to);

// All objects of s3://BUCKET/FOLDER, or the one that s3://BUCKET/KEY is, below the folder `to`.
// Gives the place of what `uri` named. kNotFound: nothing is there. kInvalidArgument: an object's
// key is no path below the folder. kResourceExhausted: they have more bytes in all than
// `bytes_max`. `open` opens s3://BUCKET/FOLDER.
using OpenObjects = std::function<Result<std::unique_ptr<ObjectStore>>(const std::string& uri)>;
Result<std::filesystem::path> copy_objects(const std::string& uri, const std::filesystem::path& to,
                                           std::int64_t bytes_max, const OpenObjects& open);

}  // namespace slipway::store
