#!/bin/sh
# part.sh NAME COMMAND… runs one part of `make test`. It appends the part's result and duration to the file $SUMMARY, and
# exits with the command's status.
name=$1
shift
mkdir -p "$(dirname "$SUMMARY")"
echo "== $name"
start=$(date +%s)
"$@"
status=$?
[ $status = 0 ] && result=passed || result=FAILED
echo "$result  $name, $(($(date +%s) - start)) s" >>"$SUMMARY"
exit $status
