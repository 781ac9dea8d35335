// An answer to a request for a route, whatever it is: nothing outside of it is read, and an error is one that there is.
#include "../netlink_answer.h"

#include "check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t length) {
  const auto exact = tun::Exactly(data, length);
  const int error = tun::ReadAcknowledgement({exact.get(), length});
  tun::Require(error >= 0 && error <= 4095);
  return 0;
}
