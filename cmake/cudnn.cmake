# Finds cuDNN and its C++ headers (cudnn_frontend), which attention uses where they are, and sets PPRUN_CUDNN_FOUND and
# the target pprun_cudnn. Included after cuda.cmake. Pip's wheels nvidia-cudnn-cu13 and nvidia-cudnn-frontend have both;
# the development link libcudnn.so is not needed.
#
#   -DPPRUN_CUDNN=ON|OFF|AUTO       AUTO: where CUDA is built and all of it is found
#   -DPPRUN_CUDNN_FRONTEND=PATH     a folder with cudnn_frontend.h
#   -DCUDNN_ROOT=PATH               a folder with include/cudnn.h and lib/libcudnn.so.9
include(${CMAKE_CURRENT_LIST_DIR}/nvidia_library.cmake)
set(PPRUN_CUDNN_FOUND OFF)
pprun_wants_library(wants_cudnn CUDNN)
if(NOT wants_cudnn)
  return()
endif()
pprun_find_library(CUDNN cudnn cudnn.h libcudnn.so.9)
pprun_python_says(frontend_wheel "from importlib.metadata import distribution as d
print(d('nvidia-cudnn-frontend').locate_file('include'))")
find_path(PPRUN_CUDNN_FRONTEND cudnn_frontend.h HINTS ${frontend_wheel})

# version_of(RESULT FOLDER HEADER PREFIX): MAJOR.MINOR as the header defines it; 0 without the header.
function(version_of result folder header prefix)
  set(version 0)
  if(EXISTS "${folder}/${header}")
    file(STRINGS "${folder}/${header}" lines REGEX "^#define ${prefix}(MAJOR|MINOR)")
    if("${lines}" MATCHES "MAJOR[A-Z_]* ([0-9]+).*MINOR[A-Z_]* ([0-9]+)")
      set(version ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})
    endif()
  endif()
  set(${result} ${version} PARENT_SCOPE)
endfunction()
version_of(cudnn_version "${PPRUN_CUDNN_INCLUDE}" cudnn_version.h CUDNN_)
version_of(frontend_version "${PPRUN_CUDNN_FRONTEND}" cudnn_frontend_version.h CUDNN_FRONTEND_)

# Plans for a GPU that is not there, which the tests make, are the newest of what is used.
if(NOT PPRUN_CUDNN_LIBRARY OR NOT TARGET CUDA::nvrtc OR cudnn_version VERSION_LESS 9.8 OR frontend_version VERSION_LESS
                                                                                         1.13)
  pprun_lacks_library(
    CUDNN "cuDNN 9.8 with libcudnn.so.9, cudnn_frontend 1.13 and NVRTC are needed, found are ${cudnn_version} \
(${PPRUN_CUDNN_LIBRARY}) and ${frontend_version}: give -DCUDNN_ROOT=PATH and -DPPRUN_CUDNN_FRONTEND=PATH, or build \
without cuDNN by -DPPRUN_CUDNN=OFF")
  return()
endif()
add_library(pprun_cudnn INTERFACE)
target_include_directories(pprun_cudnn SYSTEM INTERFACE ${PPRUN_CUDNN_FRONTEND} ${PPRUN_CUDNN_INCLUDE}
                                                        ${CUDAToolkit_INCLUDE_DIRS})
# The headers also hold an engine of their own that calls NVRTC, which cuDNN loads in any case.
target_link_libraries(pprun_cudnn INTERFACE ${PPRUN_CUDNN_LIBRARY} CUDA::nvrtc CUDA::cudart_static)
set(PPRUN_CUDNN_FOUND ON)
