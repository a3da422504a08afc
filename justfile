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

# A long campaign of kills, freezes and restarts over real jobs; KILLS processes die
chaos KILLS="1000" SEED="1":
    GRISTMILL_CHAOS_KILLS={{KILLS}} GRISTMILL_CHAOS_SEED={{SEED}} cargo test --test cluster -- chaos --nocapture

# Fuzz what reads untrusted bytes, guided by coverage: TARGET is archive, wire, model or text (a C++ compiler)
fuzz TARGET SECONDS="60":
    tests/fuzz/run {{TARGET}} {{SECONDS}}

# Fetch RabbitMQ 4 from Debian trixie, for the tests only (root; debootstrap; some minutes, once)
rabbitmq4:
    tests/broker/rabbitmq4

# Run the tests of the queue on that RabbitMQ 4, with feature FLAGS enabled in it (such as khepri_db)
test-rabbitmq4 FLAGS="":
    tests/broker/rabbitmq4
    GRISTMILL_RABBITMQ_HOME="{{justfile_directory()}}/target/rabbitmq4" GRISTMILL_RABBITMQ_FLAGS="{{FLAGS}}" cargo test -p gristmill-testbroker -p gristmill-rabbitmq -p gristmill-jobs -p gristmill

# Run compose.yaml for real: kills, restarts and scaling in mid-job (root; docker.io, docker-compose, debootstrap)
compose:
    tests/compose/scenario

# Build the Kubernetes manifests and check them against the schemas
manifests:
    tests/k8s/check
