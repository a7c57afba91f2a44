#!/usr/bin/env bash
# Copyright 2026 the @ipc/barrier authors. MIT license.

# The child's side of a barrier. It makes the calls that its arguments name:
#
#     peer.sh print=Hello place wait_next place="half way" sync abort="disk full"

case ${BARRIER_CHANNEL:?} in
  stdio) in=0 out=1 rs=$'\036' ;;
  fd:*) in=${BARRIER_CHANNEL#fd:} out=$in rs= ;;
esac
barriers=${BARRIER_STATE:-0}
aborted=false
unset BARRIER_CHANNEL BARRIER_STATE

send() { # line
  printf '%s%s\n' "$rs" "$1" >&"$out"
}

place() { # [note]
  if $aborted; then return 1; fi
  if [ $# -gt 0 ]; then send "+$1"; else send ""; fi
  barriers=$((barriers + 1))
}

abort() { # [reason]
  if $aborted; then return; fi
  send "abort${1+ $1}"
  aborted=true
}

wait_next() {
  if $aborted; then return 1; fi
  IFS= read -r line <&"$in" || line="abort hung up"
  line=${line%$'\r'}
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

for argument in "$@"; do
  call=("${argument%%=*}")
  if [[ $argument = *=* ]]; then call+=("${argument#*=}"); fi
  if [[ ${call[0]} = crash ]]; then
    kill -KILL $$
  elif [[ ${call[0]} = print ]]; then
    printf '%s\n' "${call[1]}"
  elif "${call[@]}"; then
    echo "${call[0]} true $note" >&2
  else
    echo "${call[0]} false $reason" >&2
  fi
done
