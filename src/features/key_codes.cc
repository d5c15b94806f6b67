#include "features/key_codes.h"

#include <fmt/format.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "features/value.h"

namespace slipway::features {
namespace {

using types::Column;
using types::ColumnType;

struct TextHash {
  using is_avalanching = void;
  std::size_t operator()(std::string_view text) const { return base::hash64(text); }
};

bool is_there(const Column& column, std::size_t row) {
  return column.is_valid(row) &&
         (column.type != ColumnType::kDouble || !std::isnan(column.doubles[row]));
}

// A key cell as key_of() writes it.
std::string text_of(const Column& column, std::size_t row) {
  if (column.type == ColumnType::kString) return column.strings[row];
  if (column.type == ColumnType::kTimestamp) return fmt::format("{}", column.ints[row]);
  if (column.type != ColumnType::kDouble) return fmt::format("{}", column.ints[row]);
  return text_of_number(column.doubles[row]);
}

// The cell as a whole number, if it is one; no text.
std::optional<std::int64_t> whole_of(const Column& column, std::size_t row) {
  return column.type == ColumnType::kDouble ? features::whole_of(column.doubles[row])
                                            : column.ints[row];
}

}  // namespace

// The different cells of one column.
class KeyCodes::CellCodes {
 public:
  CellCodes(const Column& column, std::vector<std::uint32_t>& codes) : kind_(kind_of(column.type)) {
    codes.resize(column.size());
    if (number_near_ones(column, codes)) return;
    for (std::size_t row = 0; row < codes.size(); ++row) {
      if (!is_there(column, row)) {
        codes[row] = kMissing;
      } else if (kind_ == Kind::kText) {
        codes[row] = number(texts_, std::string_view(column.strings[row]));
      } else if (const auto whole = whole_of(column, row)) {
        codes[row] = number(wholes_, *whole);
      } else {
        codes[row] = number(fractions_, column.doubles[row]);
      }
    }
  }

  std::size_t size() const { return size_; }

  void find(const Column& column, std::vector<std::uint32_t>& codes) const {
    codes.resize(column.size());
    if (kind_of(column.type) != kind_) return find_texts(column, codes);
    if (!near_.empty() && column.type == ColumnType::kInt64 && column.valid.empty()) {
      std::ranges::transform(column.ints, codes.begin(),
                             [&](auto whole) { return find_near(whole); });
      return;
    }
    for (std::size_t row = 0; row < codes.size(); ++row) {
      if (!is_there(column, row)) {
        codes[row] = kMissing;
      } else if (kind_ == Kind::kText) {
        codes[row] = found(texts_, column.strings[row]);
      } else if (const auto whole = whole_of(column, row)) {
        codes[row] = near_.empty() ? found(wholes_, *whole) : find_near(*whole);
      } else {
        codes[row] = found(fractions_, column.doubles[row]);
      }
    }
  }

 private:
  enum class Kind { kNumber, kText, kTime };

  static Kind kind_of(ColumnType type) {
    if (type == ColumnType::kString) return Kind::kText;
    return type == ColumnType::kTimestamp ? Kind::kTime : Kind::kNumber;
  }
  template <typename Map, typename Key>
  static std::uint32_t found(const Map& map, const Key& key) {
    const auto at = map.find(key);
    return at == map.end() ? kUnknown : at->second;
  }

  template <typename Map, typename Key>
  std::uint32_t number(Map& map, const Key& key) {
    const auto [at, is_new] = map.try_emplace(key, size_);
    size_ += is_new ? 1 : 0;
    return at->second;
  }

  // Ids that lie close together need no hash: a table has a place for each. False: they don't.
  bool number_near_ones(const Column& column, std::vector<std::uint32_t>& codes) {
    if (column.type != ColumnType::kInt64 || column.ints.empty()) return false;
    const auto [low, high] = std::ranges::minmax(column.ints);
    const auto places = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
    if (places == 0 || places > 2 * column.ints.size() + 1000) return false;
    near_from_ = low;
    near_.assign(places, kUnknown);
    for (std::size_t row = 0; row < codes.size(); ++row) {
      if (!column.is_valid(row)) {
        codes[row] = kMissing;
        continue;
      }
      std::uint32_t& code = near_[static_cast<std::size_t>(column.ints[row] - low)];
      if (code == kUnknown) code = size_++;
      codes[row] = code;
    }
    return true;
  }

