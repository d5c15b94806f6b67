#include "store/s3.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <future>
#include <thread>

#include "base/hash.h"
#include "base/http_client.h"
#include "base/log.h"
#include "base/mutex.h"
#include "store/file_system.h"
#include "store/object_tags.h"
#include "store/xml.h"

namespace slipway::store {
namespace {

constexpr std::int64_t kReadAheadBytes = 8 << 20;
constexpr std::size_t kFilePieceBytes = 1 << 20;
constexpr std::int64_t kPartsMax = 10'000;      // of one upload, by S3's rules
constexpr std::size_t kKeysPerDeletion = 1000;  // likewise

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// What the storage answered, in words for whoever asked, and for the operator where it is his.
Error s3_error(const base::HttpReply& reply, std::string_view what, const std::string& path) {
  std::string code, message;
  if (const Result<XmlElement> body = parse_xml(reply.body)) {
    code = body->child_text("Code");
    message = body->child_text("Message");
  }
  struct Known {
    std::string_view code;
    Code ours;
    std::string_view words;  // empty: those of the storage
  };
  static constexpr Known kKnown[] = {
      {"NoSuchBucket", Code::kNotFound, "the bucket does not exist"},
      {"NoSuchUpload", Code::kInvalidArgument, "the upload does not exist, or was finished"},
      {"InvalidPart", Code::kInvalidArgument, "a part is missing or is not what was uploaded"},
      {"InvalidPartOrder", Code::kInvalidArgument, "the parts are not in order"},
      {"EntityTooSmall", Code::kInvalidArgument, "a part is smaller than the storage takes"},
      {"EntityTooLarge", Code::kInvalidArgument, "larger than the storage takes"},
      {"InvalidAccessKeyId", Code::kPermissionDenied,
       "the storage does not know the server's access key"},
      {"SignatureDoesNotMatch", Code::kPermissionDenied,
       "the storage does not accept the server's secret key"},
      {"RequestTimeTooSkewed", Code::kPermissionDenied, "the server's clock is wrong"},
      {"AccessDenied", Code::kPermissionDenied, "the server's credentials do not allow it"},
      {"PermanentRedirect", Code::kFailedPrecondition,
       "the bucket is in another region: set AWS_REGION"},
      {"AuthorizationHeaderMalformed", Code::kFailedPrecondition,
       "the bucket is in another region: set AWS_REGION"},
      {"QuotaExceeded", Code::kStorageFull, "the storage is full"}};
  for (const Known& known : kKnown) {
    if (known.code == code)
      return base::error(known.ours, "cannot {}: {}: path={} code={}", what, known.words, path,
                         code);
  }
  Code ours = Code::kInternal;
  if (reply.status == 404) ours = Code::kNotFound;
  if (reply.status == 403 || reply.status == 401) ours = Code::kPermissionDenied;
  if (reply.status == 429 || reply.status == 500 || (reply.status >= 502 && reply.status <= 504))
    ours = Code::kUnavailable;
  if (reply.status == 507) ours = Code::kStorageFull;
  return base::error(ours, "cannot {}: the storage answered {} {}: path={} status={}", what, code,
                     message, path, reply.status);
}

bool is_worth_another_try(int status) {
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

class S3Objects;

// Of an object: `bytes` and which object they are of.
struct S3Piece {
  std::string bytes, tag;
  std::optional<std::int64_t> object_bytes;
};

// Fetches ahead one piece, so that the storage works while the last piece is used. All pieces are
// of the object that the first one was of.
class S3Reader final : public ObjectReader {
 public:
  S3Reader(S3Objects& store, std::string path, std::int64_t offset, std::int64_t bytes)
      : store_(store), path_(std::move(path)), next_(offset), end_(offset + bytes) {
    fetch_ahead();
  }
  Result<std::size_t> read(std::span<char> out) override;
  std::optional<std::int64_t> object_bytes() const override { return object_bytes_; }

 private:
  void fetch_ahead();

  S3Objects& store_;
  const std::string path_;
  std::int64_t next_, end_;  // what is to be asked for
  std::future<Result<S3Piece>> ahead_;
  std::string piece_, tag_;
  std::optional<std::int64_t> object_bytes_;
  std::size_t used_ = 0;
};

// Sends a part when it is full, and goes on filling the next one meanwhile. What fits into one part
// is sent whole.
class S3Writer final : public ObjectWriter {
 public:
  S3Writer(S3Objects& store, std::string path, std::string content_type, std::size_t part_bytes,
           std::size_t parts_parallel)
      : store_(store),
        path_(std::move(path)),
        content_type_(std::move(content_type)),
        part_bytes_(part_bytes),
        parts_parallel_(parts_parallel) {}
  ~S3Writer() override;
  Result<void> write(std::string_view bytes) override;
  Result<void> finish() override;

 private:
  Result<void> send_part();
  Result<void> await_part();

  S3Objects& store_;
  const std::string path_, content_type_;
  const std::size_t part_bytes_, parts_parallel_;
  std::string part_;
  std::string upload_;  // begun when the first part is full
  std::vector<UploadedPart> sent_;
  std::deque<std::future<Result<std::string>>> sending_;
};

class S3Objects final : public ObjectStore, public DirectTransfer, public ObjectTags {
 public:
  S3Objects(S3Options options, const base::Clock& clock)
      : options_(std::move(options)), clock_(clock) {
    std::string endpoint = options_.endpoint;
    if (endpoint.empty())
      endpoint = fmt::format("https://s3.{}.amazonaws.com", options_.identity.region);
    while (endpoint.ends_with('/')) endpoint.pop_back();
    const std::size_t host = endpoint.find("://") + 3;
    scheme_ = endpoint.substr(0, host);
    host_ = endpoint.substr(host);
    if (!options_.path_style) host_ = options_.bucket + "." + host_;
  }

  Result<std::vector<ObjectEntry>> list(const std::string& folder) override {
    std::vector<ObjectEntry> entries;
    const std::string prefix = folder_prefix(folder);
    TRY(each_page(prefix, "/", [&](const XmlElement& page) -> Result<void> {
      for (const XmlElement& one : page.children) {
        if (one.name == "CommonPrefixes") {
          std::string name = one.child_text("Prefix");
          if (!name.starts_with(prefix)) return foreign_key(name);
          name = name.substr(prefix.size());
          if (name.ends_with('/')) name.pop_back();
          if (is_name(name)) entries.push_back({std::move(name), true, 0});
        } else if (one.name == "Contents") {
          std::string key = one.child_text("Key");
          if (!key.starts_with(prefix)) return foreign_key(key);
          std::string name = key.substr(prefix.size());
          if (is_name(name))
            entries.push_back({std::move(name), false, number(one.child_text("Size"))});
        }
      }
      return {};
    }));
    std::sort(entries.begin(), entries.end(),
              [](const ObjectEntry& a, const ObjectEntry& b) { return a.name < b.name; });
    return entries;
  }

  Result<std::string> tags(const std::string& folder) override {
    const std::string prefix = folder_prefix(folder);
    std::string text;
    TRY(each_page(prefix, "", [&](const XmlElement& page) -> Result<void> {
      for (const XmlElement& one : page.children) {
        if (one.name != "Contents") continue;
        const std::string key = one.child_text("Key");
        if (!key.starts_with(prefix)) return foreign_key(key);
        std::string tag = one.child_text("ETag");
        if (tag.empty()) tag = one.child_text("LastModified");  // as of files behind a gateway
        text += fmt::format("{} {} {}\n", key.substr(prefix.size()), one.child_text("Size"), tag);
      }
      return {};
    }));
    return text;
  }

  Result<std::int64_t> size(const std::string& path) override {
    if (path.empty()) return no_object(path);
    const base::HttpReply reply = TRY(send(request("HEAD", path)));
    if (reply.status == 404) return no_object(path);
    if (reply.status != 200) return s3_error(reply, "look at the artifact", path);
    return number(reply.header("content-length"));
  }

  Result<std::unique_ptr<ObjectReader>> read(const std::string& path, std::int64_t offset,
                                             std::int64_t bytes) override {
    if (path.empty()) return no_object(path);
    return std::unique_ptr<ObjectReader>(std::make_unique<S3Reader>(*this, path, offset, bytes));
  }

  // One piece, whole. With a tag: of that object. kUnavailable: it is another one by now.
  Result<S3Piece> fetch(const std::string& path, std::int64_t offset, std::int64_t bytes,
                        const std::string& tag) {
    AwsRequest get = request("GET", path);
    get.headers.emplace_back("range", fmt::format("bytes={}-{}", offset, offset + bytes - 1));
    if (!tag.empty()) get.headers.emplace_back("if-match", tag);
    base::HttpReply reply = TRY(send(get));
    if (reply.status == 404) return no_object(path);
    constexpr int kPreconditionFailed = 412, kRangeNotSatisfiable = 416;
    const auto changed = [&] {
      return base::error(Code::kUnavailable, "the artifact changed while it was read: path={}",
                         path);
    };
    if (reply.status == kPreconditionFailed || reply.status == kRangeNotSatisfiable)
      return changed();
    if (reply.status != 206 && reply.status != 200)
      return s3_error(reply, "read the artifact", path);
    S3Piece piece{.tag = std::string(reply.header("etag"))};
    if (static_cast<std::int64_t>(reply.body.size()) != bytes) return changed();
    // Not every storage knows If-Match.
    if (!tag.empty() && !piece.tag.empty() && piece.tag != tag) return changed();
    const std::string_view range = reply.header("content-range");  // "bytes 0-9/10"
    if (const std::size_t slash = range.find('/'); slash != std::string_view::npos)
      piece.object_bytes = number(std::string(range.substr(slash + 1)));
    piece.bytes = std::move(reply.body);
    return piece;
  }

  Result<void> put_file(const std::string& path, const std::filesystem::path& file,
                        const std::string& content_type) override {
    const FileHandle handle(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (handle.get() < 0 || ::fstat(handle.get(), &status) != 0)
      return errno_error(errno, "open the file", file);
    const auto writer = write(path, content_type, status.st_size);
    std::string piece(kFilePieceBytes, '\0');
    while (true) {
      const ssize_t n = ::read(handle.get(), piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return errno_error(errno, "read the file", file);
      if (n == 0) return writer->finish();
      TRY(writer->write({piece.data(), static_cast<std::size_t>(n)}));
    }
  }

  std::unique_ptr<ObjectWriter> write(const std::string& path, const std::string& content_type,
                                      std::optional<std::int64_t> bytes) override {
    const std::int64_t least = (bytes.value_or(0) + kPartsMax - 1) / kPartsMax;
    return std::make_unique<S3Writer>(
        *this, path, content_type, static_cast<std::size_t>(std::max(options_.part_bytes, least)),
        static_cast<std::size_t>(options_.parts_parallel));
  }

  // In one request.
  Result<void> put(const std::string& path, std::string_view bytes,
                   const std::string& content_type) {
    if (path.empty()) return base::error(Code::kInvalidArgument, "Invalid path");
    AwsRequest put = request("PUT", path);
    put.headers.emplace_back("content-type", content_type);
    const base::HttpReply reply = TRY(send(put, bytes));
    if (reply.status != 200) return s3_error(reply, "store the artifact", path);
    return {};
  }

  // Its tag.
  Result<std::string> send_part(const std::string& path, const std::string& upload, int part,
                                std::string_view bytes) {
    AwsRequest put = part_request(path, upload, part);
    put.headers.emplace_back("content-type", "application/octet-stream");
    const base::HttpReply reply = TRY(send(put, bytes));
    if (reply.status != 200) return s3_error(reply, "store a part of the artifact", path);
    return std::string(reply.header("etag"));
  }

  Result<Removed> remove(const std::string& path) override {
    Removed removed;
    std::vector<std::string> keys;
    const std::string prefix = folder_prefix(path);
    TRY(each_page(prefix, "", [&](const XmlElement& page) -> Result<void> {
      for (const XmlElement& one : page.children) {
        if (one.name != "Contents") continue;
        keys.push_back(one.child_text("Key"));
        if (!keys.back().starts_with(prefix)) return foreign_key(keys.back());
        removed.bytes += number(one.child_text("Size"));
      }
      return {};
    }));
    const Result<std::int64_t> itself = size(path);
    if (itself) {
      keys.push_back(key_of(path));
      removed.bytes += *itself;
    } else if (itself.error().code != Code::kNotFound) {
      return itself.error();
    }
    removed.files = static_cast<std::int64_t>(keys.size());
    for (std::size_t at = 0; at < keys.size(); at += kKeysPerDeletion)
      TRY(remove_keys(std::span(keys).subspan(at, std::min(kKeysPerDeletion, keys.size() - at))));
    return removed;
  }

  Result<std::optional<std::filesystem::path>> local_path(const std::string&) override {
    return std::optional<std::filesystem::path>();
  }
  DirectTransfer* direct() override { return this; }

  SignedRequest sign_download(const std::string& path, const std::string& content_disposition,
                              std::int64_t seconds) override {
    AwsRequest get = request("GET", path);
    get.query.emplace_back("response-content-disposition", content_disposition);
    return signed_request(get, seconds);
  }
  SignedRequest sign_upload(const std::string& path, const std::string& content_type,
                            std::int64_t seconds) override {
    AwsRequest put = request("PUT", path);
    put.headers.emplace_back("content-type", content_type);
    return signed_request(put, seconds);
  }
  SignedRequest sign_part(const std::string& path, const std::string& upload, int part,
                          std::int64_t seconds) override {
    return signed_request(part_request(path, upload, part), seconds);
  }

  Result<std::string> begin_parts(const std::string& path,
                                  const std::string& content_type) override {
    AwsRequest post = request("POST", path);
    post.query.emplace_back("uploads", "");
    post.headers.emplace_back("content-type", content_type);
    const base::HttpReply reply = TRY(send(post));
    if (reply.status != 200) return s3_error(reply, "begin the upload", path);
    const std::string upload = TRY(parse_xml(reply.body)).child_text("UploadId");
    if (upload.empty())
      return base::error(Code::kUnavailable, "the storage gave no upload id: path={}", path);
    return upload;
  }

  Result<void> finish_parts(const std::string& path, const std::string& upload,
                            const std::vector<UploadedPart>& parts) override {
    std::string body = "<CompleteMultipartUpload>";
    for (const UploadedPart& part : parts)
      body += fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", part.number,
                          xml_escape(part.tag));
    body += "</CompleteMultipartUpload>";
    AwsRequest post = request("POST", path);
    post.query.emplace_back("uploadId", upload);
    post.headers.emplace_back("content-type", "application/xml");
    const base::HttpReply reply = TRY(send(post, body));
    // It may begin with 200 and then say that it went wrong.
    const Result<XmlElement> answer = parse_xml(reply.body);
    if (reply.status != 200 || !answer || answer->name == "Error")
      return s3_error(reply, "finish the upload", path);
    return {};
  }

  Result<void> abort_parts(const std::string& path, const std::string& upload) override {
    AwsRequest erase = request("DELETE", path);
    erase.query.emplace_back("uploadId", upload);
    const base::HttpReply reply = TRY(send(erase));
    if (reply.status != 204 && reply.status != 200 && reply.status != 404)
      return s3_error(reply, "abort the upload", path);
    return {};
  }

 private:
  static Error no_object(const std::string& path) {
    return base::error(Code::kNotFound, "No such artifact: '{}'", path);
  }
  static Error foreign_key(const std::string& key) {
    return base::error(Code::kInternal, "the storage listed a key nobody asked for: key={}", key);
  }

  // Keys may hold what no path of ours does ("a//b", "a/../b"), and other tools leave "a/" to show
  // that a folder is there. Nobody could ask for those.
  static bool is_name(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && !name.ends_with('/');
  }

  std::string key_of(const std::string& path) const {
    if (options_.prefix.empty() || path.empty()) return options_.prefix + path;
    return options_.prefix + "/" + path;
  }
  std::string folder_prefix(const std::string& path) const {
    const std::string key = key_of(path);
    return key.empty() ? key : key + "/";
  }

  // On the bucket itself.
  AwsRequest bucket_request(std::string method) const {
    return {.method = std::move(method),
            .host = host_,
            .path = options_.path_style ? "/" + options_.bucket : "/",
            .query = {},
            .headers = {}};
  }
  AwsRequest request(std::string method, const std::string& path) const {
    AwsRequest made = bucket_request(std::move(method));
    made.path = aws_path(options_.path_style ? made.path + "/" : made.path, key_of(path));
    return made;
  }
  AwsRequest part_request(const std::string& path, const std::string& upload, int part) const {
    AwsRequest put = request("PUT", path);
    put.query.emplace_back("partNumber", std::to_string(part));
    put.query.emplace_back("uploadId", upload);
    return put;
  }

  SignedRequest signed_request(const AwsRequest& request, std::int64_t seconds) const {
    return {.url = scheme_ + host_ + request.path + "?" +
                   sign_in_query(options_.identity, request, seconds, clock_.now()),
            .headers = request.headers};
  }

  // Sends it, again and again with longer and longer pauses while the storage doesn't answer or
  // says that it can't now. Any other status is the caller's to judge.
  Result<base::HttpReply> send(const AwsRequest& request, std::string_view body = {}) {
    const std::string digest = base::sha256_hex(body);
    std::string target = request.path;
    if (!request.query.empty()) target += "?" + aws_query(request.query);
    for (int tried = 1;; ++tried) {
      base::HttpClient client = take_client();
      Result<base::HttpReply> reply =
          client.send(request.method, target, body,
                      sign_in_headers(options_.identity, request, digest, clock_.now()));
      if (reply) give_back(std::move(client));
      const bool again = !reply || is_worth_another_try(reply->status);
      if (!again || tried >= options_.tries) {
        if (!reply) return std::move(reply).error().with_context("the storage does not answer");
        return reply;
      }
      std::this_thread::sleep_for(
          std::chrono::milliseconds(std::int64_t{options_.first_pause_ms} << (tried - 1)));
    }
  }

  // Pages of a listing of keys, in order.
  Result<void> each_page(const std::string& prefix, const std::string& delimiter,
                         const std::function<Result<void>(const XmlElement&)>& use) {
    std::string token;
    do {
      AwsRequest get = bucket_request("GET");
      get.query = {{"list-type", "2"}, {"prefix", prefix}};
      if (!delimiter.empty()) get.query.emplace_back("delimiter", delimiter);
      if (!token.empty()) get.query.emplace_back("continuation-token", token);
      const base::HttpReply reply = TRY(send(get));
      if (reply.status != 200) return s3_error(reply, "list the artifacts", prefix);
      const XmlElement page = TRY(parse_xml(reply.body));
      TRY(use(page));
      const bool more = page.child_text("IsTruncated") == "true";
      token = more ? page.child_text("NextContinuationToken") : "";
    } while (!token.empty());
    return {};
  }

  Result<void> remove_keys(std::span<const std::string> keys) {
    std::string body = "<Delete><Quiet>true</Quiet>";
    for (const std::string& key : keys)
      body += "<Object><Key>" + xml_escape(key) + "</Key></Object>";
    body += "</Delete>";
    AwsRequest post = bucket_request("POST");
    post.query.emplace_back("delete", "");
    post.headers.emplace_back("content-type", "application/xml");
    post.headers.emplace_back("content-md5",
                              base::to_base64(MUST(base::from_hex(base::md5_hex(body)))));
    const base::HttpReply reply = TRY(send(post, body));
    if (reply.status != 200) return s3_error(reply, "remove the artifacts", keys.front());
    const XmlElement answer = TRY(parse_xml(reply.body));
    if (const XmlElement* failed = answer.child("Error"))
      return base::error(Code::kPermissionDenied,
                         "the storage did not remove an artifact: {}: key={}",
                         failed->child_text("Message"), failed->child_text("Key"));
    return {};
  }

  base::HttpClient take_client() {
    {
      base::MutexLock lock(mutex_);
      if (!idle_.empty()) {
        base::HttpClient client = std::move(idle_.back());
        idle_.pop_back();
        return client;
      }
    }
    return base::HttpClient({.base_url = scheme_ + host_, .bearer_token = {}});
  }
  void give_back(base::HttpClient client) {
    base::MutexLock lock(mutex_);
    idle_.push_back(std::move(client));
  }

  const S3Options options_;
  const base::Clock& clock_;
  std::string scheme_, host_;

  base::Mutex mutex_;
  std::vector<base::HttpClient> idle_ GUARDED_BY(mutex_);
};

void S3Reader::fetch_ahead() {
  const std::int64_t bytes = std::min(kReadAheadBytes, end_ - next_);
  if (bytes <= 0) return;
  ahead_ = std::async(std::launch::async, [this, offset = next_, bytes, tag = tag_] {
    return store_.fetch(path_, offset, bytes, tag);
  });
  next_ += bytes;
}

Result<std::size_t> S3Reader::read(std::span<char> out) {
  if (used_ == piece_.size()) {
    if (!ahead_.valid()) return 0;
    S3Piece fetched = TRY(ahead_.get());
    piece_ = std::move(fetched.bytes);
    tag_ = std::move(fetched.tag);
    if (fetched.object_bytes) object_bytes_ = fetched.object_bytes;
    used_ = 0;
    fetch_ahead();
  }
  const std::size_t n = std::min(out.size(), piece_.size() - used_);
  std::memcpy(out.data(), piece_.data() + used_, n);
  used_ += n;
  return n;
}

S3Writer::~S3Writer() {
  for (const auto& part : sending_) part.wait();
  if (upload_.empty()) return;
  if (const Result<void> aborted = store_.abort_parts(path_, upload_); !aborted)
    base::log_warning("store", "parts of a failed upload stay in the bucket: path={} why={}", path_,
                      aborted.error().message);
}

Result<void> S3Writer::write(std::string_view bytes) {
  if (path_.empty()) return base::error(Code::kInvalidArgument, "Invalid path");
  while (!bytes.empty()) {
    if (part_.size() == part_bytes_) TRY(send_part());  // there is more, so it is not the last
    const std::size_t n = std::min(bytes.size(), part_bytes_ - part_.size());
    part_ += bytes.substr(0, n);
    bytes.remove_prefix(n);
  }
  return {};
}

Result<void> S3Writer::send_part() {
  const std::size_t number = sent_.size() + sending_.size() + 1;
  if (number > static_cast<std::size_t>(kPartsMax))
    return base::error(Code::kInvalidArgument,
                       "larger than the storage takes when the size is not said before: path={} "
                       "parts_max={}",
                       path_, kPartsMax);
  if (upload_.empty()) upload_ = TRY(store_.begin_parts(path_, content_type_));
  if (sending_.size() == parts_parallel_) TRY(await_part());
  sending_.push_back(std::async(std::launch::async,
                                [this, part = static_cast<int>(number), bytes = std::move(part_)] {
                                  return store_.send_part(path_, upload_, part, bytes);
                                }));
  part_.clear();
  return {};
}

// The oldest; the others go on.
Result<void> S3Writer::await_part() {
  std::future<Result<std::string>> oldest = std::move(sending_.front());
  sending_.pop_front();
  std::string tag = TRY(oldest.get());
  sent_.push_back({static_cast<int>(sent_.size()) + 1, std::move(tag)});
  return {};
}

Result<void> S3Writer::finish() {
  if (upload_.empty()) return store_.put(path_, part_, content_type_);
  TRY(send_part());
  while (!sending_.empty()) TRY(await_part());
  TRY(store_.finish_parts(path_, upload_, sent_));
  upload_.clear();
  return {};
}

// The [profile] of an ini file like ~/.aws/credentials.
std::map<std::string, std::string> read_profile(std::string_view text, std::string_view profile) {
  std::map<std::string, std::string> values;
  bool inside = false;
  const auto trim = [](std::string_view part) {
    const std::size_t first = part.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return std::string_view();
    return part.substr(first, part.find_last_not_of(" \t\r") - first + 1);
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('[')) {
      inside = trim(line.substr(1, line.find(']') - 1)) == profile;
    } else if (const std::size_t equals = line.find('=');
               inside && !line.starts_with('#') && equals != std::string_view::npos) {
      values[std::string(trim(line.substr(0, equals)))] = trim(line.substr(equals + 1));
    }
  }
  return values;
}

}  // namespace

Result<S3Options> s3_options(
    std::string_view uri,
    const std::function<std::optional<std::string>(const std::string&)>& environment) {
  constexpr std::string_view kScheme = "s3://";
  const std::string whole(uri);
  if (!uri.starts_with(kScheme))
    return base::error(Code::kInvalidArgument, "expected s3://BUCKET/PREFIX: uri={}", whole);
  uri.remove_prefix(kScheme.size());
  S3Options options;
  const std::size_t slash = std::min(uri.find('/'), uri.size());
  options.bucket = uri.substr(0, slash);
  uri.remove_prefix(slash);
  while (uri.starts_with('/')) uri.remove_prefix(1);
  while (uri.ends_with('/')) uri.remove_suffix(1);
  options.prefix = uri;
  if (options.bucket.empty() || options.bucket.find_first_of("@:?#%") != std::string::npos ||
      options.prefix.find_first_of("?#") != std::string::npos)
    return base::error(Code::kInvalidArgument, "expected s3://BUCKET/PREFIX: uri={}", whole);

  const auto first_of = [&](std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (std::optional<std::string> value = environment(name); value && !value->empty())
        return *value;
    }
    return std::string();
  };
  AwsIdentity& identity = options.identity;
  identity.access_key = first_of({"AWS_ACCESS_KEY_ID"});
  identity.secret_key = first_of({"AWS_SECRET_ACCESS_KEY"});
  identity.session_token = first_of({"AWS_SESSION_TOKEN"});
  if (identity.access_key.empty() || identity.secret_key.empty()) {
    std::string file = first_of({"AWS_SHARED_CREDENTIALS_FILE"});
    if (file.empty()) file = first_of({"HOME"}) + "/.aws/credentials";
    std::string profile = first_of({"AWS_PROFILE"});
    if (profile.empty()) profile = "default";
    if (const Result<std::string> text = read_file(file)) {
      auto values = read_profile(*text, profile);
      identity.access_key = values["aws_access_key_id"];
      identity.secret_key = values["aws_secret_access_key"];
      identity.session_token = values["aws_session_token"];
    }
  }
  if (identity.access_key.empty() || identity.secret_key.empty())
    return base::error(Code::kInvalidArgument,
                       "no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                       "keep them in ~/.aws/credentials: uri={}",
                       whole);
  if (std::string region = first_of({"AWS_REGION", "AWS_DEFAULT_REGION"}); !region.empty())
    identity.region = region;
  options.endpoint =
      first_of({"MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  if (!options.endpoint.empty() && !options.endpoint.starts_with("http://") &&
      !options.endpoint.starts_with("https://"))
    return base::error(Code::kInvalidArgument,
                       "the S3 endpoint must begin with http:// or https://: endpoint={}",
                       options.endpoint);
  const std::string style = first_of({"MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE"});
  options.path_style = style == "path" || (style != "virtual" && !options.endpoint.empty());
  return options;
}

std::unique_ptr<ObjectStore> open_s3_objects(S3Options options, const base::Clock& clock) {
  return std::make_unique<S3Objects>(std::move(options), clock);
}

}  // namespace slipway::store
