# The package for Debian: `cpack --config build/release/CPackConfig.cmake`, or `./dev package`.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME gitferry)
set(CPACK_PACKAGE_CONTACT "gitferry developers <gitferry@gitferry.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "keeps branches of two git hosts in step")
set(CPACK_PACKAGE_DESCRIPTION
"A git host sends a signed push webhook; gitferry verifies it, writes it to
disk, answers, and brings the bound branch on the other host to the same
commit. Packs stream from host to host, without a clone to keep. What was
acknowledged survives a crash of the process or the machine.")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
# Whatever the umask of who builds it.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_INSTALL_CMAKE_PROJECTS
  "${CMAKE_BINARY_DIR};gitferry;program;/"
  "${CMAKE_BINARY_DIR};gitferry;debian;/")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION vcs)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS ca-certificates)
# For local paths; for ssh addresses; and so that ssh, as a child of the service, finds the name of its user.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "git, openssh-client, libnss-systemd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${CMAKE_SOURCE_DIR}/packaging/debian/conffiles
  ${CMAKE_SOURCE_DIR}/packaging/debian/postinst
  ${CMAKE_SOURCE_DIR}/packaging/debian/prerm
  ${CMAKE_SOURCE_DIR}/packaging/debian/postrm)
include(CPack)
