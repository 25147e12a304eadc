#!/bin/sh
# part.sh NAME COMMAND… runs one part of `make test`. It appends the part's result and duration to the file $SUMMARY, after a failure
# also the lines that name the failed tests, and exits with the command's status.
name=$1
shift
mkdir -p "$(dirname "$SUMMARY")"
output=$(mktemp)
trap 'rm -f "$output"' EXIT
echo "== $name"
start=$(date +%s)
{ "$@" 2>&1; echo $? >"$output.status"; } | tee "$output"
status=$(cat "$output.status")
rm -f "$output.status"
[ "$status" = 0 ] && result=passed || result=FAILED
{
  echo "$result  $name, $(($(date +%s) - start)) s"
  # gotestsum, vitest and the Go tools mark failures so. Vitest colours its output.
  [ "$status" = 0 ] || sed "s/$(printf '\033')\[[0-9;]*m//g" "$output" | grep -E '^ *(=== FAIL|--- FAIL|FAIL|AssertionError|Error:|error TS|panic:)|WARNING: DATA RACE' |
    sort -u | head -n 40 | sed "s|^|FAILED  $name: |"
} >>"$SUMMARY"
exit "$status"
