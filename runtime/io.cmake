# What a run reads and writes beside its console: files, data, weights, metrics, progress. A library of its own,
# so that its tests need neither a device nor an executor.
set(io_sources data.cc data_file.cc float_conversion.cc learning_rate.cc mapped_file.cc metrics.cc progress.cc safetensors.cc
               synthetic_text.cc token_stream.cc weights.cc window_order.cc)
pprun_library(pprun_io SOURCES ${io_sources} LINKS pprun_plan)
list(TRANSFORM io_sources PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
