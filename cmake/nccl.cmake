# Finds NCCL, which several GPUs need, and sets PPRUN_NCCL_FOUND and the target pprun_nccl. Included after
# cuda.cmake. The development link libnccl.so is not needed: pip's wheels have libnccl.so.2 alone.
#
#   -DPPRUN_NCCL=ON|OFF|AUTO   AUTO: where CUDA is built and NCCL is found
#   -DNCCL_ROOT=PATH           a folder with include/nccl.h and lib/libnccl.so.2
include(${CMAKE_CURRENT_LIST_DIR}/nvidia_library.cmake)
set(PPRUN_NCCL_FOUND OFF)
pprun_wants_library(wants_nccl NCCL)
if(NOT wants_nccl)
  return()
endif()
pprun_find_library(NCCL nccl nccl.h libnccl.so.2)
if(NOT PPRUN_NCCL_INCLUDE OR NOT PPRUN_NCCL_LIBRARY)
  pprun_lacks_library(NCCL "nccl.h and libnccl.so.2 were not found: give -DNCCL_ROOT=PATH, or build without NCCL by \
-DPPRUN_NCCL=OFF")
  return()
endif()
add_library(pprun_nccl INTERFACE)
target_include_directories(pprun_nccl SYSTEM INTERFACE ${PPRUN_NCCL_INCLUDE} ${CUDAToolkit_INCLUDE_DIRS})
target_link_libraries(pprun_nccl INTERFACE ${PPRUN_NCCL_LIBRARY} CUDA::cudart_static)
set(PPRUN_NCCL_FOUND ON)
