// IPv4 packets that do not fit the next hop, cut into fragments (RFC 791 3.2, RFC 1812 5.2.6).
#pragma once

#include <cstddef>
#include <cstdint>

namespace tun {

// A view of one packet: valid as long as its bytes are.
class Fragmenter {
 public:
  // `packet` is a whole IPv4 packet of `length` bytes, perhaps a fragment already. False where it may not be cut (DF),
  // where no piece would fit, or where its own lengths make no sense.
  bool Start(const uint8_t* packet, size_t length, size_t mtu);
  // Bytes of the next fragment, at most the mtu; 0 behind the last.
  size_t NextBytes() const;
  // Writes it, with its checksum, to `out`, which has room for NextBytes().
  void WriteNext(uint8_t* out);

 private:
  size_t PayloadBytes() const;

  const uint8_t* packet_ = nullptr;
  size_t mtu_ = 0;
  size_t header_ = 0;    // of the packet and of the first fragment
  size_t position_ = 0;  // in the payload
  size_t payload_ = 0;
  size_t rest_header_ = 0;  // of the others: with the options that are copied
  uint8_t rest_options_[40] = {};
};

}  // namespace tun
