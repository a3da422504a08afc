# Commands of the project; `just` lists them.

default:
    @just --list

# Run every test, setting up what they need
test:
    tests/all

# What CI runs
ci:
    bash .ci/run

# Generate the benchmark's data (about 500 MB) into DIR
bench-data DIR="bench-data":
    cargo run --release -p gristmill-bench -- generate --dir {{DIR}}

# Run the six jobs beside the installed tools and print ratios and peak memory
bench DIR="bench-data":
    cargo build --release
    cargo run --release -p gristmill-bench -- run --dir {{DIR}}

# Run `group-by` beside the installed tools on LINES lines each of JSON, CSV and ALB logs (9200000: 4 GB of JSON)
bench-group-by LINES="9200000" DIR="bench-data/group-by":
    cargo build --release
    python3 bench/group_by.py target/release/gristmill --lines {{LINES}} --data {{DIR}}

# A long campaign of kills, freezes and restarts over real jobs, on NODES brokers (1 or 3); KILLS processes die
chaos KILLS="1000" SEED="1" NODES="1":
    GRISTMILL_CHAOS_KILLS={{KILLS}} GRISTMILL_CHAOS_SEED={{SEED}} GRISTMILL_CHAOS_NODES={{NODES}} cargo test --test cluster -- chaos --nocapture

# Fuzz what reads untrusted bytes, guided by coverage: TARGET is archive, wire, model or text (a C++ compiler)
fuzz TARGET SECONDS="60":
    tests/fuzz/run {{TARGET}} {{SECONDS}}

# Run the tests of the queue on RabbitMQ VERSION (4.0 or 4.3), with feature FLAGS enabled (such as khepri_db)
test-rabbitmq VERSION="4.3" FLAGS="":
    #!/usr/bin/env bash
    set -euo pipefail
    # Fetched from Debian once: root, debootstrap, a minute or two.
    export "$(tests/broker/rabbitmq {{VERSION}})"
    GRISTMILL_RABBITMQ_FLAGS="{{FLAGS}}" cargo test -p gristmill-testbroker -p gristmill-rabbitmq -p gristmill-jobs -p gristmill

# Run compose.yaml for real: kills, restarts and scaling in mid-job (root; docker.io, docker-compose, debootstrap)
compose:
    tests/compose/scenario

# Build the archive, .deb, wheel, SBOMs and checksums of this version
packages:
    packaging/build

# Build the packages and install each where nothing else is (root; debootstrap)
test-packages:
    tests/packages/scenario
    tests/packages/image || [ $? = 77 ]

# Build the documentation with mdbook
book:
    packaging/book

# Open reports and the dashboard in a real browser; --pictures makes docs/images/ anew (chromium, chromedriver)
test-pages *ARGS:
    tests/pages/browser {{ARGS}}

# What the dashboard costs a browser and its server with 500 jobs and 1,000 workers (chromium, chromedriver)
test-pages-load *ARGS:
    tests/pages/load {{ARGS}}

# Check the Python package: mypy and its tests (PYTHON=python3.9 names an interpreter)
test-python *ARGS:
    tests/python/run {{ARGS}}

# Check .github/ and the shell scripts
workflows:
    tests/packages/workflows

# Check and test the alerts for Prometheus by promtool
alerts:
    tests/monitoring/rules

# Build the Kubernetes manifests and check them against the schemas
manifests:
    tests/k8s/check

# Apply the Kubernetes manifests to an API server of its own (KUBEBUILDER_ASSETS: a folder with kube-apiserver and etcd)
api-server:
    tests/k8s/api-server
