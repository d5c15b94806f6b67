#include "store/file_digest.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "base/hash.h"

namespace slipway::store {

Result<std::string> file_digest(const std::filesystem::path& file) {
  constexpr std::size_t kPieceBytes = 1 << 20;
  std::ifstream in(file, std::ios::binary);
  if (!in) return base::error(Code::kNotFound, "a file can't be read: file={}", file.string());
  base::Sha256 digest;
  std::vector<char> piece(kPieceBytes);
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    digest.update({piece.data(), static_cast<std::size_t>(in.gcount())});
  }
  if (!in.eof())
    return base::error(Code::kInternal, "reading a file failed: file={}", file.string());
  return digest.finish_hex();
}

Result<std::string> tree_digest(const std::filesystem::path& path) {
  std::error_code ec;
  if (!std::filesystem::is_directory(path, ec)) return file_digest(path);
  std::vector<std::filesystem::path> files;
  for (std::filesystem::recursive_directory_iterator it(path, ec), end; !ec && it != end;
       it.increment(ec)) {
    if (it->path().filename() == "__pycache__") {
      it.disable_recursion_pending();
    } else if (!it->is_directory(ec)) {
      files.push_back(it->path());
    }
  }
  if (ec)
    return base::error(Code::kInternal, "a folder can't be read: folder={} why={}", path.string(),
                       ec.message());
  std::sort(files.begin(), files.end());
  base::Sha256 digest;
  for (const std::filesystem::path& file : files) {
    const std::string name = file.lexically_relative(path).generic_string();
    digest.update(fmt::format("{}:{}", name.size(), name)).update(TRY(file_digest(file)));
  }
  return digest.finish_hex();
}

}  // namespace slipway::store
