# Completion of gitferry(1) for bash. Commands, options and their values are those of `gitferry --help`; a test compares them.

_gitferry_options() {
  case $1 in
    serve) echo '--config --log-level --log-format --help' ;;
    check-config) echo '--config --help' ;;
    log-level) echo 'debug info warn error --config --url --token-file --help' ;;
    print-config) echo '--config --json --help' ;;
    import) echo '--secrets --help' ;;
    check-db) echo '--config --backup --help' ;;
    healthcheck) echo '--config --url --live --help' ;;
    status) echo '--config --url --token-file --json --help' ;;
    deliveries) echo '--config --url --token-file --verdict --limit --json --help' ;;
    sync) echo '--config --url --token-file --direction --dry-run --force --wait --json --help' ;;
    send-webhook)
      echo '--config --provider --repo --side --organisation --full-name --repository-url --ref --url --before --after --event --form --help'
      ;;
    'hooks install') echo '--config --side --organisation --url --rotate --dry-run --json --help' ;;
    'hooks check') echo '--config --side --organisation --url --json --help' ;;
    hooks) echo '--help' ;;
    notify-test) echo '--config --help' ;;
    version) echo '--json --help' ;;
    *) echo '--help --version' ;;
  esac
}

_gitferry_values() {
  case $1 in
    --verdict) echo 'accepted ignored duplicate refused' ;;
    --log-level) echo 'debug info warn error' ;;
    --log-format) echo 'auto json logfmt' ;;
    --direction) echo 'to_outer to_inter' ;;
    --side) echo 'internal external' ;;
    --event) echo 'push ping' ;;
    --provider)
      echo 'github gitlab gitea forgejo gogs gitee gitcode codeup coding tencent bitbucket bitbucket-server azure gerrit standard'
      ;;
  esac
}

_gitferry() {
  local commands='serve check-config print-config import check-db healthcheck status deliveries log-level sync send-webhook hooks notify-test version'
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words
  COMPREPLY=()
  if [[ $command == hooks ]] && ((COMP_CWORD > 2)); then
    command+=" ${COMP_WORDS[2]}"
  fi
  if ((COMP_CWORD == 1)); then
    words="$commands $(_gitferry_options '')"
  elif [[ $command == hooks ]]; then
    words="install check $(_gitferry_options hooks)"
  else
    case $before in
      --config | --token-file | --backup | --secrets)
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        compopt -o filenames 2>/dev/null
        return
        ;;
    esac
    words=$(_gitferry_values "$before")
    [[ -n $words ]] || words=$(_gitferry_options "$command")
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _gitferry gitferry
