// Requests and answers as they lie in the memory that a worker shares with the server. worker.py is
// the other side. Words are 8 bytes, little-endian; everything begins at a multiple of 8.
//
//   request: rows, offset and bytes of the params (JSON), number of words that follow;
//            an input each: kind, data type, offset, dimensions, the sizes of a tensor's dimensions
//   answer:  0, outputs; each: data type, how it is held, offset and bytes, offset and bytes of the
//            name, dimensions, their sizes
//            1, what failed, offset and bytes of a text
//            2, 0, offset and bytes of a text: loaded, and what it reads and gives (JSON)
//
// Texts in a request are their ends, a byte each whether it is there, and the bytes; in an answer
// their ends and the bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "serving/model.h"

namespace slipway::serving::python {

// What write_request() takes.
std::size_t request_bytes(const ModelShape& shape, const ModelCall& call);
void write_request(const ModelShape& shape, const ModelCall& call, std::span<std::byte> memory);

// `memory` is what a worker says is its answer; it is believed nothing, and may change while it is
// read. The model's own error comes back as one: kInvalidArgument, kUnavailable (it had too little
// memory) or kInternal. kInternal too: not an answer, or not to so many rows.
Result<void> read_answer(std::span<const std::byte> memory, std::size_t rows,
                         std::vector<Output>& outputs);
// The text of a worker that has loaded; what kept it from that as an error, kInvalidArgument.
Result<std::string> read_loaded(std::span<const std::byte> memory);

}  // namespace slipway::serving::python
