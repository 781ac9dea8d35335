// Packets of a peer, each behind two octets of length: what is written is no byte more or less of payload, and every
// super-packet is one that our own segmentation takes.
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static CheckingSink sink;
  static tun::Coalescer coalescer(&sink, {true, true, true, true});
  sink.packets = 0;
  std::vector<std::unique_ptr<uint8_t[]>> packets;
  size_t offset = 0;
  while (offset + 2 <= size && packets.size() < 300) {
    const size_t wanted = tun::Load16(data + offset);
    offset += 2;
    const size_t length = wanted < size - offset ? wanted : size - offset;
    packets.push_back(tun::Exactly(data + offset, length));
    offset += length;
    coalescer.Add(packets.back().get(), length);
  }
  coalescer.Flush();
  tun::Require(sink.packets == packets.size());
  return 0;
}
