// Objects on their way between a repository and a server: how many, for each its digest and length,
// then their bytes; numbers of 64 bits, little endian. What arrives is checked against its digests.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "versions/packs.h"

namespace slipway::versions {

// The longest object that is taken: a list of chunks of half a terabyte.
inline constexpr std::uint64_t kObjectBytesMax = 64 << 20;

struct Stream {
  std::string bytes;
  std::size_t objects = 0;
};
// As many objects of the front of `digests` as have `bytes_max` in all, one at least. What `used`
// was is gone, its memory is used again. kNotFound, kCorruption.
Result<Stream> write_stream(const Packs& packs, std::span<const Digest> digests,
                            std::uint64_t bytes_max, Stream used = {});

// Digests one after the other, 32 bytes each. kInvalidArgument: it breaks off.
std::string write_digests(std::span<const Digest> digests);
Result<std::vector<Digest>> read_digests(std::string_view bytes);

// Takes a stream apart, front to back, in pieces of any length. Holds one object and what is told
// of the others. One thread at a time.
class StreamReader {
 public:
  // `objects_max`: a stream of more is refused. `bad`: takes the names of objects that aren't what
  // they are called, and they are passed over; without it they are an error.
  StreamReader(PackWriter& writer, std::uint64_t objects_max, std::vector<Digest>* bad = nullptr)
      : writer_(writer), objects_max_(objects_max), bad_(bad) {}

  // kInvalidArgument: this is no such stream, or an object is not what it is called. After an error
  // only destroying it is left.
  Result<void> read(std::string_view bytes);
  // That was all. Gives what came; the writer is still to be finished.
  Result<std::vector<Digest>> finish();

 private:
  bool gather(std::string_view& bytes, std::size_t wanted);
  Result<void> read_head();

  PackWriter& writer_;
  const std::uint64_t objects_max_;
  std::vector<Digest>* const bad_;
  std::string gathered_;  // of what comes next
  std::optional<std::uint64_t> count_;
  std::vector<std::pair<Digest, std::uint64_t>> told_;
  bool is_head_read_ = false;
  std::size_t arrived_ = 0;
};

}  // namespace slipway::versions
