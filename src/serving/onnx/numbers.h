// What is calculated with two numbers, or with one, of any type that columns have.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

namespace slipway::serving::onnx {

// Whole numbers are kept as 64 bits; what they can't hold wraps or saturates, but is never
// undefined.
struct Plus {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
    } else {
      return a + b;
    }
  }
};
struct Minus {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
    } else {
      return a - b;
    }
  }
};
struct Times {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    } else {
      return a * b;
    }
  }
};
struct Over {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      if (b == 0) return 0;
      return b == -1 ? Minus()(T{0}, a) : a / b;
    } else {
      return a / b;
    }
  }
};
struct Smaller {
  template <typename T>
  T operator()(T a, T b) const {
    if (a != a) return a;
    return b != b || b < a ? b : a;
  }
};
struct Larger {
  template <typename T>
  T operator()(T a, T b) const {
    if (a != a) return a;
    return b != b || b > a ? b : a;
  }
};

inline constexpr auto kMagnitude = [](auto x) { return x < 0 ? Minus()(decltype(x){0}, x) : x; };

template <typename T>
T logistic(T x) {
  const T v = 1 / (1 + std::exp(-std::abs(x)));
  return x < 0 ? 1 - v : v;
}

}  // namespace slipway::serving::onnx
