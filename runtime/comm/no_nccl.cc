// In the place of nccl_library.cc where NCCL is not built. Tests: nccl_test.cc, where it is used.
#include "runtime/comm/nccl_api.h"

namespace pprun {

std::unique_ptr<NcclApi> OpenNccl() {
  throw std::runtime_error(
      "this pprun is built without NCCL, which several GPUs need; build it where nccl.h and "
      "libnccl.so.2 are found, with -DPPRUN_NCCL=ON");
}

}  // namespace pprun
