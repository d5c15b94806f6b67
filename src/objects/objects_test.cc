#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "objects/buckets.h"
#include "objects/names.h"
#include "objects/tables.h"
#include "objects/upkeep.h"
#include "objects/uploads.h"
#include "store/sqlite.h"
#include "store/testing/temp_folder.h"

namespace slipway::objects {
namespace {

namespace fs = std::filesystem;

class ObjectsTest : public ::testing::Test {
 protected:
  ObjectsTest() {
    fs::create_directory(folder_.path() / "scratch");
    MUST(db_->migrate({migrations()}));
    bucket_ = MUST(buckets_.create("data"));
  }

  std::unique_ptr<Arrival> arrival(std::string_view bytes) {
    auto arriving = contents_.receive();
    MUST(arriving->write(bytes));
    MUST(arriving->finish());
    return arriving;
  }
  Result<Object> put(const std::string& key, std::string_view bytes, Condition condition = {}) {
    return buckets_.put("data", key, *arrival(bytes), {{"kind", "test"}}, condition);
  }
  Result<std::string> get(const std::string& key) {
    const std::optional<Object> object = TRY(buckets_.find_object(bucket_, key));
    if (!object) return base::error(Code::kNotFound, "none");
    return read(TRY(contents_.open(object->pieces)));
  }
  static std::string read(const std::vector<OpenPiece>& pieces) {
    std::string out;
    for (const OpenPiece& piece : pieces) {
      out += MUST(store::read_file(piece.file))
                 .substr(static_cast<std::size_t>(piece.offset),
                         static_cast<std::size_t>(piece.bytes));
    }
    return out;
  }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path()))
      count += entry.is_regular_file() && entry.path().filename().string().size() >= 32 ? 1 : 0;
    return count;
  }
  Listing list(ListQuery query) { return MUST(buckets_.list_objects(bucket_, query)); }
  static std::string shown(const Listing& listing) {
    std::string out;
    for (const auto& object : listing.objects) out += object.key + " ";
    for (const auto& prefix : listing.prefixes) out += "[" + prefix + "] ";
    return out + (listing.is_truncated ? "..." : "");
  }

  store::testing::TempFolder folder_;
  base::ManualClock clock_{{1'700'000'000'000'000}};
  base::SystemRandom random_;
  base::Metrics metrics_;
  std::unique_ptr<store::Db> db_ =
      store::open_sqlite({.file = folder_.path() / "t.db"}, clock_, random_).value();
  Contents contents_{*db_, clock_, random_, folder_.path() / "objects", folder_.path() / "scratch"};
  Buckets buckets_{*db_, clock_, contents_};
  Uploads uploads_{*db_, clock_, random_, contents_};
  Bucket bucket_;
};

TEST(Names, WhatBucketsAndObjectsMayBeCalled) {
  for (const char* good :
       {"abc", "a.b-c", "0ab", "a23456789012345678901234567890123456789012345678901234567890123"})
    EXPECT_TRUE(check_bucket_name(good)) << good;
  for (const char* bad : {"", "ab", "Abc", "-abc", "abc.", "a..b", "a_b", "a/b",
                          "a234567890123456789012345678901234567890123456789012345678901234"})
    EXPECT_EQ(check_bucket_name(bad).error().code, Code::kInvalidArgument) << bad;
  EXPECT_TRUE(check_key(std::string(1024, 'k')));
  EXPECT_TRUE(check_key("/a//ü/"));
  EXPECT_FALSE(check_key(std::string(1025, 'k')));
  EXPECT_FALSE(check_key(""));
  EXPECT_FALSE(check_key("\xff"));
  EXPECT_FALSE(check_key(std::string_view("a\0b", 3)));
}

TEST(Pieces, AreReadAsTheyWereWritten) {
  const std::vector<Piece> pieces{{1, 0, 10}, {22, 5, 7}};
  EXPECT_EQ(parse_pieces(to_text(pieces)).value(), pieces);
  EXPECT_EQ(to_text(part_of(pieces, 8, 4)), "1:8:2 22:5:2");
  EXPECT_EQ(to_text(part_of(pieces, 10, 7)), "22:5:7");
  EXPECT_EQ(to_text(part_of(pieces, 0, 0)), "");
  for (const char* bad : {"1", "1:2", "1:2:", "1:2:0", "a:b:c", "1:2:3x", "-1:0:5"})
    EXPECT_EQ(parse_pieces(bad).error().code, Code::kCorruption) << bad;
}

TEST_F(ObjectsTest, AnObjectComesIsReplacedAndGoes) {
  const Object made = put("a/b", "hello").value();
  EXPECT_EQ(made.etag, base::md5_hex("hello"));
  EXPECT_EQ(get("a/b").value(), "hello");
  EXPECT_EQ(buckets_.find_object(bucket_, "a/b").value()->properties.at("kind"), "test");
  MUST(put("a/b", "other"));
  EXPECT_EQ(get("a/b").value(), "other");
  MUST(put("empty", ""));
  EXPECT_EQ(get("empty").value(), "");
  EXPECT_EQ(buckets_.remove("data").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(buckets_.remove_objects("data", {"a/b", "empty", "never"}).value(), 2);
  EXPECT_EQ(get("a/b").error().code, Code::kNotFound);
  MUST(buckets_.remove("data"));
  EXPECT_EQ(put("a/b", "hello").error().code, Code::kNotFound);
  EXPECT_FALSE(buckets_.find("data").value());
}

TEST_F(ObjectsTest, ConditionsHoldAtTheMomentOfThePut) {
  EXPECT_EQ(put("k", "1", {.etag = "*"}).error().code, Code::kFailedPrecondition);
  MUST(put("k", "1", {.is_absent = true}));
  EXPECT_EQ(put("k", "2", {.is_absent = true}).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(put("k", "2", {.etag = base::md5_hex("0")}).error().code, Code::kFailedPrecondition);
  MUST(put("k", "2", {.etag = base::md5_hex("1")}));
  EXPECT_EQ(get("k").value(), "2");
}

TEST_F(ObjectsTest, TheSameBytesAreKeptOnceUntilNobodyUsesThem) {
  MUST(put("one", "shared"));
  MUST(put("two", "shared"));
  const Object one = *MUST(buckets_.find_object(bucket_, "one"));
  MUST(buckets_.copy(bucket_, one, "data", "three", std::nullopt));
  EXPECT_EQ(buckets_.find_object(bucket_, "three").value()->properties.at("kind"), "test");
  MUST(buckets_.remove_objects("data", {"one", "two"}));
  clock_.advance(base::Duration::hours(1));
  EXPECT_EQ(contents_.sweep(Contents::Sweep::kUnused).value().files, 0);
  EXPECT_EQ(get("three").value(), "shared");
  MUST(buckets_.remove_objects("data", {"three"}));
  EXPECT_EQ(contents_.sweep(Contents::Sweep::kUnused).value().files, 0) << "it may just be read";
  clock_.advance(base::Duration::seconds(61));
  EXPECT_EQ(contents_.sweep(Contents::Sweep::kUnused).value().bytes, 6);
  EXPECT_EQ(files(), 1u) << "the second arrival's file is nobody's, and goes as one that is lost";
}

TEST_F(ObjectsTest, ACopyIsOfWhatWasRead) {
  const Object read = put("k", "1").value();
  MUST(put("k", "2"));
  EXPECT_EQ(buckets_.copy(bucket_, read, "data", "copy", std::nullopt).error().code,
            Code::kUnavailable);
  EXPECT_EQ(get("copy").error().code, Code::kNotFound);
}

TEST_F(ObjectsTest, ARemovalMayBeOfOneContentAlone) {
  MUST(put("k", "1"));
  EXPECT_EQ(buckets_.remove_objects("data", {"k"}, {.etag = base::md5_hex("0")}).error().code,
            Code::kFailedPrecondition);
  EXPECT_EQ(get("k").value(), "1");
  EXPECT_EQ(buckets_.remove_objects("data", {"k"}, {.etag = base::md5_hex("1")}).value(), 1);
}

TEST_F(ObjectsTest, BytesWhoseFileIsInAnotherFolderAreKeptAnew) {
  MUST(put("k", "hello"));
  fs::remove_all(folder_.path() / "objects");  // as a server sees it that leads with another folder
  MUST(put("again", "hello"));
  EXPECT_EQ(get("again").value(), "hello");
  EXPECT_EQ(get("k").value(), "hello");
}

TEST_F(ObjectsTest, WhatIsReadStays) {
  MUST(put("k", "being read"));
  auto open = contents_.open(buckets_.find_object(bucket_, "k").value()->pieces).value();
  MUST(buckets_.remove_objects("data", {"k"}));
  clock_.advance(base::Duration::hours(1));
  EXPECT_EQ(contents_.sweep(Contents::Sweep::kUnused).value().files, 0);
  EXPECT_EQ(read(open), "being read");
  open.clear();
  EXPECT_EQ(contents_.sweep(Contents::Sweep::kUnused).value().files, 1);
}

TEST_F(ObjectsTest, AFileThatAKillHasLeftGoes) {
  MUST(put("k", "kept"));
  const auto lost = arrival("acknowledged to nobody");
  const fs::path file = folder_.path() / "objects" / lost->file().substr(0, 2) / lost->file();
  ASSERT_TRUE(fs::exists(file));
  EXPECT_EQ(contents_.sweep(Contents::Sweep::kLost).value().files, 0) << "it may be on its way";
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path() / "objects")) {
    if (entry.is_regular_file())
      fs::last_write_time(entry, fs::file_time_type::clock::now() - std::chrono::hours(2));
  }
  EXPECT_EQ(contents_.sweep(Contents::Sweep::kLost).value().files, 1);
  EXPECT_FALSE(fs::exists(file));
  EXPECT_EQ(get("k").value(), "kept");
}

TEST_F(ObjectsTest, AnArrivalThatEndsEarlyLeavesNothing) {
  auto arriving = contents_.receive();
  MUST(arriving->write("half"));
  EXPECT_EQ(files(), 1u);
  arriving.reset();
  EXPECT_EQ(files(), 0u);
}

TEST_F(ObjectsTest, KeysInPages) {
  for (const char* key : {"a", "b/1", "b/2", "b/c/3", "d", "é/1", "z\x7f", "z\x7f/1"})
    MUST(put(key, "x"));
  const struct {
    const char* name;
    ListQuery query;
    const char* shown;
  } cases[] = {
      {"all", {}, "a b/1 b/2 b/c/3 d z\x7f z\x7f/1 é/1 "},
      {"folders", {.delimiter = "/"}, "a d z\x7f [b/] [z\x7f/] [é/] "},
      {"in a folder", {.prefix = "b/", .delimiter = "/"}, "b/1 b/2 [b/c/] "},
      {"a prefix", {.prefix = "b/"}, "b/1 b/2 b/c/3 "},
      {"a prefix that is no folder", {.prefix = "b", .delimiter = "/"}, "[b/] "},
      {"a prefix of other letters", {.prefix = "é"}, "é/1 "},
      {"a prefix of DEL", {.prefix = "z\x7f"}, "z\x7f z\x7f/1 "},
      {"a page", {.limit = 2}, "a b/1 ..."},
      {"a page that ends with all", {.limit = 8}, "a b/1 b/2 b/c/3 d z\x7f z\x7f/1 é/1 "},
      {"a page of folders", {.delimiter = "/", .limit = 2}, "a [b/] ..."},
      {"behind a key", {.after = "b/2", .limit = 2}, "b/c/3 d ..."},
      {"behind a folder", {.delimiter = "/", .after = "b/"}, "d z\x7f [z\x7f/] [é/] "},
      {"behind a key in a folder", {.delimiter = "/", .after = "b/1", .limit = 1}, "[b/] ..."},
      {"behind everything", {.after = "é/1"}, ""},
      {"behind, but below the prefix", {.prefix = "d", .after = "b"}, "d "},
      {"behind, and above the prefix", {.prefix = "a", .after = "b"}, ""},
      {"nothing", {.prefix = "q"}, ""},
      {"a delimiter of two letters", {.delimiter = "/c"}, "a b/1 b/2 d z\x7f z\x7f/1 é/1 [b/c] "},
  };
  for (const auto& c : cases) EXPECT_EQ(shown(list(c.query)), c.shown) << c.name;
}

TEST_F(ObjectsTest, PagesTogetherAreEverything) {
  std::vector<std::string> keys;
  for (int i = 0; i < 2500; ++i) keys.push_back(fmt::format("f{}/{:04}", i / 1200, i));
  MUST(db_->write([&](store::Tx& tx) -> Result<void> {
    for (const std::string& key : keys)
      TRY(put_object(tx, contents_, "data", {.key = key, .etag = "e"}, {}, ""));
    return {};
  }));
  std::vector<std::string> seen;
  ListQuery query{.limit = 700};
  for (Listing page = list(query);; page = list(query)) {
    for (const auto& object : page.objects) seen.push_back(object.key);
    if (!page.is_truncated) break;
    query.after = page.last;
  }
  EXPECT_EQ(seen, keys);
  EXPECT_EQ(shown(list({.delimiter = "/"})), "[f0/] [f1/] [f2/] ");
  EXPECT_EQ(shown(list({.delimiter = "/", .after = "f0/", .limit = 1})), "[f1/] ...");
}

TEST_F(ObjectsTest, PartsBecomeAnObjectAtOnce) {
  const Upload upload = uploads_.begin("data", "big", {{"kind", "parts"}}).value();
  const Part two = uploads_.put_part(upload.id, 2, *arrival("world"), "").value();
  MUST(uploads_.put_part(upload.id, 1, *arrival("hell"), ""));
  const Part one = uploads_.put_part(upload.id, 1, *arrival("hello "), "").value();
  MUST(uploads_.put_part(upload.id, 7, *arrival("left out"), ""));
  EXPECT_EQ(get("big").error().code, Code::kNotFound);
  EXPECT_EQ(buckets_.remove("data").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(uploads_.parts(upload.id, 0, 2).value().size(), 2u);
  EXPECT_EQ(uploads_.parts(upload.id, 2, 100).value().at(0).number, 7);

  const auto complete = [&](std::vector<NamedPart> parts) {
    return uploads_.complete(bucket_, "big", upload.id, parts, {}, {});
  };
  EXPECT_EQ(complete({}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(complete({{2, two.md5}, {1, one.md5}}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(complete({{1, two.md5}}).error().code, Code::kInvalidArgument);
  EXPECT_EQ(complete({{3, two.md5}}).error().code, Code::kInvalidArgument);
  const Object object = complete({{1, one.md5}, {2, two.md5}}).value();
  EXPECT_EQ(object.bytes, 11);
  EXPECT_EQ(object.etag, parts_etag({one.md5, two.md5}));
  EXPECT_EQ(get("big").value(), "hello world");
  EXPECT_EQ(complete({{1, one.md5}, {2, two.md5}}).value().etag, object.etag) << "asked again";
  EXPECT_FALSE(uploads_.abort(upload.id).value());
  EXPECT_EQ(uploads_.put_part(upload.id, 1, *arrival("late"), "").error().code, Code::kNotFound);

  clock_.advance(base::Duration::hours(1));
  EXPECT_EQ(contents_.sweep(Contents::Sweep::kUnused).value().files, 2) << "hell, left out";
  EXPECT_EQ(get("big").value(), "hello world");
}

TEST_F(ObjectsTest, APartMayBeAPartOfAnother) {
  MUST(put("from", "0123456789"));
  const Object from = *buckets_.find_object(bucket_, "from").value();
  const Upload upload = uploads_.begin("data", "to", {}).value();
  const Part first = uploads_.copy_part(upload.id, 1, from, 2, 3).value();
  const Part second = uploads_.put_part(upload.id, 2, *arrival("x"), "").value();
  MUST(uploads_.complete(bucket_, "to", upload.id, {{1, first.md5}, {2, second.md5}}, {}, {}));
  MUST(buckets_.remove_objects("data", {"from"}));
  clock_.advance(base::Duration::hours(1));
  EXPECT_EQ(contents_.sweep(Contents::Sweep::kUnused).value().files, 0);
  EXPECT_EQ(get("to").value(), "234x");
}

TEST_F(ObjectsTest, UploadsThatNobodyEndsAreGivenUp) {
  const Upload upload = uploads_.begin("data", "big", {}).value();
  MUST(uploads_.put_part(upload.id, 1, *arrival("part"), ""));
  EXPECT_EQ(uploads_.list(bucket_, "", "", "", 10).value().uploads.size(), 1u);
  EXPECT_EQ(uploads_.list(bucket_, "c", "", "", 10).value().uploads.size(), 0u);
  EXPECT_EQ(uploads_.list(bucket_, "", "big", upload.id, 10).value().uploads.size(), 0u);
  Upkeep upkeep(contents_, uploads_, clock_, metrics_, {});
  clock_.advance(base::Duration::days(6));
  MUST(upkeep.pass());
  EXPECT_EQ(files(), 1u);
  clock_.advance(base::Duration::days(2));
  MUST(upkeep.pass());
  clock_.advance(base::Duration::hours(1));
  EXPECT_EQ(upkeep.pass().value().bytes, 4);
  EXPECT_FALSE(uploads_.find(bucket_, "big", upload.id).value());
  EXPECT_EQ(files(), 0u);
}

}  // namespace
}  // namespace slipway::objects
