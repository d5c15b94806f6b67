// Entity rows that somebody posts as an Arrow stream: they are refused, or the file that is made of
// them has as many rows as it may, with columns of one length.
#include "base/check.h"
#include "fuzz.h"
#include "store/arrow_stream.h"
#include "store/file_system.h"
#include "store/parquet.h"
#include "store/testing/temp_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway;
  static const store::testing::TempFolder folder;
  const auto stream = folder.path() / "stream", parquet = folder.path() / "rows.parquet";
  MUST(store::write_file(stream, fuzz::text_of(data, size)));
  constexpr store::ArrowStreamLimits kLimits{
      .rows = 100'000, .bytes = 4 << 20, .memory_bytes = 1 << 20};
  std::size_t columns = 0;
  const auto made = store::arrow_stream_to_parquet(stream, parquet, kLimits,
                                                   [&](const types::Frame& frame) -> Result<void> {
                                                     CHECK(frame.rows() == 0);
                                                     columns = frame.columns().size();
                                                     return {};
                                                   });
  if (!made) {
    CHECK(made.error().code == Code::kInvalidArgument ||
          made.error().code == Code::kResourceExhausted);
    CHECK(!std::filesystem::exists(parquet));
    return 0;
  }
  const auto frame = store::read_parquet(parquet);
  CHECK(frame && frame->columns().size() == columns);
  CHECK(frame->rows() <= static_cast<std::size_t>(kLimits.rows));
  std::filesystem::remove(parquet);
  return 0;
}
