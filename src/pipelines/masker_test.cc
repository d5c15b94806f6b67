// Secrets in texts that come in pieces.
#include "pipelines/masker.h"

#include <gtest/gtest.h>

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
