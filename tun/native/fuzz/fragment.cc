// An IPv4 packet in fragments: each fits, each header is right, and together they are the packet.
#include "../fragment.h"

#include <vector>

#include "../checksum.h"
#include "check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t length) {
  if (length < 2) return 0;
  const size_t mtu = tun::Load16(data);
  const size_t bytes = length - 2;
  const auto packet = tun::Exactly(data + 2, bytes);
  tun::Fragmenter fragmenter;
  if (!fragmenter.Start(packet.get(), bytes, mtu)) return 0;
  const size_t header = static_cast<size_t>(packet[0] & 0x0f) << 2;
  const uint16_t before = tun::Load16(packet.get() + 6);
  std::vector<uint8_t> payload;
  while (fragmenter.NextBytes() > 0) {
    const size_t size = fragmenter.NextBytes();
    tun::Require(size <= mtu);
    std::unique_ptr<uint8_t[]> fragment(new uint8_t[size]);
    fragmenter.WriteNext(fragment.get());
    const size_t own = static_cast<size_t>(fragment[0] & 0x0f) << 2;
    tun::Require(own >= 20 && own <= header && own < size);
    tun::Require(tun::Load16(fragment.get() + 2) == size);
    tun::Require(tun::FinishSum(tun::SumWords(fragment.get(), own)) == 0);
    const uint16_t word = tun::Load16(fragment.get() + 6);
    tun::Require((word & 0x1fff) == (before & 0x1fff) + payload.size() / 8);
    payload.insert(payload.end(), fragment.get() + own, fragment.get() + size);
    const bool is_last = fragmenter.NextBytes() == 0;
    tun::Require(((word & 0x2000) != 0) == (!is_last || (before & 0x2000) != 0));
    tun::Require(is_last || (size - own) % 8 == 0);
  }
  tun::Require(payload.size() == bytes - header);
  tun::Require(std::memcmp(payload.data(), packet.get() + header, payload.size()) == 0);
  return 0;
}
