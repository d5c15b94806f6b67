#include "datasets/remote_file.h"

#include <algorithm>

namespace slipway::datasets {
namespace {

constexpr std::size_t kRemoteNameMax = 100;
constexpr std::string_view kFolder = "files/md5/";
constexpr std::string_view kListSuffix = ".dir";
constexpr std::size_t kMd5Digits = 32;

// Both as in DVC's hash.py and istextfile.py.
constexpr std::size_t kTextBlockBytes = 1 << 20;
constexpr std::size_t kLookedAtBytes = 512;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_remote_name(std::string_view name) {
  if (name.empty() || name.size() > kRemoteNameMax) return false;
  if (!is_digit(name[0]) && !is_letter(name[0])) return false;
  return std::ranges::all_of(
      name, [](char c) { return is_digit(c) || is_letter(c) || c == '.' || c == '_' || c == '-'; });
}

bool looks_like_text(std::string_view block) {
  const std::string_view seen = block.substr(0, kLookedAtBytes);
  std::size_t others = 0;
  for (const char c : seen) {
    if (c == '\0') return false;
    const bool is_text =
        (c >= 32 && c < 127) || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == '\b';
    others += is_text ? 0 : 1;
  }
  return others * 10 <= seen.size() * 3;
}

}  // namespace

Result<RemoteFile> parse_remote_file(std::string_view remote, std::string_view path) {
  if (!is_remote_name(remote)) {
    return base::error(Code::kInvalidArgument,
                       "a remote's name has letters, digits, '.', '_' and '-', begins with a "
                       "letter or digit, and is no longer than {}: remote={}",
                       kRemoteNameMax, remote);
  }
  std::string_view name = path;
  const bool is_old = !name.starts_with(kFolder);
  if (!is_old) name.remove_prefix(kFolder.size());
  if (name.ends_with(kListSuffix)) name.remove_suffix(kListSuffix.size());
  const bool has_form = name.size() == kMd5Digits + 1 && name[2] == '/';
  RemoteFile file;
  if (has_form) file.md5 = fmt::format("{}{}", name.substr(0, 2), name.substr(3));
  const bool is_md5 =
      std::ranges::all_of(file.md5, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
  if (!has_form || !is_md5) {
    return base::error(Code::kInvalidArgument,
                       "a remote has files/md5/AB/REST and AB/REST, where ABREST is an MD5 of 32 "
                       "digits of 0-9 and a-f, with .dir behind it or not: path={}",
                       path);
  }
  file.path = fmt::format("{}/{}", remote, path);
  file.may_be_unix_text = is_old;
  return file;
}

void UnixTextMd5::update(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t taken = std::min(bytes.size(), kTextBlockBytes - block_.size());
    block_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    if (block_.size() == kTextBlockBytes) end_block();
  }
}

std::string UnixTextMd5::finish_hex() {
  end_block();
  return md5_.finish_hex();
}

void UnixTextMd5::end_block() {
  if (looks_like_text(block_)) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < block_.size(); ++i) {
      const bool ends_line = block_[i] == '\r' && i + 1 < block_.size() && block_[i + 1] == '\n';
      if (!ends_line) block_[kept++] = block_[i];
    }
    block_.resize(kept);
  }
  md5_.update(block_);
  block_.clear();
}

}  // namespace slipway::datasets
