#include "api/http/connection.h"

#include <charconv>

#include "base/log.h"

namespace slipway::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace wire = boost::beast::http;

std::optional<Method> to_method(wire::verb verb) {
  switch (verb) {
    case wire::verb::get:
      return Method::kGet;
    case wire::verb::head:
      return Method::kHead;
    case wire::verb::post:
      return Method::kPost;
    case wire::verb::put:
      return Method::kPut;
    case wire::verb::patch:
      return Method::kPatch;
    case wire::verb::delete_:
      return Method::kDelete;
    case wire::verb::options:
      return Method::kOptions;
    default:
      return std::nullopt;
  }
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

constexpr std::size_t kReadBytes = 16 << 10;
constexpr std::size_t kFileChunkBytes = 256 << 10;

}  // namespace

Connection::Connection(Tcp::socket socket, Shared& shared)
    : socket_(std::move(socket)), shared_(shared) {
  beast::error_code ec;
  const auto endpoint = socket_.remote_endpoint(ec);
  if (!ec) peer_ = endpoint.address().to_string();
  socket_.set_option(Tcp::no_delay(true), ec);
  ++shared_.connections;
}

Connection::~Connection() {
  if (!idle_) --shared_.running;
  --shared_.connections;
}

void Connection::start() {
  last_activity_ = std::chrono::steady_clock::now();
  begin_request();
}

