// What a dump of flows brought, whatever it is: nothing outside of it is read, and each request is whole.
#include "../conntrack_dump.h"

#include <linux/netlink.h>

#include <cstring>
#include <vector>

#include "check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t length) {
  tun::FlowMatcher matcher;
  matcher.ipv4 = {0x0a560002, 0};
  matcher.networks4.emplace_back(0xc0000000, 0xff000000);
  matcher.networks6.emplace_back(0xfd00000000000000, 0xff00000000000000);
  std::vector<uint8_t> requests;
  const auto exact = tun::Exactly(data, length);
  const tun::DumpResult result = tun::ReadDump({exact.get(), length}, matcher, &requests);
  tun::Require((result.state == tun::DumpState::kFailed) == (result.error != 0));
  tun::Require(result.error >= 0 && result.error <= 4095);
  size_t at = 0;
  size_t count = 0;
  while (at < requests.size()) {
    nlmsghdr header;
    tun::Require(requests.size() - at >= sizeof(header));
    std::memcpy(&header, requests.data() + at, sizeof(header));
    tun::Require(header.nlmsg_len >= sizeof(header) && header.nlmsg_len <= requests.size() - at);
    tun::Require(header.nlmsg_len % NLMSG_ALIGNTO == 0);
    at += header.nlmsg_len;
    count++;
  }
  tun::Require(count == result.matched);
  tun::Require(requests.size() <= 2 * length + 64);
  return 0;
}
