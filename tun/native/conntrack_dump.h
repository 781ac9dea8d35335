// Which of the kernel's flows belong to addresses that are given up, without a system call: see conntrack.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

#include "netlink_answer.h"

namespace tun {

// Addresses in network byte order as integers of the host; of IPv6 the first 64 bits count.
struct FlowMatcher {
  std::unordered_set<uint32_t> ipv4;
  std::unordered_set<uint64_t> ipv6;
  std::vector<std::pair<uint32_t, uint32_t>> networks4;  // network, mask
  std::vector<std::pair<uint64_t, uint64_t>> networks6;

  bool Has4(uint32_t address) const;
  bool Has6(uint64_t prefix) const;
};

enum class DumpState { kMore, kDone, kFailed };

struct DumpResult {
  DumpState state = DumpState::kMore;
  int error = 0;                 // with kFailed: what the kernel answered, or EBADMSG
  size_t matched = 0;            // requests written
  bool was_interrupted = false;  // the table changed meanwhile: the dump may lack flows
};

// Reads what one recv of a dump brought and appends a request to delete for each flow with such an address, as source or
// destination, before or after translation. Messages that are not what they should be are passed over.
DumpResult ReadDump(ByteSpan received, const FlowMatcher& matcher, std::vector<uint8_t>* requests);

// Appends a request to delete the flows of one IPv4 address; kernels before 6.12 refuse it (EINVAL, EOPNOTSUPP).
// `is_reply`: those whose answers come from the address, else those that it began.
void AppendFilteredDelete(uint32_t address, bool is_reply, std::vector<uint8_t>* requests);

}  // namespace tun
