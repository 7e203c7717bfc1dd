#include "tests/support/certificate.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace gitferry::test {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

/// A test without a certificate can say nothing.
void require(bool is_done) {
  if (!is_done) std::abort();
}

std::string text_of(const Bio& bio) {
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

void add_extension(X509& certificate, int nid, const std::string& value) {
  const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str()), &X509_EXTENSION_free);
  require(extension && X509_add_ext(&certificate, extension.get(), -1) == 1);
}

void name_it(X509& certificate, const std::string& name) {
  auto* const subject = X509_get_subject_name(&certificate);
  const auto* const bytes = reinterpret_cast<const unsigned char*>(name.data());
  require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, bytes, static_cast<int>(name.size()), -1,
                                     0) == 1);
  require(X509_set_issuer_name(&certificate, subject) == 1);
  add_extension(certificate, NID_subject_alt_name, "DNS:" + name);
  add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
}

}  // namespace

CertificatePems make_certificate(const CertificateRequest& request) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), &X509_free);
  require(key && certificate);
  std::uint32_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial));
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial + 1ULL);
  X509_set_version(certificate.get(), X509_VERSION_3);
  using std::chrono::seconds;
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), seconds(request.valid_from).count());
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), seconds(request.valid_to).count());
  name_it(*certificate, request.name);
  require(X509_set_pubkey(certificate.get(), key.get()) == 1);
  require(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
  const Bio certificate_text(BIO_new(BIO_s_mem()), &BIO_free);
  const Bio key_text(BIO_new(BIO_s_mem()), &BIO_free);
  require(PEM_write_bio_X509(certificate_text.get(), certificate.get()) == 1);
  require(PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return {text_of(certificate_text), text_of(key_text)};
}

void replace_file(const std::string& path, const std::string& content, int mode) {
  const auto fresh = path + ".new";
  std::ofstream(fresh, std::ios::binary) << content;
  std::filesystem::permissions(fresh, static_cast<std::filesystem::perms>(mode));
  std::filesystem::rename(fresh, path);
}

}  // namespace gitferry::test
