//! A crowd on a broker, for the load test of the dashboard: `crowd URL JOBS ACTIVE WORKERS` writes
//! so many jobs, of which so many go on (those have queues), and lets so many workers report on
//! them every two seconds, until stdin ends. No worker is real.

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use gristmill_common::job::{JobName, JobRun};
use gristmill_common::plan_summary::PlanSummary;
use gristmill_common::progress::{Counts, Role};
use gristmill_common::spec::{Extract, JobSpec, Kind};
use gristmill_jobs::declare::{Backlog, declare_job};
use gristmill_jobs::registry::{Event, Registry, Submission, Totals};
use gristmill_jobs::report::{EXCHANGE, Facts, PERIOD, Rate, Report, Work, declare, encode_report};
use gristmill_rabbitmq::{Broker, BrokerOptions};

/// Splits of a job, and its chunks.
const SPLITS: u32 = 24;
const CHUNKS: u64 = 2000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, jobs, active, workers] = &words[..] else {
        return Err("crowd URL JOBS ACTIVE WORKERS".into());
    };
    let (jobs, active, workers) = (jobs.parse()?, active.parse()?, workers.parse()?);
    let runtime = tokio::runtime::Runtime::new()?;
    let broker = runtime.block_on(Broker::connect(BrokerOptions::new(url.parse()?)))?;
    runtime.block_on(write(&broker, jobs, active))?;
    #[expect(clippy::print_stdout, reason = "whoever measures waits for it")]
    {
        println!("ready");
    }
    runtime.spawn(report(broker, active, workers));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn name(job: u64) -> JobName {
    JobName::clean(&format!("access-log-{job:012x}"))
}

/// Writes the jobs; the last ones go on.
async fn write(broker: &Broker, jobs: u64, active: u64) -> Result<(), Box<dyn std::error::Error>> {
    declare(broker).await?;
    let registry = Registry::open(broker).await?;
    for job in 0..jobs {
        let run = JobRun::new(&name(jobs - 1 - job), 1);
        let plan_summary = PlanSummary {
            sources: vec!["logs/access.log.gz".to_owned().into_bytes().into()],
            splits: SPLITS,
            ..PlanSummary::default()
        };
        let submission = Submission {
            plan: job,
            ..Submission::of(JobSpec::of(Kind::Extract(Extract {})), plan_summary, 1)
        };
        let mut events = vec![
            Event::Submitted(Box::new(submission)),
            Event::Claimed {
                directory: "0".repeat(32),
                place: "host:/results".into(),
            },
            Event::Sealed { chunks: CHUNKS },
        ];
        if job < jobs - active {
            events.push(Event::Finished(Totals::default()));
        } else {
            declare_job(broker, &run, 1, Backlog::of(1 << 30)).await?;
        }
        for event in &events {
            registry.append(&run, event).await?;
        }
    }
    Ok(())
}

/// Reports of workers, each with one of the jobs that go on; every tenth has none.
async fn report(broker: Broker, active: u64, workers: u64) {
    let mut writer = broker.topic_writer(EXCHANGE);
    let mut tick = tokio::time::interval(PERIOD);
    let mut chunks = 0;
    loop {
        tick.tick().await;
        chunks += 1;
        for worker in 0..workers {
            let role = if worker % 20 == 0 {
                Role::Reduce
            } else {
                Role::Map
            };
            let job = name(worker % active.max(1));
            let work = (worker % 10 != 9 && active > 0).then(|| Work {
                job: job.clone(),
                run: 1,
                counts: Counts {
                    chunks,
                    bytes: chunks << 20,
                    total: CHUNKS,
                    in_hand: 2,
                    ..Counts::default()
                },
                rate: Rate {
                    millis: 10_000,
                    chunks: 40 + chunks % 7,
                    bytes: (40 + chunks % 7) << 20,
                },
                trouble: None,
                left_alone: false,
                reasons: Vec::new(),
            });
            let key = match &work {
                Some(_) => format!("{}.{job}", role.name()),
                None => role.name().to_owned(),
            };
            let report = Report {
                worker,
                role,
                facts: Facts {
                    host: format!("machine-{:03}", worker / 4),
                    pid: 1000 + worker as u32,
                    version: "0.2.0".into(),
                    threads: 8,
                    memory: (60 + worker % 30) << 20,
                },
                work,
            };
            let message: Bytes = encode_report(&report).expect("a report");
            if !writer.write(&key, &message).await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
