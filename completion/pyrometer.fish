# fish completion for pyrometer

set -l commands run attach top dump report heap diff doctor help
set -l profiling '__fish_seen_subcommand_from run attach'
set -l measuring '__fish_seen_subcommand_from run attach top'

function __pyrometer_formats
    pyrometer report --help 2>/dev/null | sed -n '/^Formats:/,$s/^  \([a-z0-9]*\)  *\(.*\)/\1\t\2/p'
end

complete -c pyrometer -n "not __fish_seen_subcommand_from $commands" -f
complete -c pyrometer -n "not __fish_seen_subcommand_from $commands" -l version -d 'Print the version'
complete -c pyrometer -n "not __fish_seen_subcommand_from $commands" -a run -d 'Run a program and record where its time goes'
complete -c pyrometer -n "not __fish_seen_subcommand_from $commands" -a attach -d 'Record a running process'
complete -c pyrometer -n "not __fish_seen_subcommand_from $commands" -a top -d 'Show live where the time goes'
complete -c pyrometer -n "not __fish_seen_subcommand_from $commands" -a dump -d 'Print what each thread is doing now'
complete -c pyrometer -n "not __fish_seen_subcommand_from $commands" -a report -d 'Show a recording'
complete -c pyrometer -n "not __fish_seen_subcommand_from $commands" -a heap -d 'Show what a heap snapshot holds'
complete -c pyrometer -n "not __fish_seen_subcommand_from $commands" -a diff -d 'Show what grew between two heap snapshots'
complete -c pyrometer -n "not __fish_seen_subcommand_from $commands" -a doctor -d 'Tell what works on this machine'
complete -c pyrometer -n "not __fish_seen_subcommand_from $commands" -a help -d 'Explain a command'
complete -c pyrometer -s h -l help -d 'Print help'

complete -c pyrometer -n $profiling -s o -l output -r -F -d 'The recording'
complete -c pyrometer -n $profiling -l force -d 'Overwrite the file'
complete -c pyrometer -n '__fish_seen_subcommand_from attach' -l ready-fd -x -d 'Say "ready PID" there when the first sample is taken'
complete -c pyrometer -n $profiling -l opcodes -d 'Record which bytecode instruction is executed'
complete -c pyrometer -n $profiling -l duration -x -d 'End the profiling after this time'
complete -c pyrometer -n $profiling -s q -l quiet -d 'Print nothing but failures'
complete -c pyrometer -n $measuring -s r -l rate -x -a '100 1k 10k max' -d 'Samples per second'
complete -c pyrometer -n "$measuring; or __fish_seen_subcommand_from report" -l mode -x -a 'wall cpu gil' -d 'Which time'
complete -c pyrometer -n $measuring -l no-children -d 'Leave out the processes it starts'
complete -c pyrometer -n $measuring -l no-stop -d 'Never stop the program'

complete -c pyrometer -n '__fish_seen_subcommand_from run' -l memory -x -a 'lines stacks off' -d 'What to record of allocations'
complete -c pyrometer -n '__fish_seen_subcommand_from run' -l python -r -d 'The Python that runs scripts'
complete -c pyrometer -n '__fish_seen_subcommand_from run' -s m -x -d 'Run a module'
complete -c pyrometer -n '__fish_seen_subcommand_from run' -s c -x -d 'Run code'
complete -c pyrometer -n '__fish_seen_subcommand_from attach top dump' -f -a '(__fish_complete_pids)'
complete -c pyrometer -n '__fish_seen_subcommand_from top' -s i -l interval -x -d 'How often it is brought up to date'
complete -c pyrometer -n '__fish_seen_subcommand_from top' -s w -l window -x -d 'How much of the past is shown'
complete -c pyrometer -n '__fish_seen_subcommand_from dump' -s l -l locals -d 'Show local variables'
complete -c pyrometer -n '__fish_seen_subcommand_from dump report heap doctor' -l json -d 'Print JSON'

complete -c pyrometer -n '__fish_seen_subcommand_from report' -s f -l format -x -a '(__pyrometer_formats)' -d 'The format'
complete -c pyrometer -n '__fish_seen_subcommand_from report heap diff' -s o -l output -r -F -d 'Write to this file'
complete -c pyrometer -n '__fish_seen_subcommand_from report heap diff' -l force -d 'Overwrite the file'
complete -c pyrometer -n '__fish_seen_subcommand_from report' -l weight -x -a 'time allocated live peak' -d 'What is counted'
complete -c pyrometer -n '__fish_seen_subcommand_from report' -l by -x -a 'line function' -d 'How frames are told apart'
complete -c pyrometer -n '__fish_seen_subcommand_from report' -l opcodes -d 'Show the instructions of lines'
complete -c pyrometer -n '__fish_seen_subcommand_from report' -l no-threads -d 'Leave out thread frames'
complete -c pyrometer -n '__fish_seen_subcommand_from report' -l thread -x -d 'Only this thread'
complete -c pyrometer -n '__fish_seen_subcommand_from report' -l pid -x -d 'Only this process'
complete -c pyrometer -n '__fish_seen_subcommand_from report' -l from -x -d 'Only after this time'
complete -c pyrometer -n '__fish_seen_subcommand_from report' -l to -x -d 'Only before this time'
complete -c pyrometer -n '__fish_seen_subcommand_from report heap diff' -s n -l limit -x -d 'Rows of tables'

complete -c pyrometer -n '__fish_seen_subcommand_from heap' -l root -r -F -d 'Where the files of a core file are'
complete -c pyrometer -n '__fish_seen_subcommand_from diff' -s f -l format -x -a 'text plot' -d 'Text, or a plot'
complete -c pyrometer -n '__fish_seen_subcommand_from diff' -l by -x -a 'type owner line' -d 'What a plot shows'
complete -c pyrometer -n '__fish_seen_subcommand_from heap' -l query -x -d 'Ask in the query language'
for view in census suspects top dominators cycles duplicates containers arenas gc
    complete -c pyrometer -n '__fish_seen_subcommand_from heap' -l $view
end
complete -c pyrometer -n '__fish_seen_subcommand_from heap' -l paths -x -d 'Shortest ways to a type or an address'
complete -c pyrometer -n '__fish_seen_subcommand_from heap' -l dot -r -F -d 'Draw for Graphviz'
