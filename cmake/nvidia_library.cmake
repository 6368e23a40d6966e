# What cudnn.cmake and nccl.cmake share: libraries of NVIDIA that CUDA is built with where they are, from pip's wheels too.

# pprun_wants_library(RESULT NAME): whether PPRUN_NAME asks for the library. AUTO asks where CUDA is built; ON is an error
# where it is not.
function(pprun_wants_library result name)
  set(${result} OFF PARENT_SCOPE)
  if(PPRUN_${name} AND PPRUN_CUDA_FOUND)
    set(${result} ON PARENT_SCOPE)
  elseif(PPRUN_${name} AND NOT PPRUN_${name} STREQUAL "AUTO")
    message(FATAL_ERROR "-DPPRUN_${name}=ON needs -DPPRUN_CUDA=ON")
  endif()
endfunction()

# pprun_python_says(RESULT CODE): what this machine's Python prints; empty where it fails.
function(pprun_python_says result code)
  find_package(Python3 COMPONENTS Interpreter QUIET)
  set(text "")
  if(Python3_FOUND)
    execute_process(COMMAND ${Python3_EXECUTABLE} -c "${code}" OUTPUT_VARIABLE text OUTPUT_STRIP_TRAILING_WHITESPACE
                    ERROR_QUIET)
  endif()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

# pprun_find_library(NAME MODULE HEADER SONAME): sets PPRUN_NAME_INCLUDE and PPRUN_NAME_LIBRARY. Looks in NAME_ROOT, the
# environment, CUDA's folders and pip's wheel nvidia.MODULE.
function(pprun_find_library name module header soname)
  pprun_python_says(wheel "import nvidia.${module}; print(list(nvidia.${module}.__path__)[0])")
  set(hints ${${name}_ROOT} $ENV{${name}_ROOT} $ENV{${name}_HOME} ${CUDAToolkit_LIBRARY_ROOT}
            ${CUDAToolkit_BIN_DIR}/.. ${wheel})
  find_path(PPRUN_${name}_INCLUDE ${header} HINTS ${hints} PATH_SUFFIXES include)
  find_library(PPRUN_${name}_LIBRARY NAMES ${module} ${soname} NAMES_PER_DIR HINTS ${hints} PATH_SUFFIXES lib lib64)
endfunction()

# pprun_lacks_library(NAME MESSAGE): an error, unless AUTO leaves the library out and says so.
function(pprun_lacks_library name message)
  if(NOT PPRUN_${name} STREQUAL "AUTO")
    message(FATAL_ERROR "${message}")
  endif()
  message(STATUS "Built without ${name}: ${message}")
endfunction()
