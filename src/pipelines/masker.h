// Takes secrets out of a text that comes in pieces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace slipway::pipelines {

// Passes bytes on with *** where a secret stands, also one that begins in one piece and ends in
// another: the end of what came is held back as long as it could be the beginning of one. Of a
// secret of several lines each line of some length is one too. Secrets that overlap or touch are
// one ***.
class Masker {
 public:
  explicit Masker(const std::vector<std::string>& secrets);

  std::string pass(std::string_view bytes);  // what may be shown by now
  std::string finish();                      // what was held back
  bool holds() const { return !held_.empty(); }

 private:
  std::vector<bool> covered() const;    // by position of held_: part of a secret
  std::size_t count_safe() const;       // bytes of held_ that begin no secret to come
  std::string show(std::size_t count);  // the first bytes of held_

  std::vector<std::string> secrets_;
  std::size_t longest_ = 0;
  std::string held_;
  std::size_t known_ = 0;   // first bytes of held_ that belong to a secret that began before them
  bool in_secret_ = false;  // what was shown last is ***
};

}  // namespace slipway::pipelines
