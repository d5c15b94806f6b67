#include "store/file_digest.h"

#include <fstream>
#include <vector>

#include "base/hash.h"
#include "store/file_system.h"

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
  const auto files =
      TRY(files_below(path, [](const auto& entry) { return entry.filename() == "__pycache__"; }));
  base::Sha256 digest;
  for (const std::filesystem::path& file : files) {
    const std::string name = file.lexically_relative(path).generic_string();
    digest.update(fmt::format("{}:{}", name.size(), name)).update(TRY(file_digest(file)));
  }
  return digest.finish_hex();
}

}  // namespace slipway::store
