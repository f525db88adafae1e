"""What makes a shell ask `postroom __complete` at TAB.

The program answers a candidate a line; one that ends with `=` is gone on with. It ends with 1 where the shell itself
knows better, as with files; so does a program that is not there.
"""

BASH = r"""# bash completion for postroom
_postroom() {
    local answer candidate
    COMPREPLY=()
    # Bash takes a line apart at : and = too, so it is given whole, and beside it what of it bash will replace ($2).
    if ! answer=$("${1/#\~/$HOME}" __complete --bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null); then
        compopt -o default 2>/dev/null
        return
    fi
    while IFS= read -r candidate; do
        [ -n "$candidate" ] && COMPREPLY+=("$candidate")
    done <<<"$answer"
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F _postroom postroom
"""

ZSH = r"""#compdef postroom
# zsh completion for postroom
_postroom() {
    local answer program=${(Q)words[1]}
    local -a candidates
    if ! answer=$(${program/#\~/$HOME} __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null); then
        _files
        return
    fi
    candidates=(${(f)answer})
    compadd -S '' -- ${(M)candidates:#*=}
    compadd -- ${candidates:#*=}
}
if [[ $funcstack[1] == _postroom ]]; then
    _postroom "$@"
else
    compdef _postroom postroom
fi
"""

FISH = r"""# fish completion for postroom
function __postroom_candidates
    set -l before (commandline --tokenize --current-process --cut-at-cursor)
    # As far as it is plain: fish itself leaves out what goes on otherwise.
    set -l typed (commandline --current-token --cut-at-cursor | string match --regex '^[^"\'\\\\]*')
    set -l program (string replace --regex '^~' $HOME -- $before[1])
    set -l candidates ($program __complete $before[2..-1] "$typed" 2>/dev/null)
    if test $status -eq 0
        printf '%s\n' $candidates
    else
        __fish_complete_path "$typed"
    end
end
complete --command postroom --no-files --arguments '(__postroom_candidates)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
"""Each shell's script."""
