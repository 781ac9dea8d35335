// The data path of one device: a slot per client, what waits for it, and the way of its packets. No N-API in here, so
// that every decision about a packet can be read, and run, without JavaScript.
//
//     network to client (ReadDevice, Take)           client to network (Receive)
//      1 read super-packets until there are no more    1 split the chunk into SSTP packets       (frames.h)
//      2 destination address -> slot                   2 source and destination allowed?         (ingress.h)
//      3 fits the client's MRU? clamp the MSS          3 clamp the MSS, not to another client?
//      4 queue, at most so much                        4 merge packets of a flow                 (coalesce.h)
//      5 cut into frames, into the outgoing buffer     5 one write per super-packet
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "coalesce.h"
#include "frames.h"
#include "inflight.h"
#include "ingress.h"
#include "scheduler.h"

namespace tun {

// PathReadStats gives them with what else is counted, in the order of STATS in tun/tun-path.ts.
struct SlotCounters {
  uint64_t packets_in = 0;
  uint64_t bytes_in = 0;
  uint64_t drops_closed = 0;
  uint64_t drops_too_big = 0;
  uint64_t drops_malformed = 0;
  uint64_t drops_source = 0;
  uint64_t drops_destination = 0;
  uint64_t drops_group = 0;
  uint64_t drops_isolated = 0;
  uint64_t packets_link_local = 0;
};

struct Slot {
  Slot(BlockPool* blocks, FramePool* frames, size_t most_bytes) : queue(blocks, most_bytes), splitter(frames) {}

  int32_t id = 0;
  int fd = -1;  // of the peer's connection, borrowed: for TCP_INFO
  bool is_from_server = false;
  bool is_open4 = false;
  bool is_open6 = false;
  bool is_armed = true;  // nothing is being written for it, and JavaScript waits to be told of the first packet
  std::string pacing;  // the congestion control that we choose if the path is not local, and that paces
  bool is_paced = false;  // by it
  bool is_held = false;  // by the cap; the timer looks again
  uint16_t mru = 1500;   // RFC 1661 6.1
  uint32_t address4 = 0;
  Ipv6Client client6 = {};
  size_t in_write = 0;  // bytes of memory in the outstanding write
  uint64_t next_too_big_us = 0;
  ClientQueue queue;
  PipeModel pipe;
  FrameSplitter splitter;
  SlotCounters counters;
};

// What TypeScript has to decide about, none of it urgent.
struct PathEvent {
  enum Kind : int32_t { kTooBig = 1, kLinkLocal = 2 };
  int32_t slot;
  Kind kind;
  std::string packet;
};

// Those that wait at a time.
constexpr size_t kMostEvents = 64;
// An ICMP error quotes at most 1,280 bytes (RFC 4443 2.4 c); Neighbour Discovery fits as well.
constexpr size_t kMostEventBytes = 2048;

enum class Decide : int32_t { kNothing = 0, kControl = 1, kPpp = 2, kBadVersion = 3, kBadLength = 4, kNoMemory = 5 };

struct Receipt {
  Decide kind = Decide::kNothing;
  size_t taken = 0;
  uint8_t* frame = nullptr;  // of kControl and kPpp; valid until EndBatch
  size_t frame_length = 0;
  uint32_t frames = 0;  // whole ones
};

struct PathTotals {
  uint64_t reads = 0;
  uint64_t writes = 0;
  uint64_t write_drops = 0;
  uint64_t drops_unknown = 0;
  uint64_t drops_group = 0;
  uint64_t drops_malformed = 0;
};

// Where there are clients, and what in there is none.
struct ClientNetwork {
  bool is_ipv6;
  uint8_t prefix_length;
  uint8_t own_prefix_length;
  uint8_t network[16];
  uint8_t own[16];
};

struct PathOptions {
  int fd = -1;
  uint16_t mtu = 1400;
  bool has_vnet = false;
  bool isolates = false;  // clients may not reach each other
  CoalesceOptions coalesce;
  size_t most_bytes = 0;  // of memory in all queues and outstanding writes
};

class Path final : private PacketSink, private FrameSink {
 public:
  explicit Path(const PathOptions& options);
  ~Path() override;
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

