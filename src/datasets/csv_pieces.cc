#include "datasets/csv_pieces.h"

namespace slipway::datasets {

Result<CsvPieces> CsvPieces::open(const std::filesystem::path& file, std::string name,
                                  char delimiter, std::size_t bytes_per_piece) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return base::error(Code::kNotFound, "the file can't be opened: file={}", name);
  return CsvPieces(std::move(in), std::move(name), delimiter, bytes_per_piece);
}

Result<std::optional<CsvFile>> CsvPieces::next() {
  for (std::size_t wanted = bytes_per_piece_; !is_over_; wanted *= 2) {
    if (rest_.size() > kRowBytesMax) {
      return base::error(Code::kResourceExhausted,
                         "csv: a row is longer than {} bytes: file={} line={}", kRowBytesMax, name_,
                         place_.line);
    }
    const std::size_t had = rest_.size();
    rest_.resize(had + wanted);
    in_.read(rest_.data() + had, static_cast<std::streamsize>(wanted));
    rest_.resize(had + static_cast<std::size_t>(in_.gcount()));
    if (in_.bad()) return base::error(Code::kCorruption, "csv: can't be read: file={}", name_);
    place_.is_last = !in_;
    CsvFile piece = TRY(CsvFile::parse_piece(name_, rest_, delimiter_, place_));
    is_over_ = place_.is_last;
    if (piece.rows() == 0 && !is_over_) continue;  // a row that is longer
    const bool has_columns_alone = piece.rows() == 0 && place_.columns.empty();
    rest_.erase(0, piece.bytes());
    place_.columns = piece.columns();
    place_.line = piece.next_line();
    if (piece.rows() > 0 || has_columns_alone) return std::optional(std::move(piece));
  }
  return std::optional<CsvFile>();
}

}  // namespace slipway::datasets
