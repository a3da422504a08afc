//! What each way of writing tags costs beside plain text, on one thread.
//!
//! `cargo run --release -p gristmill-mapper --example pos_speed FILE [ROUNDS]` tags FILE, a text,
//! in every way by turns and prints processor time as a multiple of plain text's.

#![allow(clippy::print_stdout, reason = "a program that prints its findings")]

mod thread_time;

use std::sync::Arc;
use std::time::Duration;

use gristmill_common::chunk::{Chunk, ChunkHead, Piece};
use gristmill_common::id::ChunkId;
use gristmill_common::spec::{Format, JobSpec, Kind, Pos, Records, Tagset};
use gristmill_mapper::{Mapper, Prepared};

use self::thread_time::now;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let text = std::fs::read(args.next().ok_or("pos_speed FILE [ROUNDS]")?)?;
    let rounds: usize = args.next().map_or(Ok(5), |rounds| rounds.parse())?;
    let chunks: Vec<Chunk> = pieces(&text).map(|piece| chunk(piece.to_vec())).collect();
    let ways = [
        ("text", Format::Text, Tagset::Ewt, false),
        ("text, universal", Format::Text, Tagset::Universal, false),
        ("conllu", Format::Conllu, Tagset::Ewt, false),
        ("jsonl", Format::Jsonl, Tagset::Ewt, false),
        ("conllu, lemmas", Format::Conllu, Tagset::Ewt, true),
    ];
    let mut mappers = Vec::new();
    for (_, format, tagset, lemmas) in ways {
        mappers.push(mapper(format, tagset, lemmas)?);
    }
    let mut best = [Duration::MAX; 5];
    let mut bytes = [0; 5];
    for _ in 0..rounds {
        for (at, mapper) in mappers.iter_mut().enumerate() {
            let before = now();
            bytes[at] = 0;
            for chunk in &chunks {
                bytes[at] += mapper
                    .map(chunk)?
                    .iter()
                    .map(|(_, m)| m.len())
                    .sum::<usize>();
            }
            best[at] = best[at].min(now().saturating_sub(before));
        }
    }
    for (at, (name, ..)) in ways.iter().enumerate() {
        println!(
            "{name:16} {:7.1} ms  {:5.3} x text  {} bytes",
            best[at].as_secs_f64() * 1e3,
            best[at].as_secs_f64() / best[0].as_secs_f64(),
            bytes[at],
        );
    }
    Ok(())
}

fn mapper(format: Format, tagset: Tagset, lemmas: bool) -> Result<Mapper, Error> {
    let pos = Pos {
        tokenized: false,
        tagset,
        lemmas,
        separator: "_".to_owned(),
        model_hash: 0,
        own_model: false,
    };
    let spec = JobSpec {
        format,
        records: Records::Document,
        ..JobSpec::of(Kind::Pos(pos))
    };
    let prepared = Arc::new(Prepared::new(&spec)?);
    Ok(Mapper::new(prepared, &spec, 1))
}

/// The text in pieces of the size that a producer cuts, or somewhat more, at blank lines.
fn pieces(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let from = rest.len().min(512 << 10);
        let end = memchr::memmem::find(&rest[from..], b"\n\n");
        let (piece, after) = rest.split_at(end.map_or(rest.len(), |end| from + end + 2));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

fn chunk(text: Vec<u8>) -> Chunk {
    let piece = Piece {
        source: 0,
        document: b"corpus/text.txt".to_vec(),
        ordinal: 0,
        offset: 0,
        record: 0,
        records: 1,
        first: true,
        last: true,
        len: text.len() as u32,
        inside: None,
        large: 0,
        header: None,
    };
    Chunk {
        head: ChunkHead {
            id: ChunkId { split: 0, index: 0 },
            pieces: vec![piece],
            faults: vec![],
        },
        body: text.into(),
        hash: 0,
    }
}
