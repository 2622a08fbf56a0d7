#!/bin/sh
case $Http_Path in
  /echo) exec cat ;;
  /slow) sleep "$Http_Query"; printf slept ;;
  /hang) sleep 1000 & wait ;;
  /crash) echo 'about to crash' >&2; exit 3 ;;
  /env) printenv "$Http_Query" | tr -d '\n' ;;
  /secret) cat "$secret_mount_path/$Http_Query" ;;
  /log) echo "$Http_Query" >&2 ;;
  /pid) printf '%s' $$ ;;
  *) exit 1 ;;
esac
