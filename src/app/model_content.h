// What the files of a model that is in no registry hold, which tells them from what is there at
// another time.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "tracking/artifacts.h"

namespace slipway::app {

// 16 hexadecimal digits: of files of this machine by SHA-256, elsewhere of names, sizes and ETags.
// kNotFound: nothing is there.
Result<std::string> content_of(const std::filesystem::path& files);
Result<std::string> content_of(const tracking::ArtifactPlace& place);

// kFailedPrecondition: `files` hold something else than `content` by now.
Result<void> require_content(const std::filesystem::path& files, const std::string& content);

// What is at `place` as files of this machine: itself, or a copy below `copies`, made once of each
// content. kFailedPrecondition: it holds something else than `content` by now.
Result<std::filesystem::path> files_of(const tracking::ArtifactPlace& place,
                                       const std::string& content,
                                       const std::filesystem::path& copies);

}  // namespace slipway::app
