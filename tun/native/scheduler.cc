#include "scheduler.h"

#include <cstdlib>
#include <new>

namespace tun {

BlockPool::~BlockPool() {
  for (Item*& list : free_) {
    while (list != nullptr) {
      Item* item = list;
      list = item->next;
      std::free(item);
    }
  }
  while (free_flows_ != nullptr) {
    Flow* flow = free_flows_;
    free_flows_ = flow->next_in_bucket;
    std::free(flow);
  }
}

int BlockPool::ClassOf(size_t block_bytes) {
  int index = 0;
  while (ClassBytes(index) < block_bytes) index += 1;
  return index;
}

Item* BlockPool::Take(size_t packet_bytes) {
  const size_t wanted = Item::kItemHeader + packet_bytes;
  if (wanted > kLargest) return nullptr;
  const int index = ClassOf(wanted);
  Item* item = free_[index];
  if (item != nullptr) {
    free_[index] = item->next;
    free_bytes_ -= ClassBytes(index);
  } else {
    void* memory = std::malloc(ClassBytes(index));
    if (memory == nullptr) return nullptr;
    item = new (memory) Item();
  }
  item->next = nullptr;
  item->flow = nullptr;
  item->block_bytes = ClassBytes(index);
  used_bytes_ += item->block_bytes;
  return item;
}

void BlockPool::Give(Item* item) {
  used_bytes_ -= item->block_bytes;
  if (free_bytes_ + item->block_bytes > kMostFreeBytes) {
    std::free(item);
    return;
  }
  const int index = ClassOf(item->block_bytes);
  item->next = free_[index];
  free_[index] = item;
  free_bytes_ += item->block_bytes;
}

Flow* BlockPool::TakeFlow() {
  void* memory = free_flows_;
  if (free_flows_ != nullptr) {
    free_flows_ = free_flows_->next_in_bucket;
  } else {
    memory = std::malloc(sizeof(Flow));
    if (memory == nullptr) return nullptr;
  }
  return new (memory) Flow();
}

void BlockPool::GiveFlow(Flow* flow) {
  flow->next_in_bucket = free_flows_;
  free_flows_ = flow;
}

void ClientQueue::Push(Item* item, uint64_t now_us) {
  const SuperPacket& packet = item->packet;
  const uint16_t segments = packet.segments();
  const size_t all = packet.FramesBytes();
  size_t bytes = all;
  uint16_t kept = segments;
  if (bytes_ + bytes > most_bytes_) {
    const size_t each = kFrameHeader + packet.SegmentBytes(0);
    const size_t room = most_bytes_ > bytes_ ? most_bytes_ - bytes_ : 0;
    kept = static_cast<uint16_t>(room / each < segments ? room / each : segments - 1);
    bytes = kept * each;
    counters_.drops += segments - kept;
  }
  Flow* flow = kept == 0 ? nullptr : FindFlow(packet.flow_hash());
  if (flow == nullptr) {
    counters_.drops += kept;  // no memory for the flow; 0 otherwise
    pool_->Give(item);
    return;
  }
  item->flow = flow;
  item->since_us = now_us;
  item->next = nullptr;
  item->next_segment = 0;
  item->end_segment = kept;
  bytes_ += bytes;
  memory_ += item->block_bytes;
  const bool is_sparse = flow->head == nullptr && flow->sparse_bytes + bytes <= kSparseBytes &&
                         sparse_bytes_ + bytes <= kMostSparse;
  if (is_sparse) {
    flow->sparse_bytes += static_cast<uint32_t>(bytes);
    sparse_bytes_ += bytes;
    (sparse_tail_ == nullptr ? sparse_head_ : sparse_tail_->next) = item;
    sparse_tail_ = item;
    return;
  }
  flow->bulk_bytes += static_cast<uint32_t>(bytes);
  (flow->tail == nullptr ? flow->head : flow->tail->next) = item;
  flow->tail = item;
  if (!flow->has_turn) TakeTurn(flow);
}

size_t ClientQueue::Fill(uint8_t* out, size_t room, uint64_t now_us, const CodelLimits& limits) {
  size_t filled = FillSparse(out, room);
  if (sparse_head_ == nullptr) filled += FillBulk(out + filled, room - filled, now_us, limits);
  return filled;
}

size_t ClientQueue::FillSparse(uint8_t* out, size_t room) {
  size_t filled = 0;
  while (sparse_head_ != nullptr) {
    Item* item = sparse_head_;
    const size_t packet_bytes = item->packet.SegmentBytes(item->next_segment);
    const size_t bytes = kFrameHeader + packet_bytes;
    if (filled + bytes > room) break;
    filled += item->packet.WriteFrame(item->next_segment, out + filled);
    counters_.frames += 1;
    counters_.packet_bytes += packet_bytes;
    item->next_segment += 1;
    item->flow->sparse_bytes -= static_cast<uint32_t>(bytes);
    sparse_bytes_ -= bytes;
    bytes_ -= bytes;
    if (item->next_segment < item->end_segment) continue;
    sparse_head_ = item->next;
    if (sparse_head_ == nullptr) sparse_tail_ = nullptr;
    Remove(item);
  }
  return filled;
}

// Deficit round robin (Shreedhar and Varghese, 1995): a flow sends until its deficit is used up, then the next.
size_t ClientQueue::FillBulk(uint8_t* out, size_t room, uint64_t now_us, const CodelLimits& limits) {
  size_t filled = 0;
  while (turn_head_ != nullptr) {
    Flow* flow = turn_head_;
    if (flow->deficit <= 0) {
      flow->deficit += kQuantum;
      if (flow->next_in_turn != nullptr) {
        turn_head_ = flow->next_in_turn;
        flow->next_in_turn = nullptr;
        turn_tail_->next_in_turn = flow;
        turn_tail_ = flow;
      }
      continue;
    }
    Item* item = flow->head;
    const size_t packet_bytes = item->packet.SegmentBytes(item->next_segment);
    const size_t bytes = kFrameHeader + packet_bytes;
    if (filled + bytes > room) break;
    const bool is_early = flow->codel.ShouldDrop(now_us - item->since_us, flow->bulk_bytes, now_us, limits);
    if (is_early && !item->packet.is_ecn_capable()) {
      counters_.drops += 1;
    } else {
      uint8_t* frame = out + filled;
      filled += item->packet.WriteFrame(item->next_segment, frame);
      if (is_early) MarkCongestion(frame + kFrameHeader);
      if (is_early) counters_.marks += 1;
      counters_.frames += 1;
      counters_.packet_bytes += packet_bytes;
      flow->deficit -= static_cast<int32_t>(bytes);
    }
    item->next_segment += 1;
    flow->bulk_bytes -= static_cast<uint32_t>(bytes);
    bytes_ -= bytes;
    if (item->next_segment == item->end_segment) PopBulk(flow);
  }
  return filled;
}

void ClientQueue::DropLongest(size_t bytes) {
  size_t freed = 0;
  while (freed < bytes && bytes_ > 0) {
    Flow* longest = turn_head_;
    for (Flow* flow = turn_head_; flow != nullptr; flow = flow->next_in_turn) {
      if (flow->bulk_bytes > longest->bulk_bytes) longest = flow;
    }
    Item* item = longest == nullptr ? sparse_head_ : longest->head;
    freed += item->block_bytes;
    size_t left = 0;
    for (uint16_t i = item->next_segment; i < item->end_segment; i++) left += kFrameHeader + item->packet.SegmentBytes(i);
    counters_.drops += item->end_segment - item->next_segment;
    bytes_ -= left;
    if (longest != nullptr) {
      longest->bulk_bytes -= static_cast<uint32_t>(left);
      // Out of turn: a flow that is emptied here leaves the round where it stands.
      PopBulk(longest);
      continue;
    }
    item->flow->sparse_bytes -= static_cast<uint32_t>(left);
    sparse_bytes_ -= left;
    sparse_head_ = item->next;
    if (sparse_head_ == nullptr) sparse_tail_ = nullptr;
    Remove(item);
  }
}

void ClientQueue::Clear() {
  const QueueCounters before = counters_;
  DropLongest(SIZE_MAX);
  counters_ = before;  // what is given up with its client is no drop of the queue
}

Flow* ClientQueue::FindFlow(uint32_t hash) {
  Flow** bucket = &buckets_[hash % kBuckets];
  for (Flow* flow = *bucket; flow != nullptr; flow = flow->next_in_bucket) {
    if (flow->hash == hash) return flow;
  }
  Flow* flow = pool_->TakeFlow();
  if (flow == nullptr) return nullptr;
  flow->hash = hash;
  flow->deficit = kQuantum;
  flow->next_in_bucket = *bucket;
  *bucket = flow;
  return flow;
}

void ClientQueue::ReleaseFlow(Flow* flow) {
  Flow** link = &buckets_[flow->hash % kBuckets];
  while (*link != flow) link = &(*link)->next_in_bucket;
  *link = flow->next_in_bucket;
  pool_->GiveFlow(flow);
}

void ClientQueue::TakeTurn(Flow* flow) {
  flow->has_turn = true;
  flow->next_in_turn = nullptr;
  (turn_tail_ == nullptr ? turn_head_ : turn_tail_->next_in_turn) = flow;
  turn_tail_ = flow;
}

// The item is in no list any more.
void ClientQueue::Remove(Item* item) {
  Flow* flow = item->flow;
  memory_ -= item->block_bytes;
  pool_->Give(item);
  if (flow->head == nullptr && flow->sparse_bytes == 0) ReleaseFlow(flow);
}

// The flow's first item is used up.
void ClientQueue::PopBulk(Flow* flow) {
  Item* item = flow->head;
  flow->head = item->next;
  if (flow->head == nullptr) {
    flow->tail = nullptr;
    flow->has_turn = false;
    Flow* before = nullptr;
    for (Flow* at = turn_head_; at != flow; at = at->next_in_turn) before = at;
    (before == nullptr ? turn_head_ : before->next_in_turn) = flow->next_in_turn;
    if (turn_tail_ == flow) turn_tail_ = before;
    flow->next_in_turn = nullptr;
  }
  Remove(item);
}

}  // namespace tun
