#!/bin/sh
# Makes what runs, in dist/: the program and the version that it shows.
set -eu
echo "building shop ${SHIPBELL_VERSION:-unversioned}"
rm -rf dist
mkdir dist
cp shop.py page.html run dist/
chmod +x dist/run
printf '%s\n' "${SHIPBELL_VERSION:-unversioned}" > dist/VERSION
echo "done"
