// What waits for one client: sparse flows first, the others in turn (DRR), each with CoDel. Pure: bytes and time come in
// as arguments. RFC 8290 (FQ-CoDel) is the pattern; the difference is that what waits are super-packets, of which
// frames are cut, sent and dropped one by one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "codel.h"
#include "packet.h"

namespace tun {

struct Flow;

// One packet or super-packet that waits, in a block of memory with its bytes behind it.
struct Item {
  Item* next;
  Flow* flow;
  uint64_t since_us;
  size_t block_bytes;      // this struct included
  uint16_t next_segment;   // the first that was neither sent nor dropped
  uint16_t end_segment;    // behind the last that may be sent
  SuperPacket packet;      // a view of bytes()

  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this) + kItemHeader; }
  static constexpr size_t kItemHeader = 128;
};
static_assert(sizeof(Item) <= Item::kItemHeader, "the bytes begin behind the header");

// Memory for items in sizes that are powers of two, kept for the next. One pool serves all queues of a device.
class BlockPool {
 public:
  static constexpr size_t kLargest = Item::kItemHeader + kMaxSuperPacket;

  BlockPool() = default;
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  Item* Take(size_t packet_bytes);  // nullptr without memory
  void Give(Item* item);
  Flow* TakeFlow();
  void GiveFlow(Flow* flow);

  size_t used_bytes() const { return used_bytes_; }  // in the hands of queues

 private:
  static constexpr int kClasses = 10;  // 256 bytes to 64 KiB, then kLargest
  static constexpr size_t kMostFreeBytes = 4 << 20;

  static size_t ClassBytes(int index) { return index + 1 == kClasses ? kLargest : size_t{256} << index; }
  static int ClassOf(size_t block_bytes);

  Item* free_[kClasses] = {};
  Flow* free_flows_ = nullptr;
  size_t free_bytes_ = 0;
  size_t used_bytes_ = 0;
};

struct Flow {
  uint32_t hash;
  uint32_t sparse_bytes;  // of it in the sparse queue; bytes are those of frames everywhere here
  uint32_t bulk_bytes;
  int32_t deficit;
  Item* head;
  Item* tail;
  Flow* next_in_bucket;
  Flow* next_in_turn;
  Codel codel;
  bool has_turn;
};

struct QueueCounters {
  uint64_t frames = 0;
  uint64_t packet_bytes = 0;  // of IP packets in those frames
  uint64_t drops = 0;         // frames: CoDel, the bounds
  uint64_t marks = 0;         // frames: CoDel, sent with Congestion Experienced
};

class ClientQueue {
 public:
  // `most_bytes` of frames may wait.
  ClientQueue(BlockPool* pool, size_t most_bytes) : pool_(pool), most_bytes_(most_bytes) {}
  ~ClientQueue() { Clear(); }
  ClientQueue(const ClientQueue&) = delete;
  ClientQueue& operator=(const ClientQueue&) = delete;

  // Takes the item, whose `packet` was parsed; of a super-packet that does not fit the frames that do.
  void Push(Item* item, uint64_t now_us);
  // Writes frames one behind the other while they fit `room`; returns the bytes.
  size_t Fill(uint8_t* out, size_t room, uint64_t now_us, const CodelLimits& limits);
  // Drops the oldest of the longest flow until `bytes` of memory are free or nothing waits.
  void DropLongest(size_t bytes);
  void Clear();

  size_t bytes() const { return bytes_; }
  size_t memory() const { return memory_; }
  bool is_empty() const { return bytes_ == 0; }
  const QueueCounters& counters() const { return counters_; }

 private:
  static constexpr uint32_t kBuckets = 32;
  static constexpr uint32_t kSparseBytes = 3'000;       // of one flow
  static constexpr uint32_t kMostSparse = 32 * 1024;    // of all flows, so that many small ones cannot starve the rest
  static constexpr int32_t kQuantum = 3'028;            // two full frames of Ethernet size

  Flow* FindFlow(uint32_t hash);
  void ReleaseFlow(Flow* flow);
  void TakeTurn(Flow* flow);
  void Remove(Item* item);
  void PopBulk(Flow* flow);
  size_t FillSparse(uint8_t* out, size_t room);
  size_t FillBulk(uint8_t* out, size_t room, uint64_t now_us, const CodelLimits& limits);

  BlockPool* const pool_;
  const size_t most_bytes_;
  Item* sparse_head_ = nullptr;
  Item* sparse_tail_ = nullptr;
  Flow* turn_head_ = nullptr;  // flows with bulk items; the head is being served
  Flow* turn_tail_ = nullptr;
  size_t sparse_bytes_ = 0;
  size_t bytes_ = 0;
  size_t memory_ = 0;
  QueueCounters counters_;
  Flow* buckets_[kBuckets] = {};
};

}  // namespace tun
