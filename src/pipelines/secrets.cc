#include "pipelines/secrets.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "store/file_system.h"

namespace slipway::pipelines {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kPrefix = "SLIPWAY_SECRET_";
constexpr std::size_t kBytesMin = 4;           // shorter ones would mask what has nothing of them
constexpr std::uintmax_t kBytesMax = 1 << 16;  // Linux takes variables of up to 128 KiB

// Of files: an editor's newline at the end belongs to nobody.
void drop_newline(std::string& text) {
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
}

}  // namespace

std::map<std::string, std::string> Secrets::take_from_environment() {
  std::map<std::string, std::string> values;
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (!text.starts_with(kPrefix) || equals == std::string_view::npos) continue;
    values.emplace(text.substr(kPrefix.size(), equals - kPrefix.size()), text.substr(equals + 1));
    variables.emplace_back(text.substr(0, equals));
  }
  for (const std::string& variable : variables) forget_variable(variable);
  return values;
}

void Secrets::forget_variable(const std::string& name) {
  char* value = std::getenv(name.c_str());
  if (value == nullptr) return;
  // /proc shows the memory that the process began with.
  std::memset(value, 0, std::strlen(value));
  ::unsetenv(name.c_str());
}

Result<std::string> Secrets::read(const fs::path& file) const {
  std::error_code ec;
  const fs::file_status status = fs::status(file, ec);
  if (!fs::is_regular_file(status)) {
    return base::error(Code::kFailedPrecondition, "a secret must be a plain file: file={}",
                       file.string());
  }
  using enum fs::perms;
  if ((status.permissions() & (others_all | group_write)) != none) {
    return base::error(Code::kFailedPrecondition,
                       "the file of a secret is open to others: file={} mode={:o} (chmod 600)",
                       file.string(), static_cast<unsigned>(status.permissions()));
  }
  if (fs::file_size(file, ec) > kBytesMax + 2 || ec) {
    return base::error(Code::kInvalidArgument,
                       "the file of a secret is too large: file={} limit={}", file.string(),
                       kBytesMax);
  }
  std::string value = TRY(store::read_file(file));
  drop_newline(value);
  return value;
}

Result<std::string> Secrets::find(const std::string& name) const {
  const auto known = options_.values.find(name);
  std::string value;
  if (known != options_.values.end()) {
    value = known->second;
  } else {
    std::error_code ec;
    const fs::path file = options_.folder / name;
    if (options_.folder.empty() || !fs::exists(file, ec)) {
      return base::error(Code::kNotFound,
                         "the server knows no such secret: secret={} (set {}{} where it starts, or "
                         "write a file {} in the folder of its setting secrets-dir)",
                         name, kPrefix, name, name);
    }
    value = TRY(read(file));
  }
  if (value.size() < kBytesMin || value.size() > kBytesMax) {
    return base::error(Code::kInvalidArgument, "a secret has {} to {} bytes: secret={} bytes={}",
                       kBytesMin, kBytesMax, name, value.size());
  }
  if (value.find('\0') != std::string::npos)
    return base::error(Code::kInvalidArgument, "a secret can't hold a NUL byte: secret={}", name);
  return value;
}

Result<void> Secrets::fill(std::map<std::string, std::string>& given,
                           std::map<std::string, std::string>& masked) const {
  for (auto& [name, value] : given) value = TRY(find(name));
  for (auto secret = masked.begin(); secret != masked.end();) {
    auto found = find(secret->first);
    const bool stays = found && !given.contains(secret->first);
    if (stays) secret->second = std::move(*found);
    secret = stays ? std::next(secret) : masked.erase(secret);
  }
  return {};
}

}  // namespace slipway::pipelines
