// What a request says about its body, and the body itself on its way into the store: unpacked,
// counted and checked.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api/http/router.h"
#include "api/s3/chunked_body.h"
#include "base/checksum.h"
#include "objects/contents.h"

namespace slipway::api::s3 {

struct ChecksumName {
  base::ChecksumKind kind;
  std::string_view header;   // "x-amz-checksum-crc32"
  std::string_view name;     // "CRC32"
  std::string_view element;  // "ChecksumCRC32"
};
// Nullptr: there is none of that header (lower-case), or of that name.
const ChecksumName* find_checksum_header(std::string_view header);
const ChecksumName* find_checksum_name(std::string_view name);

struct BodyRules {
  std::string sha256;       // hex; empty: not said
  bool is_chunked = false;  // aws-chunked
  bool is_signed = false;   // its pieces are
  bool has_trailer = false;
  std::optional<std::uint64_t> bytes;  // of what is inside, when that is said
  std::string md5;                     // hex; empty: not said
  const ChecksumName* checksum = nullptr;
  std::string checksum_value;  // base64; empty: it comes behind the body
};

// An error (faults.h): it contradicts itself, or asks for what we don't do.
Result<BodyRules> parse_body_rules(const http::Request& request);

// Of a body that is in memory. kInvalidArgument (faults.h): it is another.
Result<void> check_body(const BodyRules& rules, std::string_view body);

// One thread at a time.
class UploadBody final : public http::BodySink {
 public:
  UploadBody(BodyRules rules, std::optional<ChunkSigner> signer,
             std::unique_ptr<objects::Arrival> arrival);

  Result<void> write(std::string_view bytes) override;
  // It was what it was said to be, and is durable. Call it once.
  Result<void> finish();

  const objects::Arrival& arrival() const { return *arrival_; }
  const ChecksumName* checksum() const { return rules_.checksum; }
  // After finish(), base64; empty without one.
  const std::string& checksum_value() const { return checksum_value_; }

 private:
  Result<void> take(std::string_view bytes);

  const BodyRules rules_;
  std::optional<ChunkedBody> chunked_;
  std::optional<base::Checksum> checksum_;
  std::string checksum_value_;
  const std::unique_ptr<objects::Arrival> arrival_;
};

}  // namespace slipway::api::s3