void Connection::close() {
  beast::error_code ignored;
  socket_.shutdown(Tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

void Connection::check_timeout(std::chrono::steady_clock::time_point now) {
  if (in_handler_ || !socket_.is_open()) return;  // a handler takes as long as it takes
  const auto silent =
      std::chrono::duration_cast<std::chrono::seconds>(now - last_activity_).count();
  const int limit =
      idle_ ? shared_.options.idle_timeout_seconds : shared_.options.request_timeout_seconds;
  if (silent >= limit || (idle_ && shared_.draining)) close();
}

void Connection::begin_request() {
  memory_parser_.emplace();
  memory_parser_->header_limit(static_cast<std::uint32_t>(shared_.options.header_bytes_max));
  memory_parser_->body_limit(boost::none);  // ours, by route, in on_header
  memory_parser_->eager(false);
  file_parser_.reset();
  header_done_ = false;
  route_ = nullptr;
  if (buffer_.size() > 0) {
    parse();  // pipelined: the next request is here already
  } else {
    read_more();
  }
}

void Connection::read_more() {
  socket_.async_read_some(buffer_.prepare(kReadBytes),
                          [self = shared_from_this()](beast::error_code ec, std::size_t n) {
                            if (ec)
                              return self->close();  // a half request has nobody left to answer
                            self->buffer_.commit(n);
                            self->last_activity_ = std::chrono::steady_clock::now();
                            self->parse();
                          });
}

void Connection::parse() {
  if (idle_) {
    idle_ = false;
    ++shared_.running;
    request_start_ = std::chrono::steady_clock::now();
  }
  beast::error_code ec;
  while (true) {
    wire::basic_parser<true>& parser =
        file_parser_ ? static_cast<wire::basic_parser<true>&>(*file_parser_) : *memory_parser_;
    if (parser.is_done()) return finish_request();
    const std::size_t used = parser.put(buffer_.data(), ec);
    buffer_.consume(used);
    if (ec == wire::error::need_more) return read_more();
    if (ec == wire::error::body_limit) {
      return refuse(
          base::error(Code::kResourceExhausted, "the body is larger than this path takes"), false);
    }
    if (ec == wire::error::header_limit) {
      return refuse(
          base::error(Code::kInvalidArgument, "the header is too large: header_bytes_max={}",
                      shared_.options.header_bytes_max),
          false);
    }
    if (ec)
      return refuse(
          base::error(Code::kInvalidArgument, "not an HTTP/1.1 request: {}", ec.message()), false);
    if (!header_done_ && parser.is_header_done()) {
      header_done_ = true;
      if (!on_header()) return;
      continue;
    }
    if (used == 0 && !parser.is_done()) return read_more();
  }
}

bool Connection::on_header() {
  const auto& message = memory_parser_->get();
  keep_alive_ = message.keep_alive();
  request_.headers.clear();
  request_.path_params.clear();
  request_.body = {};
  request_.body_file.clear();
  request_.peer = peer_;
  request_.target = view(message.target());
  request_.path = request_.target.substr(0, request_.target.find('?'));
  for (const auto& field : message)
    request_.headers.emplace_back(view(field.name_string()), view(field.value()));
  const std::optional<Method> method = to_method(message.method());
  if (!method) {
    refuse(base::error(Code::kInvalidArgument, "unknown method: method={}",
                       view(message.method_string())),
           false);
    return false;
  }
  request_.method = *method;
  head_only_ = *method == Method::kHead;

  std::vector<Method> allowed;
  route_ = shared_.router.match(request_, allowed);
  if (route_ == nullptr) {
    if (memory_parser_->content_length_remaining().value_or(0) > 0 || memory_parser_->chunked())
      keep_alive_ = false;
    respond(shared_.router.no_route(request_, allowed));
    return false;
  }
  // Browsers say where a request comes from (Fetch Metadata, W3C); programs don't, and need not.
  const bool changes =
      *method != Method::kGet && *method != Method::kHead && *method != Method::kOptions;
  if (changes && request_.header("Sec-Fetch-Site") == "cross-site") {
    refuse(base::error(Code::kPermissionDenied, "a page of another site may not change anything"),
           false);
    return false;
  }
  const bool to_file = route_->body == Route::Body::kFile;
  std::uint64_t limit =
      to_file ? shared_.options.file_body_bytes_max : shared_.options.body_bytes_max;
  if (route_->body_bytes_max > 0) limit = route_->body_bytes_max;
  if (memory_parser_->content_length().value_or(0) > limit) {
    refuse(
        base::error(Code::kResourceExhausted,
                    "the body is larger than this path takes: content_length={} body_bytes_max={}",
                    *memory_parser_->content_length(), limit),
        false);
    return false;
  }
  if (request_.header("Expect") == "100-continue") {
    beast::error_code ignored;
    asio::write(socket_, asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")), ignored);
  }
  if (to_file) {
    // The fields move into the new parser, so the views taken above stay good.
    file_parser_.emplace(std::move(*memory_parser_));
    file_parser_->body_limit(limit);
    file_parser_->eager(true);
    request_.body_file = shared_.options.upload_folder / ("upload-" + shared_.random.hex(12));
    beast::error_code ec;
    file_parser_->get().body().open(request_.body_file.c_str(), beast::file_mode::write_new, ec);
    if (ec) {
      refuse(base::error(Code::kInternal, "cannot make the upload file: {}", ec.message()), false);
      return false;
    }
  } else {
    memory_parser_->body_limit(limit);
    memory_parser_->eager(true);
  }
  return true;
}

void Connection::finish_request() {
  if (file_parser_) {
    file_parser_->get().body().close();
  } else {
    request_.body = memory_parser_->get().body();
  }
  if (route_->lane == Lane::kInline) return run_handler();
  base::ThreadPool& pool =
      route_->lane == Lane::kControl ? shared_.control_pool : shared_.data_pool;
  in_handler_ = true;
  const Result<void> submitted = pool.submit([self = shared_from_this()] { self->run_handler(); });
  if (!submitted) {
    in_handler_ = false;
    shared_.refused.add();
    refuse(submitted.error(), keep_alive_);
  }
}

void Connection::run_handler() {
  Response response;
  try {
    response = route_->handler(request_);
  } catch (const std::exception& e) {  // the net at the entry of a request
    base::log_error("http", "handler threw: path={} what={}", request_.path, e.what());
    response = error_response(base::error(Code::kInternal, "internal error: {}", e.what()));
  }
  if (file_parser_) {
    std::error_code ignored;
    std::filesystem::remove(request_.body_file,
                            ignored);  // a handler that wanted it has moved it away
  }
  if (route_->lane == Lane::kInline) return respond(std::move(response));
  asio::post(socket_.get_executor(),
             [self = shared_from_this(), response = std::move(response)]() mutable {
               self->in_handler_ = false;
               self->last_activity_ = std::chrono::steady_clock::now();
               self->respond(std::move(response));
             });
}

void Connection::refuse(const base::Error& error, bool keep_alive) {
  keep_alive_ = keep_alive_ && keep_alive;
  if (file_parser_) {
    std::error_code ignored;
    std::filesystem::remove(request_.body_file, ignored);
  }
  Response response = error_response(error);
  if (error.code == Code::kResourceExhausted && !keep_alive) response.status = 413;
  respond(std::move(response));
}

void Connection::respond(Response response) {
  response_ = std::move(response);
  if (shared_.draining) keep_alive_ = false;
  std::uint64_t length = response_.body.size();
  file_left_ = 0;
  if (response_.file) {
    beast::error_code ec;
    file_.open(response_.file->file.c_str(), beast::file_mode::scan, ec);
    if (!ec) file_.seek(response_.file->offset, ec);
    if (ec) {
      response_ =
          error_response(base::error(Code::kNotFound, "the file is gone: {}", ec.message()));
      length = response_.body.size();
    } else {
      length = file_left_ = response_.file->bytes;
    }
  }
  head_.clear();
  auto out = std::back_inserter(head_);
  const beast::string_view reason =
      wire::obsolete_reason(static_cast<wire::status>(response_.status));
  fmt::format_to(out, "HTTP/1.1 {} {}\r\n", response_.status,
                 std::string_view(reason.data(), reason.size()));
  if (!response_.content_type.empty())
    fmt::format_to(out, "Content-Type: {}\r\n", response_.content_type);
  if (response_.status != 204 && response_.status != 304)
    fmt::format_to(out, "Content-Length: {}\r\n", length);
  for (const auto& [name, value] : response_.headers)
    fmt::format_to(out, "{}: {}\r\n", name, value);
  head_ += keep_alive_ ? "\r\n" : "Connection: close\r\n\r\n";
  if (head_only_) {
    response_.body.clear();
    file_left_ = 0;
  }
  write_reply();
}

void Connection::write_reply() {
  const std::array<asio::const_buffer, 2> parts{asio::buffer(head_), asio::buffer(response_.body)};
  // Nearly always the socket takes a whole reply at once: try that before going through the
  // reactor.
  beast::error_code ec;
  if (!socket_.non_blocking()) socket_.non_blocking(true, ec);
  const std::size_t total = head_.size() + response_.body.size();
  std::size_t written = socket_.write_some(parts, ec);
  if (ec == asio::error::would_block) {
    ec = {};
    written = 0;
  }
  if (ec) return close();
  if (written == total) {
    if (file_left_ > 0) return write_file_part();
    return reply_done();
  }
  beast::buffers_suffix<std::array<asio::const_buffer, 2>> rest(parts);
  rest.consume(written);
  asio::async_write(socket_, rest,
                    [self = shared_from_this()](beast::error_code failed, std::size_t) {
                      if (failed) return self->close();
                      if (self->file_left_ > 0) return self->write_file_part();
                      self->reply_done();
                    });
}

void Connection::write_file_part() {
  file_chunk_.resize(kFileChunkBytes);
  beast::error_code ec;
  const std::size_t n =
      file_.read(file_chunk_.data(), std::min<std::uint64_t>(file_left_, kFileChunkBytes), ec);
  if (ec || n == 0)
    return close();  // the promised length can't be kept: the peer must see a broken reply
  file_left_ -= n;
  asio::async_write(socket_, asio::buffer(file_chunk_.data(), n),
                    [self = shared_from_this()](beast::error_code failed, std::size_t) {
                      if (failed) return self->close();
                      self->last_activity_ = std::chrono::steady_clock::now();
                      if (self->file_left_ > 0) return self->write_file_part();
                      self->reply_done();
                    });
}

void Connection::reply_done() {
  const auto now = std::chrono::steady_clock::now();
  shared_.requests.add();
  shared_.seconds.observe(std::chrono::duration<double>(now - request_start_).count());
  last_activity_ = now;
  if (response_.file) {
    beast::error_code ignored;
    file_.close(ignored);
    std::vector<char>().swap(file_chunk_);
  }
  idle_ = true;
  --shared_.running;
  if (!keep_alive_) return close();
  if (buffer_.size() > 0) {
    // Through the queue, so that a peer that pipelines endlessly doesn't grow the stack or starve
    // the others.
    return asio::post(socket_.get_executor(),
                      [self = shared_from_this()] { self->begin_request(); });
  }
  begin_request();
}

}  // namespace slipway::http
