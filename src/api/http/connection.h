// One connection of the server. Inside api/http only.
#pragma once

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <string>

#include "api/http/server.h"
#include "base/thread_pool.h"

namespace slipway::http {

using Tcp = boost::asio::ip::tcp;

// What every connection needs from the server.
struct Shared {
  const ServerOptions& options;
  const Router& router;
  base::Random& random;
  base::ThreadPool& data_pool;
  base::ThreadPool& control_pool;
  base::Counter& requests;
  base::Counter& refused;
  base::Histogram& seconds;
  std::atomic<bool> draining{false};
  std::atomic<std::size_t> connections{0};
  std::atomic<std::size_t> running{
      0};  // requests between their first byte and the last byte of the reply
};

class Connection;
// The connections of one I/O thread; touched by that thread only.
using ConnectionList = std::list<std::weak_ptr<Connection>>;

// Lives in its I/O thread; shared_ptr because asio's handlers hold it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Tcp::socket socket, Shared& shared);
  ~Connection();

  void start();
  // Closes when it is idle or silent too long, or idle while the server drains. Called once a
  // second on the I/O thread.
  void check_timeout(std::chrono::steady_clock::time_point now);
  void close();

 private:
  template <typename Body>
  using Parser = boost::beast::http::request_parser<Body>;

  void begin_request();
  void read_more();
  void parse();           // feeds the buffer to the parser
  bool on_header();       // picks the route; false: a reply is on its way
  void finish_request();  // the message is complete: run the handler
  void run_handler();
  void respond(Response response);
  void refuse(const base::Error& error, bool keep_alive);
  void write_reply();
  void write_file_part();
  void reply_done();

  Tcp::socket socket_;
  Shared& shared_;
  std::string peer_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser<boost::beast::http::string_body>> memory_parser_;
  std::optional<Parser<boost::beast::http::file_body>> file_parser_;
  Request request_;
  const Route* route_ = nullptr;
  Response response_;
  std::string head_;
  boost::beast::file file_;
  std::uint64_t file_left_ = 0;
  std::vector<char> file_chunk_;
  bool header_done_ = false;
  bool keep_alive_ = true;
  bool head_only_ = false;
  bool idle_ = true;
  bool in_handler_ = false;
  std::chrono::steady_clock::time_point request_start_;
  std::chrono::steady_clock::time_point last_activity_;
};

}  // namespace slipway::http
