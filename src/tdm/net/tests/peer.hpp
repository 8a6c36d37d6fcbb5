#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace tdm::net::testing {

// One accepted connection of a peer that does exactly what its script says, good manners or not.
class Line {
 public:
  explicit Line(int fd, SSL* tls = nullptr) : fd_{fd}, tls_{tls} {}

  // Everything up to and including `end`; what came when the other side closed or 5 s passed.
  std::string read_until(std::string_view end) {
    std::string text;
    char byte = 0;
    while (!text.ends_with(end) && read_some(&byte, 1) == 1) text += byte;
    return text;
  }
  std::string read_request() { return read_until("\r\n\r\n"); }
  // True when the other side has closed within 5 s.
  bool closed() {
    char byte = 0;
    return read_some(&byte, 1) == 0;
  }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = tls_ != nullptr ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                                        : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void reply(std::string_view body, std::string_view more_headers = {}) {
    send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string{more_headers} +
         "\r\n" + std::string{body});
  }
  void reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  int fd() const { return fd_; }

 private:
  long read_some(char* into, std::size_t size) {
    return tls_ != nullptr ? SSL_read(tls_, into, static_cast<int>(size)) : ::recv(fd_, into, size, 0);
  }
  int fd_;
  SSL* tls_;
};

// A certificate made on the spot, signed by nobody but itself.
class Identity {
 public:
  explicit Identity(const std::string& subject_alt_name = "IP:127.0.0.1")
      : key_{EVP_EC_gen("P-256"), EVP_PKEY_free}, certificate_{X509_new(), X509_free} {
    X509_set_version(certificate_.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate_.get()), -3'600);
    X509_gmtime_adj(X509_getm_notAfter(certificate_.get()), 3'600);
    X509_set_pubkey(certificate_.get(), key_.get());
    X509_NAME* const name = X509_get_subject_name(certificate_.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate_.get(), name);
    X509_EXTENSION* const names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, subject_alt_name.c_str());
    X509_add_ext(certificate_.get(), names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate_.get(), key_.get(), EVP_sha256());
  }
  void write_certificate(const std::string& file) const {
    std::FILE* const out = std::fopen(file.c_str(), "wb");
    PEM_write_X509(out, certificate_.get());
    std::fclose(out);
  }
  EVP_PKEY* key() const { return key_.get(); }
  X509* certificate() const { return certificate_.get(); }

 private:
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
  std::unique_ptr<X509, void (*)(X509*)> certificate_;
};

// Listens on loopback (or a unix socket) and runs the script for each connection in a thread.
class Peer {
 public:
  using Script = std::function<void(Line&)>;

  explicit Peer(Script script, const Identity* identity = nullptr, const std::string& unix_path = {})
      : script_{std::move(script)} {
    if (identity != nullptr) {
      tls_ = SSL_CTX_new(TLS_server_method());
      SSL_CTX_use_certificate(tls_, identity->certificate());
      SSL_CTX_use_PrivateKey(tls_, identity->key());
    }
    unix_path.empty() ? listen_tcp() : listen_unix(unix_path);
    acceptor_ = std::thread{[this] { accept_all(); }};
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() {
    stopping_ = true;
    acceptor_.join();
    {
      const std::scoped_lock guard{mutex_};
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (auto& line : lines_) line.join();
    ::close(listener_);
    SSL_CTX_free(tls_);
  }

  std::uint16_t port() const { return port_; }
  std::string url() const {
    return (tls_ != nullptr ? "https" : "http") + std::string{"://127.0.0.1:"} + std::to_string(port_);
  }
  int connections() const { return connections_; }

 private:
  void listen_tcp() {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0)
      throw std::runtime_error{"no port"};
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  void listen_unix(const std::string& path) {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener_, 64) != 0)
      throw std::runtime_error{"no socket"};
  }
  void accept_all() {
    while (!stopping_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (::poll(&waiting, 1, 10) != 1) continue;
      const int fd = ::accept(listener_, nullptr, nullptr);
      const timeval patience{5, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      ++connections_;
      const std::scoped_lock guard{mutex_};
      open_.push_back(fd);
      lines_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    SSL* const tls = tls_ != nullptr ? SSL_new(tls_) : nullptr;
    if (tls != nullptr) SSL_set_fd(tls, fd);
    if (tls == nullptr || SSL_accept(tls) == 1) {
      Line line{fd, tls};
      script_(line);
      if (tls != nullptr) SSL_shutdown(tls);
    }
    SSL_free(tls);
    const std::scoped_lock guard{mutex_};
    std::erase(open_, fd);
    ::close(fd);
  }

  Script script_;
  SSL_CTX* tls_ = nullptr;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> lines_;
  std::thread acceptor_;
};

inline std::string compress(std::string_view text, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
inline std::string gzip(std::string_view text) { return compress(text, 15 + 16); }

}  // namespace tdm::net::testing
