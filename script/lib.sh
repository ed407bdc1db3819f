# Shared by the scripts beside it; sourced, not run. What it says goes to standard error.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# Bytecode is kept out of the tree, but kept: without it each start of the bot compiles for a second.
unset PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX="$PWD/.venv/pycache"

say() { printf '%s\n' "== $*" >&2; }

# True when Debian packages may be installed here.
may_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

# apt_install PACKAGE…: installs those that are missing; false when it may not or can't.
apt_install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  may_apt || return 1
  say "installing Debian packages: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { DEBIAN_FRONTEND=noninteractive apt-get update -q && DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

stamp_of() { cat requirements.lock "$1" pyproject.toml | sha256sum | cut -d' ' -f1; }

# make_venv LOCK: .venv holds exactly what the lock file pins; quick when it does already.
make_venv() {
  local lock=$1 stamp=.venv/.shipbell-lock
  local python=${PYTHON:-python3}
  command -v "$python" >/dev/null 2>&1 || apt_install python3 || { say "Python 3.11 or newer is needed, and $python is not here."; exit 1; }
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { say "Python 3.11 or newer is needed; $python is $("$python" -V)."; exit 1; }
  command -v git >/dev/null 2>&1 || apt_install git || { say "git is needed: install it and try again."; exit 1; }
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    apt_install python3-venv || { say "Python's venv is missing: install python3-venv and try again."; exit 1; }
  fi
  local wanted complete found
  wanted=$(stamp_of "$lock")
  complete=$(stamp_of requirements-dev.lock) # has all that the other has
  found=$(cat "$stamp" 2>/dev/null || true)
  if [ "$found" = "$wanted" ] || [ "$found" = "$complete" ]; then .venv/bin/python -c '' 2>/dev/null && return 0; fi
  say "making .venv from $lock (a minute or two the first time)"
  .venv/bin/python -c '' 2>/dev/null || { rm -rf .venv && "$python" -m venv .venv; }
  .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$lock"
  # The project itself by a path entry: no build, no build dependencies, edits are seen at once.
  .venv/bin/python - <<'PY'
import pathlib, sysconfig
site = pathlib.Path(sysconfig.get_paths()["purelib"])
(site / "shipbell.pth").write_text(f"{pathlib.Path.cwd()}\n")
script = pathlib.Path(".venv/bin/shipbell")
script.write_text(f"#!{pathlib.Path('.venv/bin/python').absolute()}\nimport sys\nfrom bot.cli import main\nsys.exit(main())\n")
script.chmod(0o755)
PY
  echo "$wanted" >"$stamp"
}
