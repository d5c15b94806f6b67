// The table that tools/embed_page.py writes at build time.
#pragma once

#include <span>
#include <string_view>

namespace slipway::api::page {

struct Asset {
  std::string_view path;  // "assets/index-1a2b3c.js"
  std::string_view content_type;
  std::string_view gzip;  // the file's bytes, compressed
  std::string_view etag;  // with its quotes
};

// Empty when the binary was built without the page.
std::span<const Asset> assets();

}  // namespace slipway::api::page
