# Completion of gitferry(1) for fish. Commands, options and their values are those of `gitferry --help`; a test compares them.

function __gitferry_option
    # COMMANDS OPTION DESCRIPTION [MORE OF complete]
    complete -c gitferry -n "__fish_seen_subcommand_from $argv[1]" -l $argv[2] -d $argv[3] $argv[4..-1]
end

complete -c gitferry -f
complete -c gitferry -s h -l help -d 'Show help'
complete -c gitferry -n __fish_use_subcommand -l version -d 'Print the version'

complete -c gitferry -n __fish_use_subcommand -a serve -d 'Receive webhooks and sync'
complete -c gitferry -n __fish_use_subcommand -a check-config -d 'Check a configuration'
complete -c gitferry -n __fish_use_subcommand -a print-config -d 'Print the configuration in force'
complete -c gitferry -n __fish_use_subcommand -a import -d 'Make a configuration of the original service\'s database'
complete -c gitferry -n __fish_use_subcommand -a check-db -d 'Check the database, and copy it'
complete -c gitferry -n __fish_use_subcommand -a healthcheck -d 'Ask the running agent whether it is ready'
complete -c gitferry -n __fish_use_subcommand -a status -d 'Show how every branch stands'
complete -c gitferry -n __fish_use_subcommand -a deliveries -d 'Show the webhooks that arrived'
complete -c gitferry -n __fish_use_subcommand -a log-level -d 'Have the running agent log more or less'
complete -c gitferry -n __fish_use_subcommand -a sync -d 'Sync one repository now'
complete -c gitferry -n __fish_use_subcommand -a send-webhook -d 'Send a signed test delivery'
complete -c gitferry -n __fish_use_subcommand -a notify-test -d 'Send a test notice'
complete -c gitferry -n __fish_use_subcommand -a hooks -d 'Set up webhooks at git hosts, and check them'
complete -c gitferry -n __fish_use_subcommand -a version -d 'Print versions'

complete -c gitferry -n '__fish_seen_subcommand_from hooks; and not __fish_seen_subcommand_from install check' \
    -a install -d 'Create or repair webhooks at git hosts'
complete -c gitferry -n '__fish_seen_subcommand_from hooks; and not __fish_seen_subcommand_from install check' \
    -a check -d 'Say whether webhooks still deliver'

__gitferry_option 'serve check-config print-config check-db healthcheck status deliveries log-level sync send-webhook notify-test install check' config 'Configuration file' -r -F
__gitferry_option 'healthcheck status deliveries log-level sync send-webhook' url 'The agent; by default the configured listener' -x
__gitferry_option 'status deliveries log-level sync' token-file 'Holds the token' -r -F
__gitferry_option 'print-config status deliveries sync version install check' json 'Print JSON'
__gitferry_option import secrets 'Put tokens into files of this directory' -r -F
__gitferry_option 'install check' url 'How git hosts reach the agent; by default server.public_url' -x
__gitferry_option 'install check' side 'Only this side' -x -a 'internal external'
__gitferry_option install rotate 'Set the secret, too, where all else is right'
__gitferry_option check-db backup 'Write a copy to this new file' -r -F
__gitferry_option healthcheck live 'Ask only whether it goes on'
__gitferry_option serve log-level 'The lowest level that is written' -x -a 'debug info warn error'
__gitferry_option serve log-format 'Form of its lines' -x -a 'auto json logfmt'
complete -c gitferry -n '__fish_seen_subcommand_from log-level' -a 'debug info warn error'
__gitferry_option deliveries verdict 'Only these' -x -a 'accepted ignored duplicate refused'
__gitferry_option deliveries limit 'How many' -x
__gitferry_option sync direction 'Instead of the binding\'s own' -x -a 'to_outer to_inter'
__gitferry_option 'sync install' dry-run 'Only say what would be done'
__gitferry_option sync force 'Rewrite a target that has other commits, this once'
__gitferry_option sync wait 'Seconds to wait for the runs' -x
__gitferry_option send-webhook provider 'What to speak like' -x \
    -a 'github gitlab gitea forgejo gogs gitee gitcode codeup coding tencent bitbucket bitbucket-server azure gerrit standard'
__gitferry_option send-webhook repo 'Name of the repository binding' -x
__gitferry_option send-webhook side 'The side that was pushed to' -x -a 'internal external'
__gitferry_option 'send-webhook install check' organisation 'The hook of that name in webhooks' -x
__gitferry_option send-webhook full-name 'What the payload calls the repository' -x
__gitferry_option send-webhook repository-url 'What address the payload gives it' -x
__gitferry_option send-webhook ref 'Branch, or refs/tags/NAME' -x
__gitferry_option send-webhook before 'Object id before the push' -x
__gitferry_option send-webhook after 'Object id after the push' -x
__gitferry_option send-webhook event 'What else than a push' -x -a 'push ping'
__gitferry_option send-webhook form 'Send a form'
functions -e __gitferry_option
