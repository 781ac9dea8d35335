// An answer of the kernel, whatever it is: nothing outside of it is read, an error is one that there is, and what
// acknowledges ends a dump.
#include "../netlink_answer.h"

#include <cerrno>

#include "check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t length) {
  const auto exact = tun::Exactly(data, length);
  const int error = tun::ReadAcknowledgement({exact.get(), length});
  tun::Require(error >= 0 && error <= 4095);
  if (length >= NLMSG_HDRLEN && error != EBADMSG) tun::Require(tun::EndsDump({exact.get(), length}));
  return 0;
}
