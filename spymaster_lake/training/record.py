"""The training's own run.json: what it read, with fingerprints, and how it ended."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from spymaster_lake.orchestration.records import now, this_process
from spymaster_lake.orchestration.types import Environment
from spymaster_lake.training.prepare import Prepared


class TrainingRecord:
    """`_meta/{instrument}/runs/train-{model_version}/run.json`, kind "train"."""

    def __init__(self, env: Environment, job: Prepared) -> None:
        self._env, self._job = env, job

    def write(self, status: str, **facts: object) -> None:
        """Write the record of the present state atomically."""
        job, tables = self._job, self._job.hand_off.tables.values()
        value: dict[str, Any] = {
            "schema_version": 1,
            "run_id": job.training_run_id,
            "kind": "train",
            "status": status,
            "instrument": job.request.instrument,
            "hand_off_run_id": job.request.run_id,
            "request": {**asdict(job.request), "plan": asdict(job.request.plan)},
            "model_version": job.model_version,
            "inputs": [table.fingerprint.model_dump(mode="json") for table in tables],
            "git": job.git.model_dump(mode="json"),
            "process": this_process().model_dump(mode="json"),
            "started_at": job.created_at,
            "updated_at": now(),
            **facts,
        }
        value["request"] |= {
            name: getattr(job.request, name).isoformat() for name in ("train_start", "train_end")
        }
        path = self._env.resolver.run_json(job.request.instrument, job.training_run_id)
        self._env.filesystem.write_json(path, value)
