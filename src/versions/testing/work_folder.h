// A working folder with a repository, for the tests of what is added to it and comes back.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "store/testing/temp_folder.h"
#include "versions/add.h"
#include "versions/commits.h"

namespace slipway::versions {

class WorkFolderTest : public ::testing::Test {
 protected:
  WorkFolderTest()
      : repository_(MUST(Repository::create(std::filesystem::canonical(folder_.path())))) {}

  const std::filesystem::path& top() const { return repository_.top(); }
  void write(const std::string& path, std::string_view bytes) const {
    std::filesystem::create_directories((top() / path).parent_path());
    std::ofstream(top() / path, std::ios::binary) << bytes;
  }
  std::string read(const std::string& path) const {
    std::ifstream file(top() / path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Added add(const std::filesystem::path& path = "") {
    return MUST(add_paths(repository_, {path.empty() ? top() : top() / path}, {}));
  }
  Digest commit(const std::string& message) {
    time_ += 1'000'000;
    return MUST(versions::commit(repository_, {"Ada", message, {time_}})).digest;
  }
  Digest add_and_commit(const std::string& message) {
    add();
    return commit(message);
  }

  store::testing::TempFolder folder_;
  Repository repository_;
  std::int64_t time_ = 1'795'000'000'000'000;
};

}  // namespace slipway::versions
