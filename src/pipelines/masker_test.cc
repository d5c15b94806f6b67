// Secrets in texts that come in pieces.
#include "pipelines/masker.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/hash.h"
#include "base/random.h"

namespace slipway::pipelines {
namespace {

std::string masked(const std::vector<std::string>& secrets,
                   const std::vector<std::string>& pieces) {
  Masker masker(secrets);
  std::string shown;
  for (const std::string& piece : pieces) shown += masker.pass(piece);
  return shown + masker.finish();
}

TEST(Masker, ShowsAllButSecrets) {
  struct Case {
    std::vector<std::string> secrets, pieces;
    const char* shown;
  };
  const Case cases[] = {
      {{"hunter2"}, {"password: hunter2\n"}, "password: ***\n"},
      {{"hunter2"}, {"password: hun", "ter2\n"}, "password: ***\n"},
      {{"hunter2"}, {"h", "u", "n", "t", "e", "r", "2"}, "***"},
      {{"hunter2"}, {"hunt", "ing hunter"}, "hunting hunter"},
      {{"hunter2"}, {"hhunter2hunter2"}, "h***"},
      {{"abcd", "cdef"}, {"xabcdefx"}, "x***x"},  // both, not one and the rest of the other
      {{"abcd", "cdef"}, {"xabcd", "efx"}, "x***x"},
      {{"abcd", "abcdef"}, {"abcde", "f abcd abcde"}, "*** *** ***e"},
      {{"aaaa"}, {"aa", "aaa", "a b"}, "*** b"},
      {{"first-line\nsecond-line\n}"}, {"first-line\n", "x\nsecond-", "line }"}, "***\nx\n*** }"},
      {{""}, {"nothing"}, "nothing"},
      {{}, {"nothing"}, "nothing"},
  };
  for (const Case& c : cases) EXPECT_EQ(masked(c.secrets, c.pieces), c.shown) << c.pieces[0];
}

TEST(Masker, KnowsASecretAsProgramsWriteIt) {
  const std::string secret = "my\"quoted$ecret\\x é\U0001F600+/<&>";
  // Of Python's json, base64 and urllib.parse, Go's encoding/json, curl and a browser.
  const std::string forms[] = {
      R"(my\"quoted$ecret\\x \u00e9\ud83d\ude00+/<&>)",
      "my\\\"quoted$ecret\\\\x é\U0001F600+/<&>",
      "my\\\"quoted$ecret\\\\x é\U0001F600+/\\u003c\\u0026\\u003e",
      "my\"quoted$ecret\\\\x é\U0001F600+/<&>",
      "my%22quoted%24ecret%5Cx%20%C3%A9%F0%9F%98%80%2B/%3C%26%3E",
      "my%22quoted%24ecret%5Cx+%C3%A9%F0%9F%98%80%2B%2F%3C%26%3E",
      "my%22quoted%24ecret%5cx%20%c3%a9%f0%9f%98%80%2b%2f%3c%26%3e",
      base::to_base64(secret),
  };
  for (const std::string& form : forms) {
    EXPECT_EQ(masked({secret}, {"<" + form + ">"}), "<***>");
    EXPECT_EQ(masked({secret}, {"<" + form.substr(0, 9), form.substr(9), ">"}), "<***>");
  }
  EXPECT_EQ(masked({"abc\ndefgh1"}, {R"({"key": "abc\ndefgh1"})"}), R"({"key": "***"})");
}

// Wherever it begins in the bytes, no more is left than the characters at its ends.
TEST(Masker, KnowsBase64OfWhatASecretStandsIn) {
  const std::string secret = "s3cr?t>~\x7f\xfb\xff";
  for (const bool is_url : {false, true}) {
    for (std::size_t before = 0; before < 7; ++before) {
      for (std::size_t after = 0; after < 7; ++after) {
        std::string text =
            base::to_base64(std::string(before, '.') + secret + std::string(after, '.'));
        if (is_url) {
          std::replace(text.begin(), text.end(), '+', '-');
          std::replace(text.begin(), text.end(), '/', '_');
        }
        const std::string shown = masked({secret}, {text});
        const std::size_t mask = shown.find("***");
        ASSERT_NE(mask, shown.npos) << text;
        EXPECT_LE(mask, (8 * before + 5) / 6);
        EXPECT_LE(shown.size() - mask - 3, text.size() - 8 * (before + secret.size()) / 6)
            << text << " " << shown;
      }
    }
  }
  std::string key;
  while (key.size() < 200) key += "k" + std::to_string(key.size());
  const std::string encoded = base::to_base64(key);
  for (const std::size_t width : {64U, 76U}) {  // as `openssl base64` and `base64` break it
    std::string lines, shown;
    for (std::size_t at = 0; at < encoded.size(); at += width) {
      lines += encoded.substr(at, width) + "\n";
      shown += "***\n";
    }
    EXPECT_EQ(masked({key}, {lines}), shown) << width;
  }
}

TEST(Masker, WhatCanNotBecomeASecretIsShownAtOnce) {
  Masker masker({"hunter2"});
  EXPECT_EQ(masker.pass("loss 0.5\n"), "loss 0.5\n");
  EXPECT_EQ(masker.pass("loss h"), "loss ");
  EXPECT_EQ(masker.pass("igh\n"), "high\n");
}

// Of few letters, so that secrets overlap: however a text is cut, the same is shown of it, and no
// secret.
TEST(Masker, HowATextIsCutChangesNothing) {
  base::SeededRandom random(7);
  const auto below = [&](std::uint64_t n) { return random.next_u64() % n; };
  const auto word = [&](std::size_t bytes) {
    std::string text;
    while (text.size() < bytes) text += static_cast<char>('a' + below(3));
    return text;
  };
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::string> secrets;
    for (std::size_t n = 1 + below(3); n > 0; --n) secrets.push_back(word(4 + below(4)));
    const std::string text = word(below(60));
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += pieces.back().size())
      pieces.push_back(text.substr(at, 1 + below(8)));
    const std::string shown = masked(secrets, pieces);
    ASSERT_EQ(shown, masked(secrets, {text})) << text;
    for (const std::string& secret : secrets) ASSERT_EQ(shown.find(secret), shown.npos) << text;
  }
}

}  // namespace
}  // namespace slipway::pipelines
