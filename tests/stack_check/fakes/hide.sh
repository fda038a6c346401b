#!/bin/sh
# hide.sh PROBE LIKE FOLDER: writes FOLDER/hidden_stack_probe, which starts PROBE so that it finds its
# own libraries (those of the program LIKE, linked in FOLDER/own) and those in LD_LIBRARY_PATH, and
# none in the loader's cache and default folders.
set -eu
probe=$1 like=$2 folder=$3

rm -rf "$folder/own"
mkdir -p "$folder/own"
ldd "$like" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | while read -r library; do
  ln -sf "$library" "$folder/own/"
done
loader=$(ldd "$like" | awk '$1 ~ /^\/.*ld-linux/ { print $1 }')

cat > "$folder/hidden_stack_probe" <<END
#!/bin/sh
exec "$loader" --inhibit-cache --library-path "$folder/own\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}" "$probe" "\$@"
END
chmod +x "$folder/hidden_stack_probe"
