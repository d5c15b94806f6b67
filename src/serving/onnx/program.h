// A compiled graph: steps over columns of values, a block of rows at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "base/result.h"

namespace slipway::serving::onnx {

// Where a column lies: a number within the bank of its type. Banks are of float, double,
// std::int64_t (all whole numbers and booleans) and std::string_view.
using Register = std::uint32_t;

template <typename T>
constexpr std::size_t bank_of() {
  if constexpr (std::is_same_v<T, float>) {
    return 0;
  } else if constexpr (std::is_same_v<T, double>) {
    return 1;
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return 2;
  } else {
    static_assert(std::is_same_v<T, std::string_view>);
    return 3;
  }
}
inline constexpr std::size_t kBanks = 4;

// The memory that a program works in. One a thread; its buffers serve one program after the other.
//
// Column `r` lies right behind column `r - 1`: with a single row the columns are one array.
class Frame {
 public:
  // Before every block.
  void start(const std::array<std::uint32_t, kBanks>& registers, std::size_t rows) {
    rows_ = rows;
    error_.reset();
    made_ = 0;
    const auto fit = [&](auto& bank, std::uint32_t count) {
      const std::size_t wanted = std::size_t{count} * rows;
      if (bank.capacity() > kKept && wanted < kKept) bank = {};
      if (bank.size() < wanted) bank.resize(wanted);
    };
    fit(std::get<0>(banks_), registers[0]);
    fit(std::get<1>(banks_), registers[1]);
    fit(std::get<2>(banks_), registers[2]);
    fit(std::get<3>(banks_), registers[3]);
  }

  std::size_t rows() const { return rows_; }
  template <typename T>
  T* column(Register at) {
    return std::get<bank_of<T>()>(banks_).data() + at * rows_;
  }
  // A text that a step made; stays until the next block.
  std::string_view keep(std::string_view text) {
    if (made_ == texts_.size()) texts_.emplace_back();
    return texts_[made_++].assign(text);
  }
  // Room of a step's own, without any values in it.
  template <typename T>
  T* room(std::size_t count) {
    auto& room = std::get<std::vector<T>>(room_);
    if (room.size() < count) room.resize(count);
    return room.data();
  }

  // The rows can't be answered. The first of several counts.
  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }
  bool has_failed() const { return error_.has_value(); }
  Error take_error() { return std::move(*error_); }

 private:
  static constexpr std::size_t kKept = 1 << 20;  // values of a bank

  std::size_t rows_ = 0;
  std::tuple<std::vector<float>, std::vector<double>, std::vector<std::int64_t>,
             std::vector<std::string_view>>
      banks_;
  std::tuple<std::vector<float>, std::vector<double>, std::vector<std::int64_t>> room_;
  std::deque<std::string> texts_;
  std::size_t made_ = 0;
  std::optional<Error> error_;
};

// Immutable when compiled; safe to run from several threads, each with its own frame.
struct Program {
  std::array<std::uint32_t, kBanks> registers{};
  std::vector<std::function<void(Frame&)>> steps;
  std::deque<std::string> texts;  // which steps refer to
  std::size_t bytes = 0;          // about what steps hold

  // Over the frame's rows, whose inputs are in their registers. Steps may call Frame::fail().
  void run(Frame& frame) const {
    for (const auto& step : steps) {
      step(frame);
      if (frame.has_failed()) return;
    }
  }
};

}  // namespace slipway::serving::onnx
