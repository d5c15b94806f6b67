// A CSV file with a header, a piece at a time: it may be larger than the memory.
#pragma once

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "base/result.h"
#include "datasets/csv_table.h"

namespace slipway::datasets {

// One thread at a time.
class CsvPieces {
 public:
  static constexpr std::size_t kBytesPerPiece = 4u << 20;
  static constexpr std::size_t kRowBytesMax = 256u << 20;  // of one row

  // `name` stands in messages. kNotFound: no such file.
  static Result<CsvPieces> open(const std::filesystem::path& file, std::string name, char delimiter,
                                std::size_t bytes_per_piece = kBytesPerPiece);

  // The next rows; of a file without rows one piece without rows, which has the columns. Nothing at
  // the end. Errors as CsvFile::parse(); kResourceExhausted: a row is longer than kRowBytesMax.
  Result<std::optional<CsvFile>> next();

 private:
  CsvPieces(std::ifstream in, std::string name, char delimiter, std::size_t bytes_per_piece)
      : in_(std::move(in)),
        name_(std::move(name)),
        delimiter_(delimiter),
        bytes_per_piece_(bytes_per_piece) {}

  std::ifstream in_;
  std::string name_;
  char delimiter_;
  std::size_t bytes_per_piece_;
  std::string rest_;  // read, and in no piece yet
  CsvFile::Place place_;
  bool is_over_ = false;
};

}  // namespace slipway::datasets
