// What names and values of header fields are made of (RFC 9110, 5.1 and 5.5). Pure.
#pragma once

#include <array>
#include <string_view>

namespace slipway::http {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'})
    table[static_cast<std::size_t>(c)] = true;
  return table;
}
inline constexpr std::array<bool, 256> kToken = make_token_table();

// A field's name, or what stands in a parameter without quotes.
inline bool is_token(std::string_view text) {
  for (const char c : text) {
    if (!kToken[static_cast<unsigned char>(c)]) return false;
  }
  return !text.empty();
}

// What may stand in a field's value or a trailer: no control characters but tabs. Bytes above 127
// are taken as they come.
inline bool is_field_byte(unsigned char c) { return (c >= ' ' && c != 0x7F) || c == '\t'; }

inline bool is_field_value(std::string_view text) {
  bool good = true;
  for (const char c : text) good &= is_field_byte(static_cast<unsigned char>(c));
  return good;
}

}  // namespace slipway::http
