//! A log of jobs with ten thousand behind: who starts reads what came since its checkpoint.

use gristmill_jobs::registry::Registry;
use gristmill_rabbitmq::{Broker, BrokerOptions};
use serde_json::Value;

use crate::cluster::{Cluster, assert_same, expected, text};
use crate::corpus;
use crate::log_writer::Writer;

const WORDS: &[&str] = &["word-count"];
const BEHIND: u64 = 10_000;

/// How many jobs the log knows, and how many messages a start reads.
async fn started(cluster: &Cluster) -> (u64, u64) {
    let url = cluster.vhost.url().parse().expect("a URL");
    let broker = Broker::connect(BrokerOptions::new(url)).await;
    let broker = broker.expect("a broker");
    let registry = Registry::open(&broker).await.expect("the log");
    let (table, mut log) = registry.resume().await.expect("the log");
    let known = table.iter().count() as u64;
    while !log.is_at_end() {
        log.next().await.expect("an entry");
    }
    broker.close().await;
    (known, log.messages())
}

#[test]
fn roles_that_start_behind_ten_thousand_jobs_do_a_job_and_read_little() {
    let cluster = Cluster::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let url = cluster.vhost.url();
        let broker = BrokerOptions::new(url.parse().expect("a URL"));
        let broker = Broker::connect(broker).await.expect("a broker");
        Registry::open(&broker).await.expect("the log");
        let writer = Writer::connect(&url).await;
        // Less one: the table holds no more jobs, and the new one is to be among them.
        writer.ended_jobs(BEHIND - 1).await;
        broker.close().await;
    });
    let input = cluster.folder.path().join("text.txt");
    std::fs::write(&input, corpus::prose(5, 30_000)).expect("a file");
    let reducer = cluster.reducer();
    let mapper = cluster.mapper();
    let mut line = vec!["produce"];
    line.extend(WORDS);
    line.extend([
        text(&input),
        "--job",
        "job",
        "--chunk-size",
        "4KiB",
        "--wait",
    ]);
    cluster.run(&line).code(0);
    assert_same(&cluster.job("job"), &expected(WORDS, &input), "behind");
    // The same again finds the finished job in the table.
    cluster.run(&line).code(0);

    let (known, messages) = runtime.block_on(started(&cluster));
    assert!(known >= BEHIND - 1, "{known} jobs");
    assert!(messages < 500, "{messages} messages");
    for job in ["job", "access-log-000000000007"] {
        let shown = cluster.run(&["status", job, "--json"]).code(0).stdout;
        let shown: Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(shown["state"], "finished", "{shown}");
    }
    mapper.stop();
    reducer.stop();
    cluster.until_clean();
}
