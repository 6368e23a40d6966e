# Writes a C++ file that holds the built-in schedules as text. Run as a script:
#   cmake -DOUTPUT=file.cc -DDIRECTORY=schedules -P EmbedSchedules.cmake
file(GLOB paths ${DIRECTORY}/*.sched)
list(SORT paths)
set(entries "")
foreach(path ${paths})
  get_filename_component(name ${path} NAME_WE)
  file(READ ${path} text)
  string(APPEND entries "      {\"${name}\", R\"schedule(${text})schedule\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from schedules/*.sched.
#include \"dsl/frontend.h\"

namespace pprun {

const std::vector<std::pair<std::string, std::string>>& BuiltInSchedules() {
  static const std::vector<std::pair<std::string, std::string>> schedules = {
${entries}  };
  return schedules;
}

}  // namespace pprun
")
