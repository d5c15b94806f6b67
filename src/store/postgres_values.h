// Parameters and rows in PostgreSQL's binary format. Nothing but libpq's results is looked at.
#pragma once

#include <libpq-fe.h>

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "store/db.h"

namespace slipway::store {

// Parameters as PQsendQueryPrepared wants them. Views stay valid until the next encode(); a value
// whose kind is not the type that the server expects goes as text, which the server then reads as
// that type, the way SQLite would.
class EncodedParams {
 public:
  // kInvalidArgument: a text with a zero byte, which PostgreSQL can't store.
  Result<void> encode(std::span<const Param> params, std::span<const Oid> types);

  int count() const { return static_cast<int>(values_.size()); }
  const char* const* values() const { return values_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }

 private:
  void add_null();
  void add_binary(std::string_view bytes);  // a view
  void add_number(std::uint64_t bits, int bytes);
  void add_text(std::string text);

  std::vector<const char*> values_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
  std::deque<std::string> owned_;
};

// One row of a result in binary format.
class ResultRow final : public Row {
 public:
  ResultRow(const PGresult* result, int row) : result_(result), row_(row) {}
  bool is_null(int column) const override;
  std::int64_t int64(int column) const override;
  double real(int column) const override;
  std::string_view text(int column) const override;

 private:
  const PGresult* result_;
  int row_;
  mutable std::string number_;  // text() of a number
};

}  // namespace slipway::store
