// What curl opens its sockets with where only public addresses may be reached.
#pragma once

#include <curl/curl.h>

namespace slipway::base {

// For CURLOPT_OPENSOCKETFUNCTION. `refused` (CURLOPT_OPENSOCKETDATA) points to a bool, which
// becomes true when the address is no public one (ip_address.h).
curl_socket_t open_public_socket(void* refused, curlsocktype, curl_sockaddr* address);

}  // namespace slipway::base
