#include "base/secret_box.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

namespace slipway::base {
namespace {

// "v1:" and base64 of nonce, ciphertext, tag.
constexpr std::string_view kVersion = "v1:";
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

struct Free {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, Free>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

std::string SecretBox::seal(std::string_view text, std::string_view context) const {
  std::array<std::byte, kNonceBytes> nonce;
  random_.fill(nonce);
  const Context cipher(EVP_CIPHER_CTX_new());
  std::string out(reinterpret_cast<const char*>(nonce.data()), nonce.size());
  std::string sealed(text.size(), '\0'), tag(kTagBytes, '\0');
  int size = 0;
  CHECK(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                           reinterpret_cast<const unsigned char*>(key_.data()),
                           bytes_of(out)) == 1);
  CHECK(EVP_EncryptUpdate(cipher.get(), nullptr, &size, bytes_of(context),
                          static_cast<int>(context.size())) == 1);
  CHECK(EVP_EncryptUpdate(cipher.get(), bytes_of(sealed), &size, bytes_of(text),
                          static_cast<int>(text.size())) == 1);
  CHECK(EVP_EncryptFinal_ex(cipher.get(), nullptr, &size) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data()) == 1);
  return std::string(kVersion) + to_base64(out + sealed + tag);
}

Result<std::string> SecretBox::open(std::string_view sealed, std::string_view context) const {
  const auto spoiled = [] {
    return error(Code::kCorruption, "a sealed text cannot be opened: another key, or changed");
  };
  if (!sealed.starts_with(kVersion)) return spoiled();
  const auto decoded = from_base64(sealed.substr(kVersion.size()));
  if (!decoded || decoded->size() < kNonceBytes + kTagBytes) return spoiled();
  const std::string_view all(*decoded);
  const std::string_view nonce = all.substr(0, kNonceBytes);
  const std::string_view cipher_text =
      all.substr(kNonceBytes, all.size() - kNonceBytes - kTagBytes);
  std::string tag(all.substr(all.size() - kTagBytes));
  const Context cipher(EVP_CIPHER_CTX_new());
  std::string text(cipher_text.size(), '\0');
  int size = 0;
  CHECK(EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                           reinterpret_cast<const unsigned char*>(key_.data()),
                           bytes_of(nonce)) == 1);
  CHECK(EVP_DecryptUpdate(cipher.get(), nullptr, &size, bytes_of(context),
                          static_cast<int>(context.size())) == 1);
  CHECK(EVP_DecryptUpdate(cipher.get(), bytes_of(text), &size, bytes_of(cipher_text),
                          static_cast<int>(cipher_text.size())) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(cipher.get(), nullptr, &size) != 1) return spoiled();
  return text;
}

}  // namespace slipway::base
