# Work of three seconds that fails while a file is there, which stands for an outage of what it needs.
trap 'exit 75' TERM
away=$(sed 's/.*"away":"\([^"]*\)".*/\1/' "$WORKER_JOB_FILE")
n=$(cat "$WORKER_CURSOR_FILE")
[ "$n" = null ] && n=0
while [ "$n" -lt 30 ]; do
  if [ -e "$away" ]; then
    echo the downstream is away
    exit 1
  fi
  sleep 0.1
  n=$((n + 1))
  echo "{\"cursor\":$n,\"done\":$n,\"total\":30}" >&"$WORKER_REPORT_FD"
done
