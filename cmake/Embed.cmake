# gitferry_embed(TARGET FILE HEADER FUNCTION): FILE's bytes become `std::string_view FUNCTION()`, which HEADER declares, in
# TARGET. Made again whenever FILE changes.
function(gitferry_embed target file header function)
  gitferry_embed_source(${target} ${file} ${header} ${function} "" ${CMAKE_CURRENT_SOURCE_DIR}/${file})
endfunction()

# gitferry_embed_folder(TARGET FOLDER HEADER FUNCTION TYPE FILE…): the FILEs of FOLDER become `std::span<const TYPE> FUNCTION()`,
# which HEADER declares; a TYPE is made of a name and the bytes.
function(gitferry_embed_folder target folder header function type)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/ OUTPUT_VARIABLE files)
  gitferry_embed_source(${target} ${folder} ${header} ${function} ${type} ${files})
endfunction()

function(gitferry_embed_source target name header function type)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded/${name}.cpp)
  string(REPLACE ";" "|" files "${ARGN}")
  add_custom_command(
    OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DFILES=${files} -DHEADER=${header} -DFUNCTION=${function} -DTYPE=${type} -DSOURCE=${source}
            -P ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/Embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${source})
endfunction()

# The same file as a script, at build time.
if(CMAKE_SCRIPT_MODE_FILE)
  string(REGEX REPLACE "^(.*)::([^:]+)$" "\\1" space ${FUNCTION})
  string(REGEX REPLACE "^(.*)::([^:]+)$" "\\2" name ${FUNCTION})
  set(text "#include \"${HEADER}\"\n\nnamespace ${space} {\n")
  string(REPLACE "|" ";" files "${FILES}")
  if(TYPE)
    string(APPEND text "namespace {\nconstexpr ${TYPE} kFiles[] = {\n")
    foreach(file IN LISTS files)
      file(READ ${file} bytes)
      get_filename_component(file_name ${file} NAME)
      string(APPEND text "{\"${file_name}\", R\"embedded(${bytes})embedded\"},\n")
    endforeach()
    string(APPEND text "};\n}  // namespace\n\nstd::span<const ${TYPE}> ${name}() {\n  return kFiles;\n}\n")
  else()
    file(READ ${files} bytes)
    string(APPEND text "std::string_view ${name}() {\n  return R\"embedded(${bytes})embedded\";\n}\n")
  endif()
  file(WRITE ${SOURCE} "${text}}  // namespace ${space}\n")
endif()
