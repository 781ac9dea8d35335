// Packets of a peer, each behind two octets of length: what is written is no byte more or less of payload, and every
// super-packet is one that our own segmentation takes. The highest bit of the length asks for right lengths in the
// packet's own headers, which chance would hardly find.
#include "../coalesce.h"

#include <vector>

#include "../checksum.h"
#include "check.h"

namespace {

struct CheckingSink final : tun::PacketSink {
  size_t packets = 0;

  void WritePacket(const struct iovec* parts, int count) override {
    tun::Require(count >= 2 && count <= tun::Coalescer::kMostParts);
    std::vector<uint8_t> whole;
    for (int i = 0; i < count; i++) {
      const uint8_t* first = static_cast<const uint8_t*>(parts[i].iov_base);
      whole.insert(whole.end(), first, first + parts[i].iov_len);
    }
    if (whole[1] == tun::kVnetGsoNone) {
      packets += 1;
      return;
    }
    const auto bytes = tun::Exactly(whole.data(), whole.size());
    tun::SuperPacket packet;
    tun::Require(tun::SuperPacket::Parse(bytes.get(), whole.size(), true, &packet));
    tun::Require(packet.segments() == count - 1 && packet.gso() != tun::Gso::kNone);
    packets += packet.segments();
  }
};

constexpr uint16_t kMend = 0x8000;

void MendLengths(uint8_t* packet, size_t length) {
  if (length < 20) return;
  const bool is_ipv6 = packet[0] >> 4 == 6;
  const size_t header = is_ipv6 ? 40 : 20;
  if (length < header) return;
  tun::Store16(packet + (is_ipv6 ? 4 : 2), static_cast<uint16_t>(is_ipv6 ? length - header : length));
  const bool is_udp = packet[is_ipv6 ? 6 : 9] == 17;
  if (is_udp && length >= header + 6) tun::Store16(packet + header + 4, static_cast<uint16_t>(length - header));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static CheckingSink sink;
  static tun::Coalescer coalescer(&sink, {true, true, true, true});
  sink.packets = 0;
  std::vector<std::unique_ptr<uint8_t[]>> packets;
  size_t offset = 0;
  while (offset + 2 <= size && packets.size() < 300) {
    const uint16_t field = tun::Load16(data + offset);
    const size_t wanted = field & static_cast<uint16_t>(~kMend);
    offset += 2;
    const size_t length = wanted < size - offset ? wanted : size - offset;
    packets.push_back(tun::Exactly(data + offset, length));
    offset += length;
    if ((field & kMend) != 0) MendLengths(packets.back().get(), length);
    coalescer.Add(packets.back().get(), length);
  }
  coalescer.Flush();
  tun::Require(sink.packets == packets.size());
  return 0;
}
