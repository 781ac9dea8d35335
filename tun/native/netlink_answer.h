// What the kernel answers over netlink(7), read without a system call. Nothing in it is taken on trust: a length is one
// of bytes that are there, and an error is one that a kernel has.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>

namespace tun {

// Bytes that somebody else keeps.
struct ByteSpan {
  const uint8_t* data = nullptr;
  size_t length = 0;
};

// Takes the first message off `data`. False if there is none that is whole.
bool TakeMessage(ByteSpan* data, nlmsghdr* header, ByteSpan* body);

// What the body of NLMSG_ERROR and NLMSG_DONE begins with: 0, or an errno; EBADMSG if no kernel says that.
int ErrnoOf(ByteSpan body);

// What the answer to a request with NLM_F_ACK says, in the same way.
int ReadAcknowledgement(ByteSpan data);

// Whether nothing of a dump comes behind this: it says that it is over, by an error as well, or is no whole message.
bool EndsDump(ByteSpan data);

}  // namespace tun
