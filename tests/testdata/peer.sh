#!/usr/bin/env bash
# Copyright 2026 the @ipc/barrier authors. MIT license.

# The child's side of a barrier. It makes the calls that its arguments name:
#
#     peer.sh place wait_next place="half way" sync abort="disk full"

case ${BARRIER_CHANNEL:?} in
  stdio) in=0 out=1 ;;
  fd:*) in=${BARRIER_CHANNEL#fd:} out=$in ;;
esac
barriers=${BARRIER_STATE:-0}
aborted=false
unset BARRIER_CHANNEL BARRIER_STATE

place() { # [note]
  if $aborted; then return 1; fi
  if [ $# -gt 0 ]; then printf '+%s\n' "$1"; else echo; fi >&"$out"
  barriers=$((barriers + 1))
}

abort() { # [reason]
  if $aborted; then return; fi
  printf 'abort%s\n' "${1+ $1}" >&"$out"
  aborted=true
}

wait_next() {
  if $aborted; then return 1; fi
  IFS= read -r line <&"$in" || line="abort hung up"
  case $line in
    abort | "abort "*)
      reason=${line:6}
      aborted=true
      return 1
      ;;
    ?*) note=${line#+} ;;
  esac
  barriers=$((barriers - 1))
}

sync() {
  while [ "$barriers" -gt 0 ] && wait_next; do :; done
  ! $aborted
}

crash() {
  kill -KILL $$
}

for argument in "$@"; do
  call=("${argument%%=*}")
  if [[ $argument = *=* ]]; then call+=("${argument#*=}"); fi
  if "${call[@]}"; then
    echo "${call[0]} true $note" >&2
  else
    echo "${call[0]} false $reason" >&2
  fi
done
