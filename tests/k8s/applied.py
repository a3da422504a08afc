"""What tests/k8s/api-server asks about manifests and about what a server made of them.

applied.py compare BUILT SERVER   every field of the manifests is on the server, with its value
applied.py same FIRST SECOND      two answers of the server differ in no field that is not its own
applied.py pods BUILT             the pod of each template, as a List
applied.py waits BUILT            each worker, and what `kubectl wait --for` waits for when its pods are made
applied.py others BUILT           the manifests without Namespace and ServiceAccount
applied.py spoil BUILT FOLDER     manifests that a server must refuse, a file each
"""
import base64
import copy
import json
import pathlib
import sys

import yaml

WORKERS = ("Deployment", "StatefulSet", "Job")


def built(path):
    return [d for d in yaml.safe_load_all(pathlib.Path(path).read_text()) if d]


def name_of(document):
    return f'{document["kind"]} {document["metadata"]["name"]}'


def answered(path):
    answer = json.loads(pathlib.Path(path).read_text())
    return answer["items"] if answer["kind"] == "List" else [answer]


def lacking(written, read, path=""):
    """Where `read` has not what was written. What a server adds is its own."""
    if isinstance(written, dict) and isinstance(read, dict):
        for key, value in written.items():
            here = f"{path}.{key}"
            if value is None:
                continue
            if key not in read:
                yield f"{here} is gone"
            else:
                yield from lacking(value, read[key], here)
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for place, (one, other) in enumerate(zip(written, read)):
            yield from lacking(one, other, f"{path}[{place}]")
    elif written != read:
        yield f"{path} is {read!r}, not {written!r}"


def compare(file, answer):
    on_server = {name_of(d): d for d in answered(answer)}
    problems = []
    for document in built(file):
        if document["kind"] == "Secret":
            # The server keeps what is given as text with the rest, and Base64 without kustomize's line breaks.
            text = document.pop("stringData", {})
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in text.items()}
            given = {key: "".join(value.split()) for key, value in document.get("data", {}).items()}
            document["data"] = given | encoded
        name = name_of(document)
        found = on_server.get(name)
        problems += [f"{name}{p}" for p in lacking(document, found)] if found else [f"{name} is not there"]
    return problems


def as_written(document):
    """Without what the server and its controllers write."""
    kept = copy.deepcopy(document)
    kept.pop("status", None)
    kept["metadata"].pop("resourceVersion")
    ours = [f for f in kept["metadata"].pop("managedFields", []) if f["operation"] == "Apply"]
    kept["metadata"].get("annotations", {}).pop("deployment.kubernetes.io/revision", None)
    return kept, [f["fieldsV1"] for f in ours]


def same(first, second):
    pairs = zip(answered(first), answered(second), strict=True)
    return [f"{name_of(one)} was changed" for one, other in pairs if as_written(one) != as_written(other)]


def pods(file):
    for worker in built(file):
        if worker["kind"] not in WORKERS:
            continue
        template = worker["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": dict(template["metadata"]), "spec": template["spec"]}
        # None that a controller makes has this name.
        pod["metadata"]["name"] = worker["metadata"]["name"] + "-judged"
        claims = [c["metadata"]["name"] for c in worker["spec"].get("volumeClaimTemplates", [])]
        volumes = [{"name": c, "persistentVolumeClaim": {"claimName": c}} for c in claims]
        pod["spec"]["volumes"] = pod["spec"].get("volumes", []) + volumes
        yield pod


def waits(file):
    for worker in built(file):
        if worker["kind"] in WORKERS:
            # The pods of a set come one after the other, each when the one before is ready.
            replicas = worker["spec"].get("replicas", 1) if worker["kind"] == "Deployment" else 1
            field = "active" if worker["kind"] == "Job" else "replicas"
            kind, name = worker["kind"].lower(), worker["metadata"]["name"]
            yield f"{kind}/{name} jsonpath={{.status.{field}}}={replicas}"


def spoilt(file):
    """One of each kind with a field that it has not, and a pod that runs as root."""
    for document in {d["kind"]: d for d in built(file)}.values():
        if "spec" in document:
            document["spec"]["noSuchField"] = True
            yield f'{document["kind"]}-with-unknown-field', document
    pod = next(pods(file))
    pod["metadata"]["namespace"] = "gristmill"
    pod["spec"]["securityContext"] = {"runAsUser": 0}
    yield "pod-of-root", pod


def main(question, *args):
    problems = []
    match question:
        case "compare" | "same":
            problems = {"compare": compare, "same": same}[question](*args)
        case "pods":
            print(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(pods(*args))}))
        case "waits":
            print(*waits(*args), sep="\n")
        case "others":
            print(yaml.safe_dump_all(d for d in built(*args) if d["kind"] not in ("Namespace", "ServiceAccount")))
        case "spoil":
            folder = pathlib.Path(args[1])
            folder.mkdir()
            for name, document in spoilt(args[0]):
                (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
        case _:
            sys.exit(__doc__)
    print(*problems, sep="\n", end="\n" if problems else "")
    sys.exit(bool(problems))


main(*sys.argv[1:])
