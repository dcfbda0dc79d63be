"""From the verified files of a `patchtst_event` bundle to heads that `predict` can ask."""

from __future__ import annotations

from collections.abc import Mapping

from spymaster_lake.contracts.bundle import (
    BUNDLE_FILE,
    SCALING_FILE,
    Bundle,
    plain_sha256,
    sha256_hex,
)
from spymaster_lake.contracts.errors import BundleSchemaError
from spymaster_lake.contracts.feature_set import FeatureSet
from spymaster_lake.features.sequence_matrix import SEQUENCE_COLUMNS
from spymaster_lake.serving.patchtst.model import NETWORK_FILE, SequenceHead, read_patchtst


def sequence_heads(
    files: Mapping[str, bytes], bundle: Bundle, feature_set: FeatureSet, *, root: str
) -> dict[str, SequenceHead]:
    """The heads that are OK; all share one network.

    Args:
        files: contents by path in the bundle, hashes verified.
        bundle: bundle.json.
        feature_set: feature_set.json.
        root: the bundle's directory, for messages.

    Raises:
        ConfigError: safetensors is not installed; names the extra.
        BundleSchemaError: the files contradict bundle.json, the feature set or each other.
    """
    network = read_patchtst(files, root)
    given = {o.head: o.task for o in network.config.heads}
    declared = {name: head.task for name, head in bundle.heads.items() if head.status == "OK"}
    if given != declared:
        raise BundleSchemaError(
            f"{root}/{NETWORK_FILE}: heads {given}, {BUNDLE_FILE} has {declared}"
        )
    if network.scaling.columns != feature_set.names:
        raise BundleSchemaError(f"{root}/{SCALING_FILE}: columns are not those of {feature_set.id}")
    found = sha256_hex(files[SCALING_FILE])
    if bundle.normalisation_ref is None or plain_sha256(bundle.normalisation_ref) != found:
        raise BundleSchemaError(
            f"{root}/{SCALING_FILE}: sha256 is {found}, {BUNDLE_FILE} says "
            f"{bundle.normalisation_ref}"
        )
    declared_sequences = tuple(c.name for c in bundle.columns if c.kind == "seq")
    if declared_sequences != SEQUENCE_COLUMNS:
        raise BundleSchemaError(
            f"{root}/{BUNDLE_FILE}: sequence columns {declared_sequences}; the network reads "
            f"{SEQUENCE_COLUMNS}"
        )
    return {name: SequenceHead(network, name) for name in given}
