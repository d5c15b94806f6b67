#include "monitor/drift/words.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <unordered_map>

#include "monitor/drift/stop_words.h"

namespace slipway::monitor {
namespace {

// The code point at `at`, which moves on; 0 where the bytes are no UTF-8.
char32_t next_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at++);
  if (first < 0x80) return first;
  const std::size_t more = first >= 0xF0 && first < 0xF8 ? 3 : first >= 0xE0 ? 2 : 1;
  if (first < 0xC2 || first >= 0xF8 || at + more > text.size()) return 0;
  char32_t point = first & (0x3F >> more);
  for (std::size_t i = 0; i < more; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
    point = point << 6 | (byte(at + i) & 0x3F);
  }
  at += more;
  return point;
}

void append(std::string& text, char32_t point) {
  if (point < 0x80) {
    text += static_cast<char>(point);
    return;
  }
  if (point >= 0x10000) {
    text += static_cast<char>(0xF0 | point >> 18);
    text += static_cast<char>(0x80 | (point >> 12 & 0x3F));
  } else if (point >= 0x800) {
    text += static_cast<char>(0xE0 | point >> 12);
  }
  text += point < 0x800 ? static_cast<char>(0xC0 | point >> 6)
                        : static_cast<char>(0x80 | (point >> 6 & 0x3F));
  text += static_cast<char>(0x80 | (point & 0x3F));
}

struct Range {
  char32_t first, last;
};
// Punctuation, symbols, spaces, marks: of what is not ASCII, no letters or digits.
constexpr Range kNoLetters[] = {
    {0x80, 0xA9},      {0xAB, 0xB1},     {0xB4, 0xB4},     {0xB6, 0xB8},     {0xBB, 0xBB},
    {0xBF, 0xBF},      {0xD7, 0xD7},     {0xF7, 0xF7},     {0x2C2, 0x2C5},   {0x2D2, 0x2DF},
    {0x300, 0x36F},    {0x37E, 0x37E},   {0x387, 0x387},   {0x482, 0x489},   {0x55A, 0x55F},
    {0x589, 0x5CF},    {0x600, 0x61F},   {0x64B, 0x65F},   {0x66A, 0x66D},   {0x6D4, 0x6D4},
    {0x2000, 0x206F},  {0x20A0, 0x20FF}, {0x2190, 0x245F}, {0x2500, 0x2BFF}, {0x2E00, 0x2E7F},
    {0x3000, 0x3004},  {0x3008, 0x3020}, {0x302A, 0x3030}, {0xE000, 0xF8FF}, {0xFE00, 0xFE6F},
    {0xFEFF, 0xFF0F},  {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF},
    {0x1F000, 0x1FAFF}};

bool is_letter(char32_t point) {
  if (point < 0x80) {
    return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z') ||
           (point >= '0' && point <= '9') || point == '_';
  }
  const auto after =
      std::upper_bound(std::begin(kNoLetters), std::end(kNoLetters), point,
                       [](char32_t p, const Range& range) { return p < range.first; });
  return after == std::begin(kNoLetters) || point > std::prev(after)->last;
}

char32_t lowered(char32_t p) {
  if ((p >= 'A' && p <= 'Z') || (p >= 0xC0 && p <= 0xDE && p != 0xD7)) return p + 32;
  if (p < 0x100) return p;
  const bool even_is_capital = (p <= 0x137 && p != 0x130) || (p >= 0x14A && p <= 0x177);
  const bool odd_is_capital = (p >= 0x139 && p <= 0x148) || (p >= 0x179 && p <= 0x17E);
  if (even_is_capital) return p | 1;
  if (odd_is_capital) return p + (p & 1);
  if (p == 0x178) return 0xFF;
  if (p == 0x386) return 0x3AC;
  if (p >= 0x388 && p <= 0x38A) return p + 37;
  if (p == 0x38C) return 0x3CC;
  if (p == 0x38E || p == 0x38F) return p + 63;
  if (p >= 0x391 && p <= 0x3A9) return p + 32;
  if (p >= 0x410 && p <= 0x42F) return p + 32;
  if (p >= 0x400 && p <= 0x40F) return p + 80;
  return p;
}

// How often each word comes in a text, without the stop words.
std::map<std::string, double> counts_of(std::string_view text) {
  std::map<std::string, double> counts;
  for (std::string& word : words_of(text)) {
    if (!is_stop_word(word)) counts[std::move(word)] += 1;
  }
  return counts;
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  std::size_t letters = 0;
  const auto end_word = [&] {
    if (letters >= 2) words.push_back(word);
    word.clear();
    letters = 0;
  };
  for (std::size_t at = 0; at < text.size();) {
    const char32_t point = next_point(text, at);
    if (is_letter(point)) {
      append(word, lowered(point));
      ++letters;
    } else {
      end_word();
    }
  }
  end_word();
  return words;
}

WordWeights WordWeights::of(const std::vector<std::string_view>& texts) {
  struct Known {
    double documents = 0;
    std::size_t met = 0, last = 0;  // the last text that had it, from 1
  };
  std::map<std::string, Known> words;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::string& word : words_of(texts[i])) {
      if (is_stop_word(word)) continue;
      Known& known = words.try_emplace(std::move(word), Known{.met = words.size()}).first->second;
      known.documents += known.last != i + 1;
      known.last = i + 1;
    }
  }
  const auto n = static_cast<double>(texts.size());
  WordWeights weights;
  for (const auto& [word, known] : words) {
    if (known.documents > 0.5 * n) continue;
    weights.words_.push_back(word);
    weights.rarity_.push_back(std::log((1 + n) / (1 + known.documents)) + 1);
    weights.met_.push_back(known.met);
  }
  return weights;
}

WordWeights::Row WordWeights::weigh(std::string_view text, Order order) const {
  std::vector<std::pair<std::uint32_t, double>> found_words;
  for (const auto& [word, count] : counts_of(text)) {
    const auto found = std::lower_bound(words_.begin(), words_.end(), word);
    if (found == words_.end() || *found != word) continue;
    const auto feature = static_cast<std::uint32_t>(found - words_.begin());
    const double value = (std::log(count) + 1) * rarity_[feature];
    found_words.emplace_back(feature, value);
  }
  if (order == Order::kMet) {
    std::sort(found_words.begin(), found_words.end(),
              [&](const auto& a, const auto& b) { return met_[a.first] < met_[b.first]; });
  }
  Row row;
  double squares = 0;
  for (const auto& [feature, value] : found_words) {
    row.features.push_back(feature);
    row.values.push_back(value);
    squares += value * value;
  }
  const double length = std::sqrt(squares);
  for (double& value : row.values) value /= length;
  return row;
}

}  // namespace slipway::monitor
