// Objects of data versions, and streams of them, as others send them: what is read as an object is
// written as the same bytes, what is taken from a stream is what it is called, and nothing depends
// on the pieces that come.
#include "base/check.h"
#include "fuzz.h"
#include "store/testing/temp_folder.h"
#include "versions/pack_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway::versions;
  using slipway::Code;
  const std::string_view bytes = slipway::fuzz::text_of(data, size);
  if (const auto chunks = read_chunks(bytes)) CHECK(write_chunks(*chunks) == bytes);
  if (const auto folder = read_folder(bytes)) {
    CHECK(write_folder(*folder) == bytes);
    for (const Entry& entry : *folder) CHECK(is_entry_name(entry.name));
  }
  if (const auto commit = read_commit(bytes)) {
    const std::string written = write_commit(*commit);
    CHECK(write_commit(*read_commit(written)) == written);
  } else {
    CHECK(commit.error().code == Code::kCorruption);
  }
  static const slipway::store::testing::TempFolder folder;
  static const auto packs = *Packs::open(folder.path());
  const auto read_in_pieces = [&](std::size_t piece) {
    PackWriter writer(*packs);
    StreamReader reader(writer, 1000);
    slipway::Result<void> read;
    for (std::size_t at = 0; at < bytes.size() && read; at += piece)
      read = reader.read(bytes.substr(at, piece));
    return read && reader.finish().has_value();
  };
  CHECK(read_in_pieces(bytes.size() + 1) == read_in_pieces(3));
  return 0;
}
