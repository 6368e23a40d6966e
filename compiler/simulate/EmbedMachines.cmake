# Writes a C++ file that holds the built-in machines as text. Run as a script:
#   cmake -DOUTPUT=file.cc -DDIRECTORY=machines -P EmbedMachines.cmake
file(GLOB paths ${DIRECTORY}/*.machine)
list(SORT paths)
set(entries "")
foreach(path ${paths})
  get_filename_component(name ${path} NAME_WE)
  file(READ ${path} text)
  string(APPEND entries "      {\"${name}\", R\"machine(${text})machine\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from machines/*.machine.
#include \"compiler/simulate/machine.h\"

namespace pprun {

const std::vector<MachineFile>& BuiltInMachines() {
  static const std::vector<MachineFile> machines = {
${entries}  };
  return machines;
}

}  // namespace pprun
")
