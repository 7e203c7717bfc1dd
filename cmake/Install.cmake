# What `cmake --install` puts where. Components: `program` for everybody, `local` for what Debian's own packages have elsewhere,
# `debian` (not installed by default) for what belongs to the machine's configuration.
include(GNUInstallDirs)

set(page ${CMAKE_BINARY_DIR}/gitferry.yaml.5)
set(page_parts ${CMAKE_SOURCE_DIR}/packaging/man/gitferry.yaml.5.head ${CMAKE_SOURCE_DIR}/packaging/man/gitferry.yaml.5.tail)
list(GET page_parts 0 page_head)
list(GET page_parts 1 page_tail)
add_custom_command(
  OUTPUT ${page}
  COMMAND ${CMAKE_COMMAND} -DSCHEMA=${CMAKE_SOURCE_DIR}/config/schema.json -DHEAD=${page_head} -DTAIL=${page_tail} -DPAGE=${page}
          -P ${CMAKE_SOURCE_DIR}/cmake/ManualPage.cmake
  DEPENDS ${CMAKE_SOURCE_DIR}/config/schema.json ${page_parts} ${CMAKE_SOURCE_DIR}/cmake/ManualPage.cmake
  VERBATIM)
add_custom_target(manual ALL DEPENDS ${page})

install(TARGETS gitferry RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(FILES packaging/man/gitferry.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT program)
install(FILES ${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT program)
install(FILES packaging/completions/gitferry.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME gitferry
        COMPONENT program)
install(FILES packaging/completions/gitferry.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT program)
install(FILES packaging/completions/_gitferry DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT local)
install(FILES config/schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/gitferry COMPONENT program)
install(FILES README.md CHANGELOG.md SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright COMPONENT program)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program FILES_MATCHING PATTERN "*.md" PATTERN STYLE.md EXCLUDE)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program PATTERN demo EXCLUDE)
install(PROGRAMS examples/compose/git-host/start examples/compose/git-host/post-receive
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples/compose/git-host COMPONENT program)

# The prefix is known when it is installed, and not before: the unit names the program that lies beside it.
install(CODE "
  set(BINDIR \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR})
  configure_file(\"${CMAKE_SOURCE_DIR}/packaging/systemd/gitferry.service.in\" \"${CMAKE_BINARY_DIR}/gitferry.service\" @ONLY)
" COMPONENT program)
install(FILES ${CMAKE_BINARY_DIR}/gitferry.service DESTINATION lib/systemd/system COMPONENT program)

install(FILES packaging/completions/_gitferry DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions
        COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES packaging/debian/default DESTINATION /etc/default RENAME gitferry COMPONENT debian EXCLUDE_FROM_ALL)
install(DIRECTORY DESTINATION /etc/gitferry/secrets DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
        COMPONENT debian EXCLUDE_FROM_ALL)
