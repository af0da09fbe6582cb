# The web page, built by npm/Vite, and the runbooks of the starter pack: embedded into the binary as bytes.
set(console_dir ${CMAKE_SOURCE_DIR}/http/console)
set(console_dist ${CMAKE_BINARY_DIR}/console)
set(console_cpp ${CMAKE_BINARY_DIR}/console_assets.cpp)
find_program(NPM npm)
add_executable(fm_embed ${CMAKE_SOURCE_DIR}/config/cmake/embed.cpp)
set_target_properties(fm_embed PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
if(NPM AND EXISTS ${console_dir}/package-lock.json)
  file(GLOB_RECURSE console_sources CONFIGURE_DEPENDS ${console_dir}/src/*)
  file(GLOB console_top CONFIGURE_DEPENDS ${console_dir}/*.html ${console_dir}/*.json ${console_dir}/*.ts ${console_dir}/public/*)
  add_custom_command(OUTPUT ${console_dir}/node_modules/.package-lock.json
    COMMAND ${NPM} ci --no-audit --no-fund --loglevel=error
    DEPENDS ${console_dir}/package-lock.json WORKING_DIRECTORY ${console_dir}
    COMMENT "Installing the console's npm packages" VERBATIM)
  add_custom_command(OUTPUT ${console_dist}/index.html
    COMMAND ${NPM} run build --silent -- --outDir ${console_dist} --emptyOutDir
    DEPENDS ${console_dir}/node_modules/.package-lock.json ${console_sources} ${console_top}
    WORKING_DIRECTORY ${console_dir} COMMENT "Building the console" VERBATIM)
  add_custom_command(OUTPUT ${console_cpp} COMMAND fm_embed ${console_dist} ${console_cpp} console_assets
    DEPENDS fm_embed ${console_dist}/index.html COMMENT "Embedding the console" VERBATIM)
else()
  message(WARNING "npm or http/console/package-lock.json is missing: the binary is built without its web page")
  add_custom_command(OUTPUT ${console_cpp} COMMAND fm_embed - ${console_cpp} console_assets DEPENDS fm_embed VERBATIM)
endif()
file(GLOB runbooks CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/config/runbooks/*.md)
set(runbooks_cpp ${CMAKE_BINARY_DIR}/starter_runbooks.cpp)
add_custom_command(OUTPUT ${runbooks_cpp} COMMAND fm_embed ${CMAKE_SOURCE_DIR}/config/runbooks ${runbooks_cpp} starter_runbooks
  DEPENDS fm_embed ${runbooks} COMMENT "Embedding the runbooks" VERBATIM)
add_library(fm_console STATIC ${console_cpp} ${runbooks_cpp})
