#!/usr/bin/env bash
# Matching lines in input order: igzip into ripgrep per file, two at a time, joined in file order.
# usage: igzip-rg.sh REGEX FOLDER
set -euo pipefail

if [ "$1" = --part ]; then
    igzip -dc "$4" | rg --no-line-number -e "$2" >"$3/$(basename "$4")" || [ $? = 1 ]
    exit
fi

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
printf '%s\0' "$2"/*.gz | xargs -0 -P2 -n1 "$0" --part "$1" "$temp"
cat "$temp"/*
