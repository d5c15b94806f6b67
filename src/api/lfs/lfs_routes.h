// Git LFS over HTTP, as `git lfs` of a repository with lfs.url = http://HOST/lfs/REPOSITORY asks
// for it: batches, files, locks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "api/http/router.h"
#include "objects/lfs_files.h"

namespace slipway::api::lfs {

struct Options {
  std::uint64_t file_bytes_max = 1ull << 40;
  std::string path_prefix;  // in front of every path, as clients see it
  // What the user may beyond asking; unset: everybody may everything.
  std::function<bool(const std::string& user)> may_edit, may_manage;
};

// What is given must outlive the routes.
std::vector<http::Route> lfs_routes(objects::LfsFiles& files, objects::Contents& contents,
                                    Options options);
// What answers where there is no route: in the protocol's words.
http::Response no_route(const http::Request& request, const std::vector<http::Method>& allowed);

}  // namespace slipway::api::lfs
