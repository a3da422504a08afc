use std::fs;

use gristmill_common::counters::{Counter, Counters};
use gristmill_common::pair::push_pair;

use super::*;

/// Passes everything through, or fails.
#[derive(Debug)]
struct Cat(Result<(), ReduceFault>);

impl ReduceProgram for Cat {
    fn reduce(
        &self,
        partition: u32,
        pairs: &mut dyn Read,
        output: &mut dyn Write,
    ) -> Result<Vec<Counter>, ReduceFault> {
        assert_eq!(partition, 3);
        io::copy(pairs, output).map_err(|error| ReduceFault::Here(error.to_string()))?;
        self.0.clone()?;
        Ok(Counter::new(b"g", b"n", 2).into_iter().collect())
    }
}

/// What a partition with these chunks writes within `budget` bytes, and how much it spilled.
fn reduced(
    budget: usize,
    chunks: &[(ChunkId, Vec<Bytes>)],
    end: Cat,
) -> Result<(String, u64), String> {
    let folder = tempfile::tempdir().unwrap();
    let out = OutFile::create(folder.path(), "part".into(), None).unwrap();
    let mut grouped = Grouped::new(3, budget, folder.path(), Arc::new(end), out);
    for (id, bodies) in chunks {
        grouped.take(*id, bodies).unwrap();
    }
    let (mut spilled, mut counters) = (0, Counters::default());
    let finished = grouped
        .finish(&mut spilled, &mut counters)
        .map_err(|error| error.to_string())?;
    assert_eq!(counters.len(), 1);
    finished.temp.unwrap().publish().unwrap();
    Ok((
        fs::read_to_string(folder.path().join("part")).unwrap(),
        spilled,
    ))
}

/// A chunk's bodies: `pairs` of a letter and a number, the last of them in a body of their own.
fn chunk(split: u32, index: u32, pairs: &[(&str, u32)]) -> (ChunkId, Vec<Bytes>) {
    let bodies = pairs.chunks(pairs.len().max(2) - 1).map(|pairs| {
        let mut body = Vec::new();
        for (key, value) in pairs {
            push_pair(&mut body, key.as_bytes(), value.to_string().as_bytes());
        }
        body.into()
    });
    (ChunkId { split, index }, bodies.collect())
}

#[test]
fn values_of_a_key_are_in_input_order_however_chunks_come() {
    let chunks = [
        chunk(1, 0, &[("b", 9), ("a", 8), ("b", 7)]),
        chunk(0, 1, &[("b", 6), ("", 5)]),
        chunk(0, 0, &[("b", 10), ("b", 4), ("ab", 3)]),
    ];
    let expected = "\t5\na\t8\nab\t3\nb\t10\nb\t4\nb\t6\nb\t9\nb\t7\n";
    let (text, spilled) = reduced(1 << 20, &chunks, Cat(Ok(()))).unwrap();
    assert_eq!((&text[..], spilled), (expected, 0));
}

#[test]
fn what_does_not_fit_is_spilled_and_gives_the_same() {
    let many: Vec<(String, u32)> = (0..20_000_u32)
        .map(|number| {
            (
                format!("key {}", number.wrapping_mul(2_654_435_761) % 701),
                number,
            )
        })
        .collect();
    let many: Vec<(&str, u32)> = many.iter().map(|(key, value)| (&key[..], *value)).collect();
    let mut chunks: Vec<_> = (0_u32..)
        .zip(many.chunks(1000))
        .map(|(at, pairs)| chunk(at / 3, at % 3, pairs))
        .collect();
    let (in_memory, none) = reduced(64 << 20, &chunks, Cat(Ok(()))).unwrap();
    chunks.reverse();
    let (in_runs, spilled) = reduced(64 << 10, &chunks, Cat(Ok(()))).unwrap();
    assert!(none == 0 && spilled > 100_000, "{none} {spilled}");
    assert!(in_memory == in_runs && in_memory.lines().count() == 20_000);
    assert!(
        in_memory
            .lines()
            .is_sorted_by_key(|line| line.split('\t').next())
    );
}

#[test]
fn a_program_that_fails_fails_the_partition() {
    let failed = reduced(
        1 << 20,
        &[],
        Cat(Err(ReduceFault::Program("exit status 3".into()))),
    );
    assert_eq!(failed, Err("exit status 3".into()));
}

#[test]
fn a_body_that_is_no_list_of_pairs_is_named() {
    let (_, mut bodies) = chunk(0, 0, &[("a", 1)]);
    assert!(Grouped::check(&bodies[0]).is_ok());
    bodies[0] = bodies[0].slice(..2);
    assert!(Grouped::check(&bodies[0]).is_err());
}
