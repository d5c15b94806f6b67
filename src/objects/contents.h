// The bytes of objects: files that never change, each once however many objects share it.
//
// A file has a name of its own that is never used again, so that taking one away can't meet one
// that arrives. Rows say which files there are; a file without a row is nobody's.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mutex.h"
#include "base/random.h"
#include "objects/pieces.h"
#include "store/db.h"
#include "store/file_system.h"

namespace slipway::objects {

// Bytes on their way in, front to back; destroyed before finish() they leave nothing. One thread at
// a time.
class Arrival {
 public:
  // The file is made with the first byte.
  Arrival(std::filesystem::path scratch, std::filesystem::path folder, std::string file);
  ~Arrival();
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  Result<void> write(std::string_view bytes);  // kStorageFull
  // No more come: what they are is known, and nothing is kept yet.
  void end();
  // On return the bytes are durable, and nobody's until Contents::keep() has made them somebody's.
  Result<void> finish();

  // After end().
  std::int64_t bytes() const { return bytes_; }
  const std::string& sha256() const { return sha256_hex_; }  // hex, like the next
  const std::string& md5() const { return md5_hex_; }
  const std::string& file() const { return file_; }

 private:
  const std::filesystem::path scratch_, folder_;
  const std::string file_;
  std::optional<store::FileHandle> handle_;
  bool is_scratch_ = false;  // the scratch file is there
  std::int64_t bytes_ = 0;
  base::Sha256 sha256_;
  base::Md5 md5_;
  std::string sha256_hex_, md5_hex_;
};

// A piece that can be read as long as this lives.
struct OpenPiece {
  std::filesystem::path file;
  std::int64_t offset = 0;
  std::int64_t bytes = 0;
  std::shared_ptr<const void> hold;
};

// Safe to use from several threads.
class Contents {
 public:
  // `scratch` is on the same file system as `folder` and emptied before the server starts. All must
  // outlive this.
  Contents(store::Db& db, const base::Clock& clock, base::Random& random,
           std::filesystem::path folder, std::filesystem::path scratch);

  std::unique_ptr<Arrival> receive();

  // Inside a transaction: what has arrived, used once more. One that is there already is shared,
  // and the file that has arrived stays nobody's. Empty for no bytes.
  Result<std::vector<Piece>> keep(store::Tx& tx, const Arrival& arrival);
  // Inside a transaction: others use the same contents too, or do not any more.
  Result<void> use(store::Tx& tx, const std::vector<Piece>& pieces);
  Result<void> release(store::Tx& tx, const std::vector<Piece>& pieces);

  // Files for pieces of a row that was just read: those a removal has let go stay for a minute, and
  // as long as somebody reads them.
  Result<std::vector<OpenPiece>> open(const std::vector<Piece>& pieces);

  struct Freed {
    std::int64_t files = 0, bytes = 0;
  };
  // Takes away what nobody uses, and with `kLost` also files without a row that are older than an
  // hour: what a kill has left.
  enum class Sweep { kUnused, kLost };
  Result<Freed> sweep(Sweep what);

 private:
  struct Holds {
    base::Mutex mutex;
    std::map<std::int64_t, std::int64_t> readers GUARDED_BY(mutex);  // of a content
  };

  std::filesystem::path path_of(std::string_view file) const;
  Result<bool> remove_unused(Freed& freed);
  Result<void> remove_lost(const std::filesystem::path& folder, Freed& freed);

  store::Db& db_;
  const base::Clock& clock_;
  base::Random& random_;
  const std::filesystem::path folder_, scratch_;
  const std::shared_ptr<Holds> holds_ = std::make_shared<Holds>();
};

}  // namespace slipway::objects
