# gitferry_embed(TARGET FILE HEADER FUNCTION): FILE's bytes become `std::string_view FUNCTION()`, which HEADER declares, in
# TARGET. Made again whenever FILE changes.
function(gitferry_embed target file header function)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${file}.cpp)
  add_custom_command(
    OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DFILE=${CMAKE_CURRENT_SOURCE_DIR}/${file} -DHEADER=${header} -DFUNCTION=${function}
            -DSOURCE=${source} -P ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${source})
endfunction()

# The same file as a script, at build time.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${FILE} bytes)
  string(REGEX REPLACE "^(.*)::([^:]+)$" "\\1" space ${FUNCTION})
  string(REGEX REPLACE "^(.*)::([^:]+)$" "\\2" name ${FUNCTION})
  file(WRITE ${SOURCE}
    "#include \"${HEADER}\"\n\nnamespace ${space} {\nstd::string_view ${name}() {\n  return R\"embedded(${bytes})embedded\";\n}\n}  // namespace ${space}\n")
endif()