  Slot* Attach(size_t most_bytes);  // nullptr if there are too many
  void Detach(Slot* slot);
  Slot* Find(int32_t id) const;
  void SetDefault(Slot* slot) { default_ = slot; }
  void AddNetwork(const ClientNetwork& network) { networks_.push_back(network); }
  // `kind` 4: an address of 4 bytes; 6: a /64; 10: a link-local address. Removing what another slot has by now does
  // nothing.
  void AddRoute(int kind, const uint8_t* address, Slot* slot);
  void RemoveRoute(int kind, const uint8_t* address, const Slot* slot);

  // Reads and queues what the device has, up to a bound. 0, or the errno that ended it.
  int ReadDevice(uint64_t now_us);
  // Queues a copy of one IP packet for `slot`, as if the device had sent it.
  void Inject(Slot* slot, const uint8_t* packet, size_t length, uint64_t now_us);
  // The last write of `slot` is done: bytes that the next may have, or 0 if nothing waits or nothing may be sent yet.
  size_t Pending(Slot* slot, uint64_t now_us);
  size_t Take(Slot* slot, uint8_t* out, size_t room, size_t memory, uint64_t now_us);
  // Looks again at what the cap holds back. Whether anything still is.
  bool Release(uint64_t now_us);

  Receipt Receive(Slot* slot, uint8_t* chunk, size_t length);
  void EndBatch();  // after the last Receive of a call, before the chunks may change
  void WriteAlone(const uint8_t* packet, size_t length);

  std::vector<int32_t>& ready() { return ready_; }
  std::deque<PathEvent>& events() { return events_; }
  bool has_held() const { return !held_.empty(); }
  // Of the last ReadDevice: packets and super-packets, and their bytes.
  size_t last_reads() const { return last_reads_; }
  size_t last_bytes() const { return last_bytes_; }
  // Bytes of clients' packets to the device since the last call.
  size_t TakeWritten() { return std::exchange(written_, 0); }
  const PathTotals& totals() const { return totals_; }
  size_t memory() const { return blocks_.used_bytes() - scratch_bytes_ + in_writes_; }

 private:
  void WritePacket(const struct iovec* parts, int count) override;
  void OnIp(uint8_t* packet, size_t length, bool is_ipv6) override;
  NextStep OnControl(uint8_t* packet, size_t length) override;
  NextStep OnPpp(uint8_t* frame, size_t length) override;
  void OnShortFrame() override;

  Slot* SlotFor(const uint8_t* destination, bool is_ipv6) const;
  bool IsClient(const uint8_t* destination, bool is_ipv6) const;
  Item* ReadItem(int* error);
  void Route(Item* item, uint64_t now_us);
  void Enqueue(Slot* slot, Item* item, uint64_t now_us);
  bool Fragment(Slot* slot, const SuperPacket& packet, uint64_t now_us);
  void TellTooBig(Slot* slot, const SuperPacket& packet, uint64_t now_us);
  void KeepBound();
  void Pace(Slot* slot);
  void Forward(uint8_t* packet, size_t length, bool is_ipv6);
  void Refuse(Verdict verdict, const uint8_t* packet, size_t length);

  const PathOptions options_;
  BlockPool blocks_;
  FramePool frames_;
  std::unique_ptr<Coalescer> coalescer_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<uint16_t> generations_;
  std::vector<int32_t> free_;
  std::unordered_map<uint32_t, Slot*> by_ipv4_;
  std::unordered_map<uint64_t, Slot*> by_prefix_;
  std::unordered_map<uint64_t, Slot*> by_link_local_;
  std::vector<ClientNetwork> networks_;  // of clients that may be on another device
  Slot* default_ = nullptr;
  std::vector<int32_t> ready_;
  std::vector<int32_t> held_;
  std::deque<PathEvent> events_;
  Item* scratch_ = nullptr;
  size_t scratch_bytes_ = 0;
  size_t in_writes_ = 0;
  size_t last_reads_ = 0;
  size_t last_bytes_ = 0;
  size_t written_ = 0;
  PathTotals totals_;
  Slot* current_ = nullptr;  // during Receive
  Receipt receipt_;
};

}  // namespace tun
