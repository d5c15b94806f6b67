#include "store/postgres_values.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace slipway::store {
namespace {

// From pg_type.dat; these never change.
enum Type : Oid {
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kFloat4 = 700,
  kFloat8 = 701,
  kVarchar = 1043,
  kNumeric = 1700,
};

std::uint64_t read_bits(std::string_view bytes) {
  std::uint64_t bits = 0;
  for (const char c : bytes) bits = bits << 8 | static_cast<unsigned char>(c);
  return bits;
}

// Digits to base 10,000: their number, weight of the first, sign, digits behind the point, digits;
// two bytes each. Sums of BIGINT come like this.
double read_numeric(std::string_view bytes) {
  const auto word = [&](std::size_t at) {
    return static_cast<std::int16_t>(read_bits(bytes.substr(2 * at, 2)));
  };
  if (bytes.size() < 8) return 0;
  double value = 0;
  for (int digit = 0; digit < word(0); ++digit)
    value += word(4 + static_cast<std::size_t>(digit)) * std::pow(10'000.0, word(1) - digit);
  return word(2) == 0 ? value : -value;
}

}  // namespace

Result<void> EncodedParams::encode(std::span<const Param> params, std::span<const Oid> types) {
  CHECK(params.size() == types.size());
  values_.clear();
  lengths_.clear();
  formats_.clear();
  owned_.clear();
  for (std::size_t i = 0; i < params.size(); ++i) {
    const Param::Value& value = params[i].value();
    const Oid type = types[i];
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      if (type == kInt8) {
        add_number(static_cast<std::uint64_t>(*number), 8);
      } else {
        add_text(std::to_string(*number));
      }
    } else if (const auto* real = std::get_if<double>(&value)) {
      if (type == kFloat8) {
        add_number(std::bit_cast<std::uint64_t>(*real), 8);
      } else {
        add_text(fmt::format("{}", *real));
      }
    } else if (const auto* text = std::get_if<std::string_view>(&value)) {
      if (type != kBytea && text->find('\0') != std::string_view::npos) {
        return base::error(Code::kInvalidArgument,
                           "a text may not hold a zero byte: PostgreSQL does not store it");
      }
      if (type == kText || type == kVarchar || type == kBytea) {
        add_binary(*text);
      } else {
        add_text(std::string(*text));
      }
    } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
      add_binary(bytes->bytes);
    } else {
      add_null();
    }
  }
  return {};
}

void EncodedParams::add_null() {
  values_.push_back(nullptr);
  lengths_.push_back(0);
  formats_.push_back(1);
}

void EncodedParams::add_binary(std::string_view bytes) {
  values_.push_back(bytes.empty() ? "" : bytes.data());  // a null pointer would be NULL
  lengths_.push_back(static_cast<int>(bytes.size()));
  formats_.push_back(1);
}

void EncodedParams::add_number(std::uint64_t bits, int bytes) {
  std::string& big_endian = owned_.emplace_back();
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    big_endian.push_back(static_cast<char>(bits >> shift));
  add_binary(big_endian);
}

void EncodedParams::add_text(std::string text) {
  values_.push_back(owned_.emplace_back(std::move(text)).c_str());
  lengths_.push_back(0);  // the terminating zero tells
  formats_.push_back(0);
}

bool ResultRow::is_null(int column) const { return PQgetisnull(result_, row_, column) != 0; }

std::string_view ResultRow::text(int column) const {
  switch (PQftype(result_, column)) {
    case kBool:
    case kInt2:
    case kInt4:
    case kInt8:
      number_ = is_null(column) ? "" : std::to_string(int64(column));
      return number_;
    case kFloat4:
    case kFloat8:
    case kNumeric:
      number_ = is_null(column) ? "" : fmt::format("{}", real(column));
      return number_;
    default:
      return {PQgetvalue(result_, row_, column),
              static_cast<std::size_t>(PQgetlength(result_, row_, column))};
  }
}

std::int64_t ResultRow::int64(int column) const {
  if (is_null(column)) return 0;
  const std::string_view bytes{PQgetvalue(result_, row_, column),
                               static_cast<std::size_t>(PQgetlength(result_, row_, column))};
  switch (PQftype(result_, column)) {
    case kBool:
    case kInt8:
      return static_cast<std::int64_t>(read_bits(bytes));
    case kInt4:
      return static_cast<std::int32_t>(read_bits(bytes));
    case kInt2:
      return static_cast<std::int16_t>(read_bits(bytes));
    case kFloat4:
    case kFloat8:
    case kNumeric:
      return static_cast<std::int64_t>(real(column));
    default: {
      std::int64_t number = 0;
      std::from_chars(bytes.data(), bytes.data() + bytes.size(), number);
      return number;
    }
  }
}

double ResultRow::real(int column) const {
  if (is_null(column)) return 0;
  const std::string_view bytes{PQgetvalue(result_, row_, column),
                               static_cast<std::size_t>(PQgetlength(result_, row_, column))};
  switch (PQftype(result_, column)) {
    case kFloat8:
      return std::bit_cast<double>(read_bits(bytes));
    case kFloat4:
      return std::bit_cast<float>(static_cast<std::uint32_t>(read_bits(bytes)));
    case kNumeric:
      return read_numeric(bytes);
    case kBool:
    case kInt2:
    case kInt4:
    case kInt8:
      return static_cast<double>(int64(column));
    default: {
      double number = 0;
      std::from_chars(bytes.data(), bytes.data() + bytes.size(), number);
      return number;
    }
  }
}

}  // namespace slipway::store
