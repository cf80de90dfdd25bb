#!/bin/sh
# Makes a virtual environment in target/ where there is none yet, and runs the tests of the second reader in it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${CARNET_PYTHON_VENV:-$here/../../target/python-reader}
if ! "$venv/bin/python" -c 'import cryptography' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
fi
cd "$here"
exec "$venv/bin/python" -m unittest "$@"
