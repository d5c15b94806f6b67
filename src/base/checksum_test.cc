#include "base/checksum.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace slipway::base {
namespace {

TEST(Checksum, AgreesWithThePublishedValues) {
  const struct {
    const char* name;
    ChecksumKind kind;
    const char* of_digits;  // "123456789", the check value of the catalogue of CRCs
    const char* of_nothing;
  } cases[] = {
      {"crc32", ChecksumKind::kCrc32, "cbf43926", "00000000"},
      {"crc32c", ChecksumKind::kCrc32c, "e3069283", "00000000"},
      {"crc64nvme", ChecksumKind::kCrc64Nvme, "ae8b14860a799888", "0000000000000000"},
      {"sha1", ChecksumKind::kSha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
       "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
      {"sha256", ChecksumKind::kSha256,
       "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
  };
  const auto hex = [](const std::string& raw) { return to_hex(std::as_bytes(std::span(raw))); };
  for (const auto& c : cases) {
    EXPECT_EQ(hex(Checksum(c.kind).update("123456789").finish()), c.of_digits) << c.name;
    EXPECT_EQ(hex(Checksum(c.kind).finish()), c.of_nothing) << c.name;
    for (std::size_t cut = 0; cut <= 9; ++cut) {
      const std::string_view digits = "123456789";
      EXPECT_EQ(
          hex(Checksum(c.kind).update(digits.substr(0, cut)).update(digits.substr(cut)).finish()),
          c.of_digits)
          << c.name << " cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace slipway::base
