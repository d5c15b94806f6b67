#include "pipelines/masker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/hash.h"

namespace slipway::pipelines {
namespace {

constexpr std::size_t kLineMin = 8;  // shorter lines ("{") stand everywhere
constexpr std::size_t kTextMin = 4;  // bytes of what is hidden
// Characters of a line of base64: as OpenSSL and PEM have it, as coreutils and MIME do.
constexpr std::array<std::size_t, 2> kWraps = {64, 76};
constexpr std::string_view kMask = "***";

// The code point that begins at `at`, and its bytes; 0 bytes: it is no UTF-8.
std::pair<char32_t, std::size_t> code_point(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const std::size_t bytes = first < 0x80   ? 1
                            : first < 0xC0 ? 0
                            : first < 0xE0 ? 2
                            : first < 0xF0 ? 3
                                           : 4;
  if (bytes == 0 || at + bytes > text.size()) return {0, 0};
  char32_t point = bytes == 1 ? first : first & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[at + i]);
    if ((next & 0xC0) != 0x80) return {0, 0};
    point = point << 6 | (next & 0x3FU);
  }
  return {point, bytes};
}

// Within the quotes of JSON. `also`: characters that are \u00XX as well; `ascii`: so is all that is
// no ASCII, as Python has it. With `quotes` false the quotes stay, as in a text of Python.
std::string escaped(std::string_view text, std::string_view also, bool ascii, bool quotes = true) {
  constexpr std::string_view kPlain = "\b\f\n\r\t\\", kLetters = "bfnrt\\";
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const auto [point, bytes] = code_point(text, at);
    if (const std::size_t plain = kPlain.find(c); plain != kPlain.npos) {
      out += {'\\', kLetters[plain]};
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else if (bytes == 1 && (point < 0x20 || also.find(c) != also.npos)) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(point));
    } else if (bytes > 1 && ascii) {
      const auto rest = static_cast<unsigned>(point) - 0x10000U;
      out += bytes < 4 ? fmt::format("\\u{:04x}", static_cast<unsigned>(point))
                       : fmt::format("\\u{:04x}\\u{:04x}", 0xD800U + (rest >> 10),
                                     0xDC00U + (rest & 0x3FFU));
      at += bytes - 1;
    } else {
      out += c;
    }
    ++at;
  }
  return out;
}

std::string percent_encoded(std::string_view text, std::string_view kept, bool plus, bool upper) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || std::string_view("-_.~").find(c) < 4 ||
                          kept.find(c) != kept.npos;
    if (is_plain) {
      out += c;
    } else if (plus && c == ' ') {
      out += '+';
    } else {
      out += fmt::format(fmt::runtime(upper ? "%{:02X}" : "%{:02x}"),
                         static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

// Base64 of a text that begins `before` bytes behind a multiple of three, without the characters
// that have bits of what stands around it.
std::string base64_within(std::string_view text, std::size_t before) {
  const std::string encoded = base::to_base64(std::string(before, 'x') + std::string(text));
  const std::size_t first = (8 * before + 5) / 6;
  return encoded.substr(first, 8 * (before + text.size()) / 6 - first);
}

void add_base64(std::string_view text, std::set<std::string>& texts) {
  const auto add = [&](std::string encoded) {
    texts.insert(encoded);
    std::replace(encoded.begin(), encoded.end(), '+', '-');
    std::replace(encoded.begin(), encoded.end(), '/', '_');
    texts.insert(std::move(encoded));
  };
  for (const std::size_t before : {0U, 1U, 2U}) add(base64_within(text, before));
  const std::string whole = base::to_base64(text);
  add(whole);
  for (const std::size_t width : kWraps) {
    for (std::size_t at = 0; whole.size() > width && at < whole.size(); at += width) {
      if (whole.size() - at >= kLineMin) add(whole.substr(at, width));
    }
  }
}

void add_forms(std::string_view text, std::set<std::string>& texts) {
  texts.emplace(text);
  for (const bool ascii : {false, true}) {
    texts.insert(escaped(text, "", ascii));
    texts.insert(escaped(text, "<>&", ascii));  // as Go has it
    texts.insert(escaped(text, "", ascii, false));
  }
  for (const std::string_view kept : {"", "/", "!*'()"}) {
    for (const bool plus : {false, true}) {
      for (const bool upper : {false, true}) texts.insert(percent_encoded(text, kept, plus, upper));
    }
  }
  add_base64(text, texts);
}

}  // namespace

Masker::Masker(const std::vector<std::string>& secrets) {
  std::set<std::string> texts;
  for (const std::string_view secret : secrets) {
    if (secret.size() < kTextMin) continue;
    add_forms(secret, texts);
    for (std::size_t from = 0; from < secret.size();) {
      const std::size_t end = std::min(secret.find_first_of("\r\n", from), secret.size());
      const std::string_view line = secret.substr(from, end - from);
      if (line.size() >= kLineMin && line.size() < secret.size()) add_forms(line, texts);
      from = end + 1;
    }
  }
  for (const std::string& text : texts) {
    if (text.size() < kTextMin) continue;
    begins_.set(pair(text[0], text[1]));
    longest_ = std::max(longest_, text.size());
    texts_.push_back(text);
  }
}

std::size_t Masker::match(std::size_t at) const {
  if (at + 1 >= held_.size() || !may_begin(at)) return 0;
  const std::string_view rest = std::string_view(held_).substr(at);
  std::size_t longest = 0;
  for (auto text = std::lower_bound(texts_.begin(), texts_.end(), rest.substr(0, 2));
       text != texts_.end() && text->compare(0, 2, rest, 0, 2) == 0; ++text) {
    if (text->size() > longest && rest.starts_with(*text)) longest = text->size();
  }
  return longest;
}

bool Masker::may_go_on(std::size_t at) const {
  if (!may_begin(at)) return false;
  // Those that begin with it are the first ones that are not before it.
  const std::string_view rest = std::string_view(held_).substr(at);
  const auto text = std::upper_bound(texts_.begin(), texts_.end(), rest);
  return text != texts_.end() && text->starts_with(rest);
}

std::size_t Masker::count_safe() const {
  std::size_t safe = held_.size() - std::min(held_.size(), longest_);
  while (safe < held_.size() && !may_go_on(safe)) ++safe;
  return safe;
}

std::string Masker::show(std::size_t count) {
  std::string shown;
  std::size_t end = known_;  // of the secrets that began so far
  for (std::size_t at = 0; at < count;) {
    end = std::max(end, at + match(at));
    if (at < end) {
      if (!in_secret_) shown += kMask;
      in_secret_ = true;
      ++at;
      continue;
    }
    const std::size_t from = at++;
    while (at < count && !may_begin(at)) ++at;
    shown.append(held_, from, at - from);
    in_secret_ = false;
  }
  known_ = end - std::min(end, count);
  held_.erase(0, count);
  return shown;
}

std::string Masker::pass(std::string_view bytes) {
  held_ += bytes;
  return show(count_safe());
}

std::string Masker::finish() { return show(held_.size()); }

}  // namespace slipway::pipelines
