# bash completion for pyrometer

_pyrometer_pids() {
    COMPREPLY=($(compgen -W "$(ps -u "$(id -u)" -o pid= 2>/dev/null)" -- "$1"))
}

_pyrometer_files() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$1"))
}

# The word at which a program begins, after `run` or a `--`; nothing if it has not yet.
_pyrometer_program_at() {
    local i word
    for ((i = 2; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --) echo $((i + 1)); return ;;
        -m | -c) echo $((i + 2)); return ;;
        -o | --output | -r | --rate | --mode | --duration | --memory | --python) ((i++)) ;;
        -*) ;;
        *) [[ ${COMP_WORDS[1]} == run ]] && echo "$i"; return ;;
        esac
    done
}

_pyrometer() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} at
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "run attach top dump report heap diff doctor help --help --version" -- "$current"))
        return
    fi
    local profile="--output --force --rate --mode --no-children --no-stop --opcodes --duration --quiet --help" options
    case $command in
    run) options="$profile --memory --python -m -c" ;;
    attach) options="$profile --ready-fd --memory-from-within" ;;
    top) options="--rate --mode --interval --window --no-children --no-stop --help" ;;
    dump) options="--locals --json --root --help" ;;
    report) options="--format --json --output --force --weight --mode --by --opcodes --no-threads --thread --function --pid --from --to
        --limit --help" ;;
    heap) options="--census --suspects --top --dominators --paths --query --cycles --duplicates --containers --arenas --gc --dot
        --json --output --force --stop --quiet --limit --root --help" ;;
    diff) options="--format --by --output --force --limit --help" ;;
    doctor) options="--json --help" ;;
    help)
        COMPREPLY=($(compgen -W "run attach top dump report heap diff doctor" -- "$current"))
        return
        ;;
    *) return ;;
    esac
    if [[ $command == run || $command == top ]]; then
        at=$(_pyrometer_program_at)
        if [[ -n $at ]] && ((COMP_CWORD >= at)); then
            if declare -F _command_offset >/dev/null; then
                _command_offset "$at"
            else
                _pyrometer_files "$current"
            fi
            return
        fi
    fi
    case $previous in
    --mode) COMPREPLY=($(compgen -W "wall cpu gil" -- "$current")); return ;;
    --by) COMPREPLY=($(compgen -W "line function" -- "$current")); return ;;
    --memory) COMPREPLY=($(compgen -W "lines stacks off" -- "$current")); return ;;
    --weight) COMPREPLY=($(compgen -W "time allocated live peak temporary" -- "$current")); return ;;
    -f | --format)
        COMPREPLY=($(compgen -W "$(pyrometer report --help 2>/dev/null | sed -n '/^Formats:/,$s/^  \([a-z0-9]*\) .*/\1/p')" \
            -- "$current"))
        return
        ;;
    -o | --output | --dot) _pyrometer_files "$current"; return ;;
    --python) COMPREPLY=($(compgen -c -- "$current")); return ;;
    --pid) _pyrometer_pids "$current"; return ;;
    -m) COMPREPLY=(); return ;;
    -r | --rate) COMPREPLY=($(compgen -W "100 1k 10k max" -- "$current")); return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
        return
    fi
    case $command in
    attach | dump | top) _pyrometer_pids "$current" ;;
    heap)
        _pyrometer_pids "$current"
        [[ -n ${COMPREPLY[*]} ]] || _pyrometer_files "$current"
        ;;
    run | report | diff) _pyrometer_files "$current" ;;
    esac
}

complete -F _pyrometer pyrometer
