# Writes a C++ file that holds the style and the script of the HTML timeline as text. Run as a script:
#   cmake -DOUTPUT=file.cc -DDIRECTORY=page -P EmbedPage.cmake
file(READ ${DIRECTORY}/timeline.css style)
set(script "'use strict';\n(() => {\n")
foreach(part words charts page)
  file(READ ${DIRECTORY}/${part}.js text)
  string(APPEND script "${text}")
endforeach()
string(APPEND script "})();\n")
file(WRITE ${OUTPUT} "// Generated from compiler/report/page/.
#include \"compiler/report/html_timeline.h\"

namespace pprun {

std::string_view TimelineStyle() { return R\"page(${style})page\"; }
std::string_view TimelineScript() { return R\"page(${script})page\"; }

}  // namespace pprun
")
