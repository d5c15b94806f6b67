#include "pipelines/masker.h"

#include <algorithm>

namespace slipway::pipelines {
namespace {

constexpr std::size_t kLineMin = 8;  // shorter lines ("{") stand everywhere
constexpr std::string_view kMask = "***";

}  // namespace

Masker::Masker(const std::vector<std::string>& secrets) {
  const auto add = [this](std::string_view text) {
    secrets_.emplace_back(text);
    longest_ = std::max(longest_, text.size());
  };
  for (const std::string_view secret : secrets) {
    if (secret.empty()) continue;
    add(secret);
    for (std::size_t from = 0; from < secret.size();) {
      const std::size_t end = std::min(secret.find_first_of("\r\n", from), secret.size());
      const std::string_view line = secret.substr(from, end - from);
      if (line.size() >= kLineMin && line.size() < secret.size()) add(line);
      from = end + 1;
    }
  }
}

std::vector<bool> Masker::covered() const {
  std::vector<bool> covered(held_.size(), false);
  std::fill_n(covered.begin(), known_, true);
  for (const std::string& secret : secrets_) {
    for (std::size_t at = held_.find(secret); at != std::string::npos;
         at = held_.find(secret, at + 1)) {
      std::fill_n(covered.begin() + static_cast<std::ptrdiff_t>(at), secret.size(), true);
    }
  }
  return covered;
}

std::size_t Masker::count_safe() const {
  std::size_t safe = held_.size() - std::min(held_.size(), longest_);
  for (; safe < held_.size(); ++safe) {
    const std::string_view rest = std::string_view(held_).substr(safe);
    const bool may_go_on = std::any_of(secrets_.begin(), secrets_.end(), [&](const auto& secret) {
      return secret.size() > rest.size() && secret.starts_with(rest);
    });
    if (may_go_on) break;
  }
  return safe;
}

std::string Masker::show(std::size_t count) {
  const std::vector<bool> covered = this->covered();
  std::string shown;
  for (std::size_t i = 0; i < count; ++i) {
    if (!covered[i]) {
      shown += held_[i];
    } else if (!in_secret_) {
      shown += kMask;
    }
    in_secret_ = covered[i];
  }
  // What is held back is part of a secret as far as one reaches that began before it.
  std::size_t known = known_;
  for (const std::string& secret : secrets_) {
    for (std::size_t at = held_.find(secret); at < count; at = held_.find(secret, at + 1))
      known = std::max(known, at + secret.size());
  }
  known_ = known - std::min(known, count);
  held_.erase(0, count);
  return shown;
}

std::string Masker::pass(std::string_view bytes) {
  held_ += bytes;
  return show(count_safe());
}

std::string Masker::finish() { return show(held_.size()); }

}  // namespace slipway::pipelines