  std::uint32_t find_near(std::int64_t whole) const {
    const auto place = static_cast<std::uint64_t>(whole) - static_cast<std::uint64_t>(near_from_);
    return place < near_.size() ? near_[place] : kUnknown;
  }

  // One side has texts and the other numbers: both are compared as texts.
  void find_texts(const Column& column, std::vector<std::uint32_t>& codes) const {
    std::call_once(texts_are_written_, [&] { write_texts(); });
    for (std::size_t row = 0; row < codes.size(); ++row)
      codes[row] = is_there(column, row) ? found(by_text_, text_of(column, row)) : kMissing;
  }

  void write_texts() const {
    for (const auto& [text, code] : texts_) by_text_.emplace(text, code);
    for (const auto& [whole, code] : wholes_) by_text_.emplace(fmt::format("{}", whole), code);
    for (const auto& [number, code] : fractions_) by_text_.emplace(text_of_number(number), code);
    for (std::size_t place = 0; place < near_.size(); ++place) {
      if (near_[place] == kUnknown) continue;
      const std::int64_t whole = near_from_ + static_cast<std::int64_t>(place);
      by_text_.emplace(fmt::format("{}", whole), near_[place]);
    }
  }

  const Kind kind_;
  std::uint32_t size_ = 0;
  boost::unordered_flat_map<std::string_view, std::uint32_t, TextHash> texts_;
  boost::unordered_flat_map<std::int64_t, std::uint32_t> wholes_;
  boost::unordered_flat_map<double, std::uint32_t> fractions_;  // and what is beyond 64 bits
  std::int64_t near_from_ = 0;
  std::vector<std::uint32_t> near_;
  mutable std::once_flag texts_are_written_;
  mutable boost::unordered_flat_map<std::string, std::uint32_t> by_text_;  // when asked by texts
};

// Codes of two parts of a key as one.
class KeyCodes::PairCodes {
 public:
  void number(std::vector<std::uint32_t>& codes, const std::vector<std::uint32_t>& more) {
    for (std::size_t row = 0; row < codes.size(); ++row) {
      if (codes[row] == kMissing || more[row] == kMissing) {
        codes[row] = kMissing;
        continue;
      }
      codes[row] =
          pairs_.try_emplace(pair(codes[row], more[row]), static_cast<std::uint32_t>(pairs_.size()))
              .first->second;
    }
  }
  void find(std::vector<std::uint32_t>& codes, const std::vector<std::uint32_t>& more) const {
    for (std::size_t row = 0; row < codes.size(); ++row) {
      if (codes[row] == kMissing || more[row] == kMissing) {
        codes[row] = kMissing;
        continue;
      }
      const auto at = pairs_.find(pair(codes[row], more[row]));  // never there with an unknown part
      codes[row] = at == pairs_.end() ? kUnknown : at->second;
    }
  }
  std::size_t size() const { return pairs_.size(); }

 private:
  static std::uint64_t pair(std::uint32_t a, std::uint32_t b) { return std::uint64_t{a} << 32 | b; }
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> pairs_;
};

KeyCodes::KeyCodes(std::span<const Column* const> columns) {
  CHECK(!columns.empty());
  cells_.push_back(std::make_unique<CellCodes>(*columns[0], codes_));
  size_ = cells_[0]->size();
  std::vector<std::uint32_t> more;
  for (const Column* column : columns.subspan(1)) {
    cells_.push_back(std::make_unique<CellCodes>(*column, more));
    pairs_.push_back(std::make_unique<PairCodes>());
    pairs_.back()->number(codes_, more);
    size_ = pairs_.back()->size();
  }
}

KeyCodes::~KeyCodes() = default;
KeyCodes::KeyCodes(KeyCodes&&) noexcept = default;

std::vector<std::uint32_t> KeyCodes::find(std::span<const Column* const> columns) const {
  CHECK(columns.size() == cells_.size());
  std::vector<std::uint32_t> codes, more;
  cells_[0]->find(*columns[0], codes);
  for (std::size_t c = 1; c < columns.size(); ++c) {
    cells_[c]->find(*columns[c], more);
    pairs_[c - 1]->find(codes, more);
  }
  return codes;
}

}  // namespace slipway::features
