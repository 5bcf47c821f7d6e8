# Sourced by the scripts: `install EXTRAS` makes .venv beside this repository with the package and those extras in it.
# What is installed already is left alone.

install() {
    local python=${PYTHON:-python3} venv=${VENV:-.venv} stamp want
    "$python" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 13))' || {
        echo "$0: Python 3.9 to 3.12 is needed, $python is $("$python" --version 2>&1); name another with PYTHON=..." >&2
        exit 2
    }
    stamp=$venv/.installed-${1//,/-}
    want=$({ "$python" --version; cat setup.cfg setup.py; } | cksum)
    if [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then return; fi
    echo "== Installing into $venv (2 to 8 minutes: Paddle and PaddleOCR are large)"
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --upgrade 'pip>=23.1'
    "$venv/bin/python" -m pip install --quiet --editable ".[$1]" ${PINS:-}
    # PaddleOCR and its albumentations ask for three OpenCV wheels that overwrite each other, and two of them need the
    # libraries of a desktop. Where there are none, the third is put on top.
    if ! "$venv/bin/python" -c 'import cv2' 2>/dev/null; then
        "$venv/bin/python" -m pip install --quiet --force-reinstall --no-deps \
            "$("$venv/bin/python" -m pip freeze | sed -n 's/^opencv-python==/opencv-python-headless==/p')"
    fi
    echo "$want" > "$stamp"
}
