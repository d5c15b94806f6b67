#include "store/file_digest.h"

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

}  // namespace slipway::store
