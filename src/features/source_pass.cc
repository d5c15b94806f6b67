#include "features/source_pass.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <tuple>

namespace slipway::features {
namespace {

using types::Column;

std::vector<const Column*> key_columns(const BoundView& bound, const SourcePiece& piece) {
  std::vector<const Column*> keys;
  for (const std::size_t key : bound.keys) keys.push_back(piece.columns[key]);
  return keys;
}

// How many rows ahead memory is asked for: what is near a key in the cache when its row comes.
constexpr std::size_t kRowsAhead = 64;

}  // namespace

KnownRows::KnownRows(const BoundView& bound, const EntityRows& entities, const SourcePiece& piece,
                     types::Timestamp as_of)
    : keys_(entities.find(key_columns(bound, piece))), as_of_(as_of.micros) {
  if (!bound.event_time) return;
  event_ = piece.columns[*bound.event_time];
  arrival_ = piece.columns[*bound.arrival_time];
}

NewestPass::NewestPass(const BoundView& bound, const EntityRows& entities, types::Timestamp as_of)
    : bound_(bound), entities_(entities), as_of_(as_of), newest_(entities.slots()) {
  for (std::uint32_t key = 0; key < entities.keys(); ++key) near_.push_back(entities.begin(key));
  ties_max_ = std::max<std::size_t>(newest_.size(), 1000);
}

void NewestPass::add(const SourcePiece& piece) {
  const KnownRows rows(bound_, entities_, piece, as_of_);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (row + kRowsAhead < rows.size()) {
      if (const std::uint32_t key = rows.key(row + kRowsAhead); key < KeyCodes::kUnknown)
        __builtin_prefetch(&near_[key]);
      if (const std::uint32_t key = rows.key(row + kRowsAhead / 2); key < KeyCodes::kUnknown) {
        __builtin_prefetch(entities_.time_at(near_[key]));
        __builtin_prefetch(newest_.data() + near_[key], 1);
      }
    }
    if (!rows.is_known(row)) continue;
    const std::uint32_t key = rows.key(row);
    const std::int64_t event = rows.event(row), arrival = rows.arrival(row);
    const std::uint32_t slot = entities_.first_from(key, std::max(event, arrival), near_[key]);
    near_[key] = slot;
    if (slot == entities_.end(key)) continue;
    Newest& newest = newest_[slot];
    const Newest other{event, arrival, piece.first_row + row};
    const auto before = std::tie(newest.event, newest.arrival);
    if (newest.row == kNothing || before < std::tie(event, arrival)) {
      newest = other;
    } else if (before == std::tie(event, arrival)) {
      ties_.push_back({slot, other});
      if (ties_.size() > ties_max_) drop_old_ties();
    }
  }
}

void NewestPass::drop_old_ties() {
  std::erase_if(ties_, [&](const Tie& tie) {
    const Newest& newest = newest_[tie.slot];
    return newest.event != tie.newest.event || newest.arrival != tie.newest.arrival;
  });
  ties_max_ = std::max(ties_max_, 2 * ties_.size());
}

std::vector<std::uint64_t> NewestPass::ties() {
  drop_old_ties();
  std::vector<std::uint64_t> rows;
  for (const Tie& tie : ties_) {
    rows.push_back(tie.newest.row);
    rows.push_back(newest_[tie.slot].row);
  }
  std::ranges::sort(rows);
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

std::vector<std::uint64_t> NewestPass::finish(std::span<const std::uint64_t> ties,
                                              std::span<const std::uint64_t> identities) {
  const auto identity = [&](std::uint64_t row) {
    return identities[static_cast<std::size_t>(std::ranges::lower_bound(ties, row) - ties.begin())];
  };
  for (const Tie& tie : ties_) {  // in the order of rows: of equal identities the first counts
    Newest& newest = newest_[tie.slot];
    if (identity(tie.newest.row) > identity(newest.row)) newest = tie.newest;
  }
  for (std::uint32_t key = 0; key < entities_.keys(); ++key) {
    const Newest* before = nullptr;
    for (std::uint32_t slot = entities_.begin(key); slot < entities_.end(key); ++slot) {
      Newest& newest = newest_[slot];
      if (before != nullptr && before->row != kNothing &&
          (newest.row == kNothing ||
           std::tie(newest.event, newest.arrival) < std::tie(before->event, before->arrival)))
        newest = *before;
      before = &newest;
    }
  }
  std::vector<std::uint64_t> rows(entities_.size(), kNothing);
  for (std::size_t entity = 0; entity < rows.size(); ++entity) {
    const std::uint32_t slot = entities_.slot(entity);
    if (slot == EntityRows::kNoSlot) continue;
    const Newest& newest = newest_[slot];
    if (newest.row != kNothing &&
        !is_too_old(bound_.view, newest.event, types::Timestamp{entities_.time(slot)}))
      rows[entity] = newest.row;
  }
  return rows;
}

}  // namespace slipway::features
