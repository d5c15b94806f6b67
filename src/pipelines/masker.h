// Takes secrets out of a text that comes in pieces.
#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::pipelines {

// Passes bytes on with *** where a secret stands, also one that begins in one piece and ends in
// another: the end of what came is held back as long as it could be the beginning of one. Of a
// secret of several lines each line of some length is one too. Secrets that overlap or touch are
// one ***. Each is known as it is and as programs write it: escaped in JSON or with backslashes,
// percent-encoded, and in base64 wherever it begins in the encoded bytes (of which a character at
// either end may stay, when it has bits of the secret's neighbour), also in lines of 64 or 76
// characters of which the first begins with it. In other lines it isn't known. Secrets have 4 bytes
// or more (Secrets::find()).
class Masker {
 public:
  explicit Masker(const std::vector<std::string>& secrets);

  std::string pass(std::string_view bytes);  // what may be shown by now
  std::string finish();                      // what was held back
  bool holds() const { return !held_.empty(); }

 private:
  bool may_begin(std::size_t at) const {  // at this position of held_
    return at + 1 < held_.size() ? begins_[pair(held_[at], held_[at + 1])] : true;
  }
  static std::size_t pair(char a, char b) {
    return static_cast<std::size_t>(static_cast<unsigned char>(a)) << 8 |
           static_cast<unsigned char>(b);
  }
  std::size_t match(std::size_t at) const;  // bytes of the longest text there; 0: none is
  bool may_go_on(std::size_t at) const;     // from there to the end is the beginning of one
  std::size_t count_safe() const;           // bytes of held_ that begin no secret to come
  std::string show(std::size_t count);      // the first bytes of held_

  std::vector<std::string> texts_;  // that are hidden, in order
  std::bitset<1 << 16> begins_;     // by their first two bytes
  std::size_t longest_ = 0;
  std::string held_;
  std::size_t known_ = 0;   // first bytes of held_ that belong to a secret that began before them
  bool in_secret_ = false;  // what was shown last is ***
};

}  // namespace slipway::pipelines
