#include "datasets/diff/row_match.h"

#include <algorithm>
#include <tuple>

namespace slipway::datasets {
namespace {

using Part = RowRecords::Part;

// A part's records in the order of their keys. Most are told apart by the first half of the key,
// which lies beside its place: records themselves are looked at for those of the same half.
class InOrder {
 public:
  explicit InOrder(const Part& part) : part_(part) {
    order_.reserve(part.size());
    for (std::size_t i = 0; i < part.size(); ++i)
      order_.push_back({part.first_key(i), static_cast<std::uint32_t>(i)});
    std::sort(order_.begin(), order_.end(), [&](const Entry& a, const Entry& b) {
      if (a.key != b.key) return a.key < b.key;
      const RowRecord x = part.record(a.at), y = part.record(b.at);
      return std::tie(x.key.second, x.content, x.row) < std::tie(y.key.second, y.content, y.row);
    });
  }

  bool is_over() const { return at_ == order_.size(); }
  std::uint64_t first_key() const { return order_[at_].key; }
  std::uint64_t second_key() const { return record(at_).key.second; }

  struct Group {
    std::size_t first = 0, size = 0;
  };
  // The rows of the next key.
  Group next() {
    // Records are looked at in the order of their keys, which is none in memory.
    constexpr std::size_t kAhead = 8;
    if (at_ + kAhead < order_.size()) part_.prefetch(order_[at_ + kAhead].at);
    const std::size_t first = at_++;
    while (!is_over() && first_key() == order_[first].key &&
           second_key() == record(first).key.second)
      ++at_;
    return {.first = first, .size = at_ - first};
  }
  RowRecord record(std::size_t at) const { return part_.record(order_[at].at); }
  std::span<const std::uint32_t> cells(std::size_t at) const { return part_.cells(order_[at].at); }

 private:
  struct Entry {
    std::uint64_t key;
    std::uint32_t at;
  };
  const Part& part_;
  std::vector<Entry> order_;
  std::size_t at_ = 0;
};

// Whether the next key of `a` is less than that of `b`.
bool is_before(const InOrder& a, const InOrder& b) {
  if (a.first_key() != b.first_key()) return a.first_key() < b.first_key();
  return a.second_key() < b.second_key();
}

class Matcher {
 public:
  Matcher(const Part& before, const Part& after, MatchBy by, RowMatches& matches)
      : before_(before), after_(after), by_(by), matches_(matches) {}

  void run() {
    while (!before_.is_over() || !after_.is_over()) {
      InOrder::Group olds, news;
      const bool has_both = !before_.is_over() && !after_.is_over();
      if (after_.is_over() || (has_both && is_before(before_, after_))) {
        olds = before_.next();
      } else if (before_.is_over() || is_before(after_, before_)) {
        news = after_.next();
      } else {
        olds = before_.next();
        news = after_.next();
      }
      if (by_ == MatchBy::kKey && (olds.size > 1 || news.size > 1)) note_duplicates(olds, news);
      if (by_ == MatchBy::kKey && olds.size == 1 && news.size == 1) {
        compare(olds.first, news.first);
      } else {
        match_content(olds, news);
      }
    }
  }

 private:
  void compare(std::size_t old_at, std::size_t new_at) {
    const RowRecord old_row = before_.record(old_at), new_row = after_.record(new_at);
    if (old_row.content == new_row.content) {
      ++matches_.counts.unchanged;
      return;
    }
    ++matches_.counts.changed;
    matches_.changed.add({old_row.row, new_row.row});
    const auto olds = before_.cells(old_at), news = after_.cells(new_at);
    for (std::size_t i = 0; i < olds.size(); ++i)
      matches_.counts.changed_cells[i] += olds[i] != news[i];
  }

  // Rows of one key, both by their content.
  void match_content(InOrder::Group olds, InOrder::Group news) {
    const std::size_t old_end = olds.first + olds.size, new_end = news.first + news.size;
    for (std::size_t i = olds.first, j = news.first; i < old_end || j < new_end;) {
      if (j == new_end || (i < old_end && before_.record(i).content < after_.record(j).content)) {
        ++matches_.counts.removed;
        matches_.removed.add({.before = before_.record(i++).row});
      } else if (i == old_end || after_.record(j).content < before_.record(i).content) {
        ++matches_.counts.added;
        matches_.added.add({.after = after_.record(j++).row});
      } else {
        ++matches_.counts.unchanged;
        ++i;
        ++j;
      }
    }
  }

  void note_duplicates(InOrder::Group olds, InOrder::Group news) {
    RowCounts& counts = matches_.counts;
    ++counts.duplicate_keys;
    counts.duplicate_rows_before += static_cast<std::int64_t>(olds.size);
    counts.duplicate_rows_after += static_cast<std::int64_t>(news.size);
    // The first of its rows, which are in the order of their content.
    const auto first_row = [](const InOrder& rows, InOrder::Group group) {
      std::int64_t least = rows.record(group.first).row;
      for (std::size_t i = 1; i < group.size; ++i)
        least = std::min(least, rows.record(group.first + i).row);
      return least;
    };
    if (news.size > 1) {
      matches_.duplicates.add({.after = first_row(after_, news)});
    } else {
      matches_.duplicates.add({.before = first_row(before_, olds)});
    }
  }

  InOrder before_, after_;
  const MatchBy by_;
  RowMatches& matches_;
};

auto nearness(const RowPair& pair) {
  return std::tuple(std::max(pair.before, pair.after), pair.before, pair.after);
}

}  // namespace

void NearestPairs::add(RowPair pair) {
  if (most_ == 0) return;
  pairs_.push_back(pair);
  if (pairs_.size() >= 2 * most_ + 64) shrink();
}

void NearestPairs::add(const NearestPairs& others) {
  pairs_.insert(pairs_.end(), others.pairs_.begin(), others.pairs_.end());
  shrink();
}

void NearestPairs::shrink() {
  if (pairs_.size() <= most_) return;
  std::nth_element(pairs_.begin(), pairs_.begin() + static_cast<std::ptrdiff_t>(most_),
                   pairs_.end(),
                   [](const RowPair& a, const RowPair& b) { return nearness(a) < nearness(b); });
  pairs_.resize(most_);
}

std::vector<RowPair> NearestPairs::sorted() const {
  NearestPairs few = *this;
  few.shrink();
  std::sort(few.pairs_.begin(), few.pairs_.end(), [](const RowPair& a, const RowPair& b) {
    return std::tie(a.before, a.after) < std::tie(b.before, b.after);
  });
  return std::move(few.pairs_);
}

void RowCounts::add(const RowCounts& others) {
  added += others.added;
  removed += others.removed;
  changed += others.changed;
  unchanged += others.unchanged;
  duplicate_keys += others.duplicate_keys;
  duplicate_rows_before += others.duplicate_rows_before;
  duplicate_rows_after += others.duplicate_rows_after;
  for (std::size_t i = 0; i < changed_cells.size(); ++i)
    changed_cells[i] += others.changed_cells[i];
}

RowMatches::RowMatches(std::size_t cells, std::size_t examples_max)
    : added(examples_max), removed(examples_max), changed(examples_max), duplicates(examples_max) {
  counts.changed_cells.resize(cells);
}

void RowMatches::add(const RowMatches& others) {
  counts.add(others.counts);
  added.add(others.added);
  removed.add(others.removed);
  changed.add(others.changed);
  duplicates.add(others.duplicates);
}

void match_rows(const RowRecords::Part& before, const RowRecords::Part& after, MatchBy by,
                RowMatches& matches) {
  Matcher(before, after, by, matches).run();
}

}  // namespace slipway::datasets
