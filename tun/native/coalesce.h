// Packets of a peer into super-packets for the TUN device: consecutive TCP segments and UDP datagrams of a flow become
// one write with gso_size, whose segmentation gives the same packets again.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "packet.h"

namespace tun {

struct PacketSink {
  virtual ~PacketSink() = default;
  // One packet or super-packet, to be written as one. With a virtio header it is at the start of parts[0]. At most
  // kMostParts parts; array and header are valid during the call only. Never called from elsewhere than Add and Flush.
  virtual void WritePacket(const struct iovec* parts, int count) = 0;
};

struct CoalesceOptions {
  bool vnet = false;  // the device was opened with IFF_VNET_HDR; without it nothing is merged
  bool tso4 = false;
  bool tso6 = false;
  bool uso = false;  // IPv4 and IPv6
};

class Coalescer {
 public:
  static constexpr int kMostSegments = 64;
  static constexpr int kMostParts = kMostSegments + 1;

  Coalescer(PacketSink* sink, const CoalesceOptions& options) : sink_(sink), options_(options) {}
  Coalescer(const Coalescer&) = delete;
  Coalescer& operator=(const Coalescer&) = delete;

  // A whole IP packet, exactly as long as its header says, as JudgeIpv4 and JudgeIpv6 leave it; anything else is handed
  // on as it is, for the kernel to refuse. The bytes must not change until Flush. Order within a flow is kept.
  void Add(const uint8_t* packet, size_t length);
  // Writes what is still held. To be called at the end of every batch: nothing here waits for time to pass.
  void Flush();

  // Since construction: packets given and writes made of them.
  uint64_t packets() const { return packets_; }
  uint64_t writes() const { return writes_; }

 private:
  static constexpr int kFlows = 64;  // open at once; then one of them is written
  enum class Checked : uint8_t { kNot, kRight, kWrong };
  struct Candidate {  // a packet that may be merged, taken apart
    const uint8_t* packet;
    uint16_t transport;  // offsets
    uint16_t payload;
    uint16_t payload_bytes;
    uint8_t protocol;
    bool is_ipv6;
    bool has_push;
  };
  struct Flow {
    Candidate first;
    uint32_t address_hash;
    uint32_t next_sequence;
    uint32_t bytes;  // of the IP packet so far
    uint16_t next_id;
    uint16_t last_bytes;  // payload of the last segment; all others have first.payload_bytes
    uint8_t count;
    bool is_closed;  // the last one was shorter or had PSH: nothing may follow in the same super-packet
    bool has_push;
    Checked checked;  // the first one's checksums, looked at only when a second one comes
    const uint8_t* payloads[kMostSegments];
  };

  bool TakeApart(const uint8_t* packet, size_t length, Candidate* out) const;
  int Find(uint32_t hash, const Candidate& candidate) const;
  bool Continues(const Flow& flow, const Candidate& candidate) const;
  bool Merge(Flow* flow, const Candidate& candidate);
  void Open(int slot, uint32_t hash, const Candidate& candidate);
  int FreeSlot();
  void AddOther(const uint8_t* packet, size_t length);
  void WriteSlot(int slot);
  void WriteAlone(const uint8_t* packet, size_t length);
  void WriteMerged(const Flow& flow);

  PacketSink* const sink_;
  const CoalesceOptions options_;
  uint64_t packets_ = 0;
  uint64_t writes_ = 0;
  int used_ = 0;    // slots below this one may be taken
  int latest_ = 0;  // where the last packet went: bulk traffic comes in runs
  int victim_ = 0;
  uint32_t hashes_[kFlows] = {};  // 0: the slot is free
  Flow flows_[kFlows];            // filled when a slot is taken
};

}  // namespace tun
