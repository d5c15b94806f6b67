// Content-defined chunks: where to cut bytes so that a change in the middle changes a chunk or two.
#pragma once

#include <cstddef>
#include <string_view>

namespace slipway::versions {

inline constexpr std::size_t kChunkBytesMin = 64 << 10;
inline constexpr std::size_t kChunkBytesUsual = 256 << 10;
inline constexpr std::size_t kChunkBytesMax = 1 << 20;

// How many bytes at the front of `bytes` are the next chunk: FastCDC with normalized chunking (Xia
// et al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data Deduplication",
// USENIX ATC 2016). `bytes` are all that are left, or at least kChunkBytesMax. Pure; the cuts are
// part of the format: other ones would share nothing with what is stored.
std::size_t next_chunk(std::string_view bytes);

}  // namespace slipway::versions
