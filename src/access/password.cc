#include "access/password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <charconv>

#include "base/hash.h"

namespace slipway::access {
namespace {

constexpr std::uint64_t kCostLog = 15, kBlockSize = 8, kLanes = 1;
constexpr std::uint64_t kMemoryBytesMax = 256
                                          << 20;  // of a stored hash that asks for more: refused
constexpr std::size_t kSaltBytes = 16, kKeyBytes = 32;
using Key = std::array<unsigned char, kKeyBytes>;

struct Cost {
  std::uint64_t log = kCostLog, block_size = kBlockSize, lanes = kLanes;
};

bool derive(std::string_view password, std::string_view salt, const Cost& cost, Key& key) {
  return EVP_PBE_scrypt(password.data(), password.size(),
                        reinterpret_cast<const unsigned char*>(salt.data()), salt.size(),
                        std::uint64_t{1} << cost.log, cost.block_size, cost.lanes, kMemoryBytesMax,
                        key.data(), key.size()) == 1;
}

std::string_view bytes_of(const Key& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

// The part up to the next '$', which is dropped.
std::string_view take_part(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('$'));
  rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  return part;
}

bool read_number(std::string_view text, std::uint64_t most, std::uint64_t& number) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  return ec == std::errc() && end == text.data() + text.size() && number >= 1 && number <= most;
}

}  // namespace

Result<void> check_password(std::string_view password) {
  if (password.size() < kPasswordBytesMin) {
    return base::error(Code::kInvalidArgument,
                       "Password must be a string longer than {} characters.", kPasswordBytesMin);
  }
  if (password.size() > kPasswordBytesMax) {
    return base::error(Code::kInvalidArgument, "Password is too long: password_bytes_max={}",
                       kPasswordBytesMax);
  }
  return {};
}

std::string hash_password(std::string_view password, base::Random& random) {
  std::string salt(kSaltBytes, '\0');
  random.fill(std::as_writable_bytes(std::span(salt)));
  Key key;
  CHECK(derive(password, salt, Cost(), key));
  return fmt::format("scrypt${}${}${}${}${}", kCostLog, kBlockSize, kLanes, base::to_base64(salt),
                     base::to_base64(bytes_of(key)));
}

bool verify_password(std::string_view password, std::string_view stored) {
  if (take_part(stored) != "scrypt" || password.size() > kPasswordBytesMax) return false;
  Cost cost;
  if (!read_number(take_part(stored), 20, cost.log)) return false;
  if (!read_number(take_part(stored), 64, cost.block_size)) return false;
  if (!read_number(take_part(stored), 16, cost.lanes)) return false;
  const Result<std::string> salt = base::from_base64(take_part(stored));
  const Result<std::string> expected = base::from_base64(stored);
  Key key;
  if (!salt || !expected || expected->size() != key.size()) return false;
  return derive(password, *salt, cost, key) &&
         CRYPTO_memcmp(key.data(), expected->data(), key.size()) == 0;
}

}  // namespace slipway::access
