#include "cli/scratch.h"

#include <gtest/gtest.h>

#include <optional>

#include "store/file_system.h"

namespace slipway::cli {
namespace {

TEST(Scratch, IsForNobodyElseAndGoesWithTheObject) {
  std::optional<Scratch> first(MUST(Scratch::make("test")));
  const Scratch second = MUST(Scratch::make("test"));
  EXPECT_NE(first->path(), second.path());
  EXPECT_EQ(std::filesystem::status(first->path()).permissions(),
            std::filesystem::perms::owner_all);
  MUST(store::write_file(first->path() / "file", "what it holds"));
  const std::filesystem::path path = first->path();
  std::optional<Scratch> moved(std::move(*first));
  first.reset();
  EXPECT_TRUE(std::filesystem::exists(path / "file"));
  moved.reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace slipway::cli
