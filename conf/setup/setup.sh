#!/usr/bin/env bash
# Make the environment: a Python 3.11-3.13 virtual environment with the locked packages, a Java
# runtime that Spark 4.1 supports (17 or 21), and Delta's JARs inside the environment's own Spark.
# Usage: conf/setup/setup.sh [environment folder]
set -euo pipefail
venv=${1:-.venv}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${SPYMASTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/spymaster-lake}

fail() { printf 'set-up: %s\n' "$*" >&2; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo "$@"; else return 1; fi; }

find_python() {
  local name
  for name in ${SPYMASTER_PYTHON:-} python3 python3.12 python3.13 python3.11; do
    if command -v "$name" >/dev/null && "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
      command -v "$name"; return
    fi
  done
  fail "no Python 3.11, 3.12 or 3.13 found; install one (Debian/Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.12)"
}

java_major() { "$1" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1; }

find_java() {
  local java
  for java in "${JAVA_HOME:-/nonexistent}/bin/java" "$(command -v java || true)" \
      /usr/lib/jvm/*17*/bin/java /usr/lib/jvm/*21*/bin/java \
      /opt/homebrew/opt/openjdk@{17,21}/bin/java /usr/local/opt/openjdk@{17,21}/bin/java; do
    if [ -x "$java" ]; then case "$(java_major "$java")" in 17|21) printf '%s\n' "$java"; return 0;; esac; fi
  done
  return 1
}

install_java() {
  if command -v apt-get >/dev/null; then
    as_root apt-get update -qq || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq openjdk-17-jre-headless \
      || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq openjdk-21-jre-headless
  elif command -v brew >/dev/null; then
    brew install -q openjdk@17
  else
    return 1
  fi
}

python=$(find_python)
if [ ! -x "$venv/bin/python" ]; then
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    as_root apt-get update -qq && as_root apt-get install -y -qq python3-venv \
      || fail "Python's module venv is missing; install it (Debian/Ubuntu: apt-get install python3-venv)"
  fi
  "$python" -m venv "$venv"
fi
"$venv/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$here/../requirements.lock"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e "$here/../.."

if ! java=$(find_java); then
  install_java || fail "Spark 4.1 needs Java 17 or 21 and none was found; install one (Debian/Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17)"
  java=$(find_java) || fail "Java 17 or 21 was installed but is not found; set JAVA_HOME to it"
fi
java_home=$(cd "$(dirname "$(readlink -f "$java" 2>/dev/null || printf %s "$java")")/.." && pwd)
JAVA_HOME=$java_home PATH="$java_home/bin:$PATH" "$venv/bin/python" "$here/delta_jars.py" "$cache/delta-jars"

# Spark reads this at every start, so a plain `spark-submit jobs/...` finds this Java and this Python.
spark_conf=$("$venv/bin/python" -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent / "conf")')
mkdir -p "$spark_conf"
cp "$here/log4j2.properties" "$spark_conf/log4j2.properties"
cat > "$spark_conf/spark-env.sh" <<END
export JAVA_HOME="\${JAVA_HOME_OVERRIDE:-$java_home}"
export PYSPARK_PYTHON="\${PYSPARK_PYTHON:-$("$venv/bin/python" -c 'import sys; print(sys.executable)')}"
END

# Spark's launchers ask whatever `python3` is first on PATH where Spark is; here they know.
cat > "$venv/bin/find-spark-home" <<END
#!/usr/bin/env bash
export SPARK_HOME="\${SPARK_HOME:-$(dirname "$spark_conf")}"
END
chmod +x "$venv/bin/find-spark-home"
