#!/usr/bin/env bash
# The x-ray's page in a browser without a window: xray_page_test.sh [FILE.html]
#
# Without a file, pages made of xray_sample.py's steps; with one, that page. xray_page_checks.js
# uses it by mouse and keyboard. What a browser says on its console is a failure, too.
# Exit code 77 (skipped) where Chromium or python3 is missing.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
browser=$(type -P chromium chromium-browser google-chrome | head -n 1) || true
[[ $browser && $(type -P python3) ]] || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# assemble DATA PAGE: as the program that writes the page does it.
assemble() {
  python3 - "$here/../../tools/xray/page" "$1" "$2" << 'PYTHON'
import pathlib, sys
source, data, page = map(pathlib.Path, sys.argv[1:])
scripts = "model text lanes roles overview timeline tree follow page".split()
parts = {"/*STYLE*/": (source / "page.css").read_text(),
         "/*SCRIPT*/": "".join((source / f"{name}.js").read_text() for name in scripts),
         "/*DATA*/": data.read_text().replace("<", "\\u003c")}
text = (source / "page.html").read_text()
for placeholder, part in parts.items():
    assert text.count(placeholder) == 1, placeholder
    assert ')embedded"' not in part and "</script" not in part, placeholder
    text = text.replace(placeholder, part)
assert not set(text.split()) & {"http:", "https:"}
page.write_text(text)
PYTHON
}

# with_checks PAGE TRIED: a copy of the page that checks itself.
with_checks() {
  python3 - "$1" "$here/xray_page_checks.js" "$2" << 'PYTHON'
import pathlib, sys
page, checks, tried = map(pathlib.Path, sys.argv[1:])
before, end, after = page.read_text().rpartition("</body>")
tried.write_text(f'{before}<script type="module">\n{checks.read_text()}</script>\n{end}{after}')
PYTHON
}

failures=0
# try WHAT PAGE WIDTH: runs the checks in a window of that width.
try() {
  with_checks "$2" "$work/tried.html"
  timeout 60 "$browser" --headless=new --no-sandbox --disable-gpu --user-data-dir="$work/profile" \
    --window-size="$3,1000" --virtual-time-budget=20000 --enable-logging=stderr --dump-dom \
    "file://$work/tried.html" > "$work/dom" 2> "$work/log" || true
  sed -n '/<pre id="checks">/,/<\/pre>/{s/<[^>]*>//g;p}' "$work/dom" > "$work/checks"
  if grep CONSOLE "$work/log" || grep '^FAILED' "$work/checks" ||
     ! grep -q '^all checks ran' "$work/checks"; then
    echo "FAILED: $1, $3 pixels wide"
    [[ -s $work/checks ]] || tail -n 5 "$work/log"
    failures=$((failures + 1))
  else
    echo "ok: $1, $3 pixels wide: $(grep -c '^ok' "$work/checks") checks"
  fi
}

if [[ ${1:-} ]]; then
  try "$1" "$1" 1400
  try "$1" "$1" 800
else
  for kind in gpu unknown cpu; do
    python3 "$here/xray_sample.py" "$kind" > "$work/data.json"
    assemble "$work/data.json" "$work/page.html"
    try "a step like one of: $kind" "$work/page.html" 1400
  done
  python3 "$here/xray_sample.py" > "$work/data.json"
  assemble "$work/data.json" "$work/page.html"
  try "a narrow window" "$work/page.html" 800
fi

exit $((failures > 0))
