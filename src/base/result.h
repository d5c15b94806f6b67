// Result<T>: a value or an Error. Member names follow std::expected, so that leaving it for that is
// easy one day.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/error.h"

namespace slipway::base {

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    require_value();
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    require_value();
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    require_value();
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  T value_or(T other) const& { return has_value() ? value() : std::move(other); }

  const Error& error() const& {
    CHECK(!has_value());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    CHECK(!has_value());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  void require_value() const {
    if (!has_value()) [[unlikely]]
      check_failed(__FILE__, __LINE__, "Result has a value", std::get_if<1>(&state_)->message);
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::in_place_index<1>, std::move(error)) {}  // NOLINT

  bool has_value() const { return error_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  void value() const {
    if (!has_value()) [[unlikely]]
      check_failed(__FILE__, __LINE__, "Result has a value", std::get_if<1>(&error_)->message);
  }
  const Error& error() const& {
    CHECK(!has_value());
    return *std::get_if<1>(&error_);
  }
  Error&& error() && {
    CHECK(!has_value());
    return std::move(*std::get_if<1>(&error_));
  }

 private:
  std::variant<std::monostate, Error> error_;
};

}  // namespace slipway::base

namespace slipway {
using base::Code;
using base::Error;
using base::Result;
}  // namespace slipway

// TRY(expression) is the value, or returns the error from the enclosing function. MUST(expression)
// crashes instead.
#define TRY(...)                               \
  ({                                           \
    auto&& try_result_ = (__VA_ARGS__);        \
    if (!try_result_.has_value()) [[unlikely]] \
      return std::move(try_result_).error();   \
    std::move(try_result_).value();            \
  })

#define MUST(...)                                                     \
  ({                                                                  \
    auto&& must_result_ = (__VA_ARGS__);                              \
    if (!must_result_.has_value()) [[unlikely]]                       \
      ::slipway::base::check_failed(__FILE__, __LINE__, #__VA_ARGS__, \
                                    must_result_.error().message);    \
    std::move(must_result_).value();                                  \
  })
