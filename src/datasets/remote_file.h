// What the name of a file of a DVC remote says about its content. Pure; the names are fuzzed.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/result.h"

namespace slipway::datasets {

struct RemoteFile {
  // Below the root of the storage, laid out as DVC itself does it: "REMOTE/files/md5/ab/cdef...",
  // "REMOTE/ab/cdef..." of DVC before 3, with ".dir" at the end for the list of a folder's files.
  std::string path;
  std::string md5;  // lower-case hex
  // Before 3 the name of a text may be the MD5 of its lines with Unix's ends.
  bool may_be_unix_text = false;
};

// `remote` is a name of letters, digits, '.', '_' and '-' that begins with one of the first two.
// kInvalidArgument: it is none, or no file of a remote is called `path`.
Result<RemoteFile> parse_remote_file(std::string_view remote, std::string_view path);

// What DVC before 3 named content by: blocks of a mebibyte that look like text without the "\r"
// before "\n". One thread at a time; holds one block.
class UnixTextMd5 {
 public:
  void update(std::string_view bytes);
  std::string finish_hex();  // the object is spent afterwards

 private:
  void end_block();

  base::Md5 md5_;
  std::string block_;
};

}  // namespace slipway::datasets
