#!/usr/bin/env bash
# Sets up .venv: tools/setup_env.sh classification|detection|docs|tests
# The variable PYTHON selects the interpreter.
#
# Each finished step leaves a stamp with the checksum of its input files, so a second run
# does nothing, and an interrupted one continues where it stopped.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
bin=$venv/bin
req=requirements
goal=${1:?classification, detection, docs or tests}

say() { printf '==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2 && exit 1; }
pip() { "$bin/python" -m pip --disable-pip-version-check --no-input "$@"; }
# Includes the path, since a virtual environment breaks when it is moved.
sum() { { pwd && cat /dev/null "$@"; } | cksum; }
fresh() { # STEP FILE...
  [ "$(cat "$venv/.stamp-$1" 2>/dev/null)" = "$(sum "${@:2}")" ]
}
stamp() { sum "${@:2}" >"$venv/.stamp-$1"; }

# Sets $python. Candidates are run, since a pyenv shim may exist and still fail.
find_python() {
  local candidate version tried=
  local candidates=(python3 python3.13 python3.12 python3.11 python3.10)
  [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' \
      2>/dev/null) || version='not found'
    case $version in
      3.10 | 3.11 | 3.12 | 3.13)
        python=$candidate
        "$python" -c 'import ensurepip, venv' 2>/dev/null && return
        version="$version without the venv module (Debian: python$version-venv)" ;;
    esac
    tried+="${tried:+, }$candidate is $version"
  done
  fail "Python 3.10 to 3.13 is needed ($tried);" \
    'name one with: make ... PYTHON=/path/to/python3.12'
}

# Finds missing tools in a second, rather than after minutes of building mmcv.
check_compiler() {
  local scratch include
  include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  [ -e "$include/Python.h" ] ||
    fail "$python has no header files (Debian: python3-dev), which detection needs"
  scratch=$(mktemp -d)
  echo '#include <vector>' >"$scratch/a.cpp"
  "${CXX:-c++}" -std=c++17 -shared -fPIC -o "$scratch/a.so" "$scratch/a.cpp" \
    >/dev/null 2>&1 || fail "no working C++ compiler '${CXX:-c++}' (Debian: g++);" \
    'detection needs it, but "make demo" does not'
  rm -r "$scratch"
}

# pip considers a package installed even if its installation was interrupted. It writes
# RECORD last, so packages without it are removed, to be installed again.
forget_half_installed() {
  local info
  for info in "$venv"/lib/python3*/site-packages/*.dist-info; do
    [ ! -d "$info" ] || [ -e "$info/RECORD" ] || rm -r "$info"
  done
  rm -rf "$venv"/lib/python3*/site-packages/~*
}

installed() { # NAME_AS_IN_FILES
  compgen -G "$venv/lib/python3*/site-packages/$1-*.dist-info" >/dev/null
}

step() { # STEP FUNCTION FILE...
  fresh "$1" "${@:3}" && return
  "$2"
  stamp "$1" "${@:3}"
}

build() {
  say 'Installing setuptools and ninja'
  pip -qq install -r $req/build.txt
}

classification() {
  say 'Installing the classification half: torch, onedl-mmengine, onedl-mmpretrain'
  pip -qq install -r $req/classification.txt
}

mmcv_lite() {
  say 'Installing mmcv-lite'
  pip -qq install --no-deps -r $req/mmcv-lite.txt
}

detection() {
  say 'Installing the detection half'
  pip -qq install -r requirements.txt
  if installed mmcv_lite; then
    rm -f "$venv/.stamp-mmcv-lite"
    pip -qq uninstall -y mmcv-lite
  fi
  installed onedl_mmcv ||
    say 'Compiling onedl-mmcv: about 6 minutes on 2 cores, once (pip caches the result)'
  install_compiled
  if ! "$bin/python" -c 'import mmcv.ops' 2>/dev/null; then
    # pip's cache does not notice a build against another torch, or in isolation.
    say "The onedl-mmcv in pip's cache does not work here: compiling it again"
    pip -qq cache remove onedl_mmcv || true
    pip -qq uninstall -y onedl-mmcv
    install_compiled
  fi
  # mmdet alone imports nothing; mmdet.datasets prints which optional packages are missing.
  "$bin/python" -W ignore -c 'import mmcv.ops, mmdet.datasets, mmdet.models' \
    >/dev/null || fail 'the detection stack does not import; see above'
}

install_compiled() {
  # -g0 disables Python's own -g, which triples the time. CFLAGS would also replace -O3.
  CPPFLAGS="${CPPFLAGS:-} -g0" \
    pip -qq install --no-deps --no-build-isolation -r $req/detection-no-deps.txt
}

tests() {
  say 'Installing pytest, ruff and mypy'
  pip -qq install -r $req/tests.txt
  pip -qq install --no-deps -r $req/tests-no-deps.txt
}

docs() {
  say 'Installing Sphinx'
  pip -qq install -r $req/docs.txt
}

project() {
  say 'Installing mmgala itself, editable'
  pip -qq install --no-deps --no-build-isolation -e .
}

case $goal in
  classification) with_detection= ;;
  detection | docs | tests) with_detection=1 ;;
  *) fail "unknown goal: $goal (classification, detection, docs or tests)" ;;
esac
detection_files=(requirements.txt $req/{tools,classification,detection{,-no-deps},constraints}.txt)

# Creating an environment would empty the folder that a link points to.
[ ! -L $venv ] || fail "$venv is a link to $(readlink $venv), which would be emptied;" \
  "remove the link first: rm $venv"

# Report missing requirements before anything is installed.
python=$bin/python
{ fresh venv && [ -x "$python" ]; } || find_python
[ -z "$with_detection" ] || fresh detection "${detection_files[@]}" ||
  installed onedl_mmcv || check_compiler

if [ "$python" != $bin/python ]; then
  say "Creating $venv with $("$python" --version)"
  "$python" -m venv --clear $venv
  stamp venv
fi
forget_half_installed
step build build $req/{build,constraints}.txt
step classification classification $req/{tools,classification,constraints}.txt
if [ -n "$with_detection" ]; then
  step detection detection "${detection_files[@]}"
elif ! installed onedl_mmcv; then
  step mmcv-lite mmcv_lite $req/{mmcv-lite,constraints}.txt
fi
case $goal in docs | tests) step docs docs $req/{docs,constraints}.txt ;; esac
[ "$goal" != tests ] || step tests tests $req/{tests{,-no-deps},constraints}.txt
step project project setup.py pyproject.toml
