#include "base/checksum.h"

#include <openssl/evp.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/check.h"

namespace slipway::base {
namespace {

constexpr std::size_t kSlices = 8;  // bytes at a time

// tables[i][b]: what a byte b does to the remainder with i more bytes behind it.
template <typename Word>
using Tables = std::array<std::array<Word, 256>, kSlices>;

// `polynomial` with its bits reversed, as all three have it.
template <typename Word>
Tables<Word> make_tables(Word polynomial) {
  Tables<Word> tables{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    Word rest = static_cast<Word>(byte);
    for (int bit = 0; bit < 8; ++bit)
      rest = (rest & 1) != 0 ? static_cast<Word>((rest >> 1) ^ polynomial)
                             : static_cast<Word>(rest >> 1);
    tables[0][byte] = rest;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const Word before = tables[slice - 1][byte];
      tables[slice][byte] = static_cast<Word>((before >> 8) ^ tables[0][before & 0xff]);
    }
  }
  return tables;
}

template <typename Word>
Word go_on(const Tables<Word>& tables, Word rest, std::string_view bytes) {
  static_assert(std::endian::native == std::endian::little);
  while (bytes.size() >= kSlices) {
    std::uint64_t next = 0;
    std::memcpy(&next, bytes.data(), sizeof next);
    next ^= rest;
    rest = 0;
    for (std::size_t i = 0; i < kSlices; ++i)
      rest ^= tables[kSlices - 1 - i][(next >> (8 * i)) & 0xff];
    bytes.remove_prefix(kSlices);
  }
  for (const char c : bytes)
    rest =
        static_cast<Word>((rest >> 8) ^ tables[0][(rest ^ static_cast<unsigned char>(c)) & 0xff]);
  return rest;
}

const Tables<std::uint32_t>& tables_of_32(ChecksumKind kind) {
  static const Tables<std::uint32_t> plain = make_tables<std::uint32_t>(0xedb88320u);
  static const Tables<std::uint32_t> castagnoli = make_tables<std::uint32_t>(0x82f63b78u);
  return kind == ChecksumKind::kCrc32 ? plain : castagnoli;
}

const Tables<std::uint64_t>& tables_of_64() {
  static const Tables<std::uint64_t> nvme = make_tables<std::uint64_t>(0x9a6c9329ac4bc9b5ull);
  return nvme;
}

template <typename Word>
std::string highest_first(Word value) {
  std::string out;
  for (int shift = 8 * static_cast<int>(sizeof value) - 8; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((value >> shift) & 0xff));
  return out;
}

}  // namespace

struct Checksum::State {
  ChecksumKind kind;
  std::uint32_t rest_32 = ~std::uint32_t{0};
  std::uint64_t rest_64 = ~std::uint64_t{0};
  EVP_MD_CTX* digest = nullptr;

  ~State() { EVP_MD_CTX_free(digest); }
};

Checksum::Checksum(ChecksumKind kind) : state_(std::make_unique<State>()) {
  state_->kind = kind;
  if (kind != ChecksumKind::kSha1 && kind != ChecksumKind::kSha256) return;
  state_->digest = EVP_MD_CTX_new();
  CHECK(EVP_DigestInit_ex(state_->digest, kind == ChecksumKind::kSha1 ? EVP_sha1() : EVP_sha256(),
                          nullptr) == 1);
}
Checksum::~Checksum() = default;
Checksum::Checksum(Checksum&&) noexcept = default;
Checksum& Checksum::operator=(Checksum&&) noexcept = default;

Checksum& Checksum::update(std::string_view bytes) {
  switch (state_->kind) {
    case ChecksumKind::kCrc32:
    case ChecksumKind::kCrc32c:
      state_->rest_32 = go_on(tables_of_32(state_->kind), state_->rest_32, bytes);
      break;
    case ChecksumKind::kCrc64Nvme:
      state_->rest_64 = go_on(tables_of_64(), state_->rest_64, bytes);
      break;
    case ChecksumKind::kSha1:
    case ChecksumKind::kSha256:
      CHECK(EVP_DigestUpdate(state_->digest, bytes.data(), bytes.size()) == 1);
      break;
  }
  return *this;
}

std::string Checksum::finish() {
  switch (state_->kind) {
    case ChecksumKind::kCrc32:
    case ChecksumKind::kCrc32c:
      return highest_first(~state_->rest_32);
    case ChecksumKind::kCrc64Nvme:
      return highest_first(~state_->rest_64);
    case ChecksumKind::kSha1:
    case ChecksumKind::kSha256:
      break;
  }
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  CHECK(EVP_DigestFinal_ex(state_->digest, reinterpret_cast<unsigned char*>(out.data()), &length) ==
        1);
  out.resize(length);
  return out;
}

}  // namespace slipway::base
