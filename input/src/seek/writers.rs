//! Writers of files with seek tables, for tests.

use std::io::Write;

use liblzma::stream::{Action, Check, Status, Stream};

/// Packs a text in blocks of so many bytes.
type Writer = fn(&[u8], usize) -> Vec<u8>;

/// The formats by name.
pub(crate) const FORMATS: [(&str, Writer); 4] = [
    ("BGZF", bgzf),
    ("zstd", zstd),
    ("seekable zstd", seekable),
    ("xz", xz),
];

/// As `bgzip` does, with the empty member at its end.
pub(crate) fn bgzf(text: &[u8], block: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for text in text.chunks(block).chain([&[][..]]) {
        let packed = crate::testing::deflate(text);
        let length = (18 + packed.len() + 8 - 1) as u16;
        out.extend_from_slice(b"\x1F\x8B\x08\x04\0\0\0\0\0\xFF\x06\0BC\x02\0");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&packed);
        out.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    }
    out
}

fn frame(text: &[u8], checksum: bool) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder
        .set_pledged_src_size(Some(text.len() as u64))
        .unwrap();
    encoder.include_checksum(checksum).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Frames, some with a checksum, and a skippable one between the first two.
pub(crate) fn zstd(text: &[u8], block: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, text) in text.chunks(block).enumerate() {
        out.extend(frame(text, number % 2 == 0));
        if number == 0 {
            out.extend_from_slice(b"\x5A\x2A\x4D\x18\x03\0\0\0abc");
        }
    }
    out
}

/// Frames and a table of them.
pub(crate) fn seekable(text: &[u8], block: usize) -> Vec<u8> {
    with_table(text, block, |_| {})
}

/// The same with a table that was changed: of each frame its length and that of its text.
pub(crate) fn with_table(
    text: &[u8],
    block: usize,
    change: impl FnOnce(&mut Vec<[u32; 2]>),
) -> Vec<u8> {
    let (mut out, mut table) = (Vec::new(), Vec::new());
    for text in text.chunks(block) {
        let frame = frame(text, true);
        table.push([frame.len() as u32, text.len() as u32]);
        out.extend(frame);
    }
    change(&mut table);
    out.extend_from_slice(b"\x5E\x2A\x4D\x18");
    out.extend_from_slice(&(table.len() as u32 * 8 + 9).to_le_bytes());
    out.extend(
        table
            .iter()
            .flatten()
            .flat_map(|number| number.to_le_bytes()),
    );
    out.extend_from_slice(&(table.len() as u32).to_le_bytes());
    out.push(0);
    out.extend_from_slice(b"\xB1\xEA\x92\x8F");
    out
}

/// Blocks as `xz --flush-timeout` and others make them.
pub(crate) fn xz(text: &[u8], block: usize) -> Vec<u8> {
    let mut encoder = Stream::new_easy_encoder(0, Check::Crc64).unwrap();
    let mut out = Vec::with_capacity(2 * text.len() + (1 << 20));
    for block in text.chunks(block) {
        run(&mut encoder, block, Action::FullFlush, &mut out);
    }
    run(&mut encoder, &[], Action::Finish, &mut out);
    out
}

fn run(encoder: &mut Stream, text: &[u8], action: Action, out: &mut Vec<u8>) {
    let mut given = 0;
    loop {
        let before = encoder.total_in();
        let status = encoder.process_vec(&text[given..], out, action);
        given += (encoder.total_in() - before) as usize;
        if status.unwrap() == Status::StreamEnd {
            return;
        }
    }
}
