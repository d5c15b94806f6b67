#include "versions/pack_stream.h"

#include <algorithm>

namespace slipway::versions {
namespace {

constexpr std::size_t kCountBytes = 8;
constexpr std::size_t kToldBytes = sizeof(Digest) + 8;

std::string_view as_bytes(const std::uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}
std::string_view as_bytes(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

Result<Stream> write_stream(const Packs& packs, std::span<const Digest> digests,
                            std::uint64_t bytes_max, Stream used) {
  std::vector<Place> places;
  std::uint64_t bytes = 0;
  for (const Digest& digest : digests) {
    const auto place = packs.find(digest);
    if (!place) return packs.missing(digest);
    if (!places.empty() && bytes + place->bytes > bytes_max) break;
    bytes += place->bytes;
    places.push_back(*place);
  }
  Stream stream{.bytes = std::move(used.bytes), .objects = places.size()};
  std::string& out = stream.bytes;
  out.clear();
  out.reserve(kCountBytes + places.size() * kToldBytes + bytes);
  out += as_bytes(std::uint64_t{places.size()});
  for (std::size_t i = 0; i < places.size(); ++i) {
    out += as_bytes(digests[i]);
    out += as_bytes(std::uint64_t{places[i].bytes});
  }
  for (auto at = places.begin(); at != places.end();) {
    Place run = *at++;  // of objects that lie one behind the other
    while (at != places.end() && extend(run, *at)) ++at;
    TRY(packs.read(run, out));
  }
  return stream;
}

std::string write_digests(std::span<const Digest> digests) {
  std::string out;
  out.reserve(digests.size() * sizeof(Digest));
  for (const Digest& digest : digests) out += as_bytes(digest);
  return out;
}

Result<std::vector<Digest>> read_digests(std::string_view bytes) {
  if (bytes.size() % sizeof(Digest) != 0) {
    return base::error(Code::kInvalidArgument, "a list of digests has 32 bytes for each: bytes={}",
                       bytes.size());
  }
  std::vector<Digest> digests(bytes.size() / sizeof(Digest));
  std::memcpy(digests.data(), bytes.data(), bytes.size());
  return digests;
}

// Whether `wanted` bytes are gathered.
bool StreamReader::gather(std::string_view& bytes, std::size_t wanted) {
  const std::size_t more = std::min(bytes.size(), wanted - gathered_.size());
  gathered_.append(bytes.substr(0, more));
  bytes.remove_prefix(more);
  return gathered_.size() == wanted;
}

Result<void> StreamReader::read_head() {
  told_.resize(gathered_.size() / kToldBytes);
  for (std::size_t i = 0; i < told_.size(); ++i) {
    auto& [digest, bytes] = told_[i];
    std::memcpy(digest.data(), gathered_.data() + i * kToldBytes, digest.size());
    std::memcpy(&bytes, gathered_.data() + i * kToldBytes + digest.size(), sizeof bytes);
    if (bytes > kObjectBytesMax) {
      return base::error(Code::kInvalidArgument,
                         "an object has more than {} bytes: digest={} bytes={}", kObjectBytesMax,
                         to_hex(digest), bytes);
    }
  }
  is_head_read_ = true;
  return {};
}

Result<void> StreamReader::read(std::string_view bytes) {
  if (!count_) {
    if (!gather(bytes, kCountBytes)) return {};
    std::uint64_t count;
    std::memcpy(&count, gathered_.data(), sizeof count);
    if (count > objects_max_) {
      return base::error(Code::kInvalidArgument,
                         "more objects than the {} that one request may have", objects_max_);
    }
    count_ = count;
    gathered_.clear();
  }
  if (!is_head_read_) {
    if (!gather(bytes, *count_ * kToldBytes)) return {};
    TRY(read_head());
    gathered_.clear();
  }
  while (arrived_ < told_.size()) {
    const auto& [digest, length] = told_[arrived_];
    std::string_view object;
    if (gathered_.empty() && bytes.size() >= length) {  // usual, and copies nothing
      object = bytes.substr(0, length);
      bytes.remove_prefix(length);
    } else {
      if (!gather(bytes, length)) return {};
      object = gathered_;
    }
    if (base::sha256(object) == digest) {
      TRY(writer_.add(digest, object));
    } else if (bad_ != nullptr) {
      bad_->push_back(digest);
    } else {
      return base::error(Code::kInvalidArgument, "an object is not what it is called: digest={}",
                         to_hex(digest));
    }
    gathered_.clear();
    ++arrived_;
  }
  if (bytes.empty()) return {};
  return base::error(Code::kInvalidArgument, "bytes follow after the last object");
}

Result<std::vector<Digest>> StreamReader::finish() {
  TRY(read({}));
  if (!is_head_read_ || arrived_ < told_.size()) {
    return base::error(Code::kInvalidArgument, "the objects break off: {} of {} came", arrived_,
                       count_.value_or(0));
  }
  std::vector<Digest> digests;
  for (const auto& [digest, bytes] : told_) digests.push_back(digest);
  return digests;
}

}  // namespace slipway::versions
