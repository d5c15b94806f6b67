// How a cluster is reached: what a kubeconfig or the pod that this server runs in says.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace slipway::pipelines {

struct Cluster {
  std::string server;  // URL
  std::string ca_pem;  // who may be the server; empty: whom this machine trusts
  std::string certificate_pem, key_pem;
  std::string token;                 // instead of a certificate
  std::filesystem::path token_file;  // or in this file, read anew, as it is renewed
  std::string space;                 // namespace; empty: none is named
};

// The current context of a kubeconfig; files that it names are relative to `folder`.
// kInvalidArgument: it can't be read, or signs in by a program.
Result<Cluster> parse_kubeconfig(std::string_view text, const std::filesystem::path& folder);

// kNotFound: no such file. As parse_kubeconfig.
Result<Cluster> read_kubeconfig(const std::filesystem::path& file);

// As the service account of the pod that this server runs in. kNotFound: it runs in none.
Result<Cluster> cluster_around();

}  // namespace slipway::pipelines
