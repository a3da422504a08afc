#!/usr/bin/env bash
# Counts with a decompressor and awk, two at a time under xargs; partial counts are merged at the end.
# usage: awk.sh zcat|igzip AWK JOB FOLDER      JOB: status | robots | path | words
# Counting the ninth word is less than parsing the line; what is no status is left out of the result.
set -euo pipefail
export LC_ALL=C

if [ "$1" = --part ]; then
    shift
    unzip=$1 awk=$2 job=$3 temp=$4
    shift 4
    case $unzip in igzip) unzip="igzip -dc" ;; esac
    case $job in
    status) $unzip "$@" | $awk '{ n[$9]++ } END { for (k in n) print k "\t" n[k] }' ;;
    robots)
        { $unzip "$@" | grep -F ' /robots.txt ' || [ $? = 1 ]; } |
            $awk '$7 == "/robots.txt" && length($9) == 3 { n[$1]++ } END { for (k in n) print k "\t" n[k] }'
        ;;
    path) $unzip "$@" | $awk 'length($9) == 3 { n[$7]++ } END { for (k in n) print k "\t" n[k] }' ;;
    words)
        $unzip "$@" | tr -cs "A-Za-z'" '\n' | tr A-Z a-z |
            $awk '{ n[$0]++ } END { delete n[""]; for (k in n) print k "\t" n[k] }'
        ;;
    esac >"$temp/$$"
    exit
fi

unzip=$1 awk=$2 job=$3 folder=$4
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
files=("$folder"/*.gz)
half=$(((${#files[@]} + 1) / 2))
printf '%s\0' "${files[@]}" | xargs -0 -P2 -n"$half" "$0" --part "$unzip" "$awk" "$job" "$temp"

merge='{ n[$1] += $2 } END { for (k in n) print k "\t" n[k] }'
case $job in
status) cat "$temp"/* | $awk -F'\t' '$1 ~ /^[0-9][0-9][0-9]$/ '"$merge" | sort ;;
path) cat "$temp"/* | $awk -F'\t' "$merge" | sort -t$'\t' -k2,2nr -k1,1 | sed -n 1,20p ;;
*) cat "$temp"/* | $awk -F'\t' "$merge" | sort ;;
esac
