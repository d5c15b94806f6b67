#include "base/public_socket.h"

#include <sys/socket.h>

#include "base/ip_address.h"

namespace slipway::base {

curl_socket_t open_public_socket(void* refused, curlsocktype, curl_sockaddr* address) {
  if (!is_public_address(&address->addr)) {
    *static_cast<bool*>(refused) = true;
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

}  // namespace slipway::base
