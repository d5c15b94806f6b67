// What `git lfs` sends: batches and locks are read or refused, and only files that can be ones have
// no problem.
#include "api/lfs/messages.h"
#include "base/check.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace slipway::api::lfs;
  const std::string_view text = slipway::fuzz::text_of(data, size);
  if (const auto batch = parse_batch(text)) {
    for (const AskedFile& file : batch->files)
      CHECK(!file.problem.empty() || (file.oid.size() == 64 && file.bytes >= 0));
  }
  (void)parse_lock(text);
  (void)parse_unlock(text);
  if (const auto page = parse_verify_locks(text)) CHECK(page->limit >= 1 && page->limit <= 1000);
  if (const auto limit = page_limit(text)) CHECK(*limit >= 1 && *limit <= 1000);
  return 0;
}
