//! `read THREADS INPUT…`: reads and cuts what inputs name, as a producer does, and prints how much
//! there was and how long it took. For measuring.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::time::Instant;

use gristmill_common::chunk::ChunkHead;
use gristmill_common::progress::Progress;
use gristmill_common::shutdown::Shutdown;
use gristmill_common::spec::{Grep, JobSpec, Kind};
use gristmill_input::{ChunkSink, Halt, Plan, Reading, read_all};
use gristmill_store::Stores;

/// Takes chunks and keeps nothing.
struct Nowhere;

impl ChunkSink for Nowhere {
    fn take(&mut self, _: ChunkHead, _: Vec<u8>) -> Result<(), Halt> {
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "a person reads it")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args_os().skip(1);
    let threads = words
        .next()
        .and_then(|threads| threads.to_str()?.parse().ok());
    let threads = threads.unwrap_or(NonZeroUsize::MIN);
    let inputs: Vec<OsString> = words.collect();
    let spec = JobSpec::of(Kind::Grep(Grep::of("")));
    let begun = Instant::now();
    let plan = Plan::with_objects(&inputs, &spec, 1 << 20, b'\n', &Stores::new(), None)?;
    let planned = begun.elapsed();
    let (progress, shutdown) = (Progress::default(), Shutdown::new());
    let reading = Reading::new(&plan, &spec, std::env::temp_dir(), &progress, &shutdown)?;
    let seal = read_all(&reading, threads, &|_| None, || Nowhere)?;
    println!(
        "{} sources, {} splits, {} records: planned in {planned:.2?}, all in {:.2?}",
        plan.sources().len(),
        plan.splits().len(),
        seal.records.iter().sum::<u64>(),
        begun.elapsed()
    );
    Ok(())
}
