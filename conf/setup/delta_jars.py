"""Put Delta's JARs into the environment's own Spark, once, so that a plain spark-submit just works.

The JARs are resolved from the central repository into a cache folder (default `.cache/delta-jars`)
and copied from there into `pyspark/jars`; with a filled cache no network is needed.

Usage: python conf/setup/delta_jars.py [cache folder]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyspark

COORDINATES = ("io.delta", "delta-spark_4.1_2.13", "4.2.0")
NEEDED = ("delta-spark_", "delta-storage-", "delta-kernel-", "unitycatalog-client-")
HERE = Path(__file__).resolve().parent


def jars_folder() -> Path:
    """The jars folder of the installed pyspark."""
    return Path(pyspark.__file__).parent / "jars"


def resolve(cache: Path) -> None:
    """Fetch Delta's JARs with the Ivy that Spark ships into `cache`."""
    ivy = next(jars_folder().glob("ivy-*.jar"))
    work = cache / "ivy"
    command = [
        str(Path(os.environ["JAVA_HOME"]) / "bin" / "java")
        if os.environ.get("JAVA_HOME")
        else "java",
        f"-Dspymaster.ivy.cache={work}",
        "-jar",
        str(ivy),
        "-settings",
        str(HERE / "ivysettings.xml"),
        "-confs",
        "default",
        "-dependency",
        *COORDINATES,
        "-retrieve",
        str(cache / "[artifact]-[revision].[ext]"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"Delta JARs could not be resolved:\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")


def wanted(cache: Path) -> list[Path]:
    """The cached JARs that Delta needs at run time beside those of Spark."""
    return sorted(p for p in cache.glob("*.jar") if p.name.startswith(NEEDED))


def main(cache: Path) -> None:
    """Fill the cache if it is empty, then copy what Spark's jars folder lacks."""
    cache.mkdir(parents=True, exist_ok=True)
    target = jars_folder()
    if not any(p.name.startswith(NEEDED[0]) for p in wanted(cache)):
        resolve(cache)
    jars = wanted(cache)
    if not any(p.name.startswith(NEEDED[0]) for p in jars):
        sys.exit(f"No {NEEDED[0]}*.jar in {cache} after resolving {':'.join(COORDINATES)}")
    for jar in jars:
        if not (target / jar.name).exists():
            shutil.copy2(jar, target / jar.name)
    print(f"Delta JARs in place: {', '.join(j.name for j in jars)}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".cache/delta-jars").resolve())
