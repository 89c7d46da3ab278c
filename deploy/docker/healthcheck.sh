#!/bin/bash
# Asks the process whether it is alive, without a program the image does not have otherwise.
set -eu
exec 3<>"/dev/tcp/127.0.0.1/${OPS_PORT:-9090}"
printf 'GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
IFS= read -r status <&3
[[ $status == *" 200 "* ]]
