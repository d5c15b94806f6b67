// Names of remotes and of files in them, "REMOTE\nPATH": what is let through stays below the
// remote's folder, and says the MD5 that is in it. The content's text form never depends on pieces.
#include "base/check.h"
#include "datasets/remote_file.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway::datasets;
  const std::string_view text = slipway::fuzz::text_of(data, size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::string_view remote = text.substr(0, line);
  const std::string_view path = text.substr(std::min(line + 1, text.size()));
  if (const auto file = parse_remote_file(remote, path)) {
    CHECK(file->path == std::string(remote) + "/" + std::string(path));
    CHECK(file->md5.size() == 32);
    CHECK(file->md5.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(remote.find('/') == std::string_view::npos && !remote.starts_with('.'));
    CHECK(path.find("..") == std::string_view::npos && path.find("//") == std::string_view::npos);
  } else {
    CHECK(file.error().code == slipway::Code::kInvalidArgument);
  }
  UnixTextMd5 whole, pieces;
  whole.update(text);
  for (std::size_t i = 0; i < text.size(); i += 7) pieces.update(text.substr(i, 7));
  CHECK(whole.finish_hex() == pieces.finish_hex());
  return 0;
}
