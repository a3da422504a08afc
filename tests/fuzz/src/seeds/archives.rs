//! A small archive or stream of every format, and some inside each other.

use std::io::Write;

const TEXT: &[u8] = b"one two\nthree\n\nfour";

/// The archives.
pub(super) fn all() -> Vec<Vec<u8>> {
    let plain = tar();
    let streams = [
        gzip(TEXT),
        zlib(TEXT),
        bzip2(TEXT),
        xz(TEXT),
        lzma(TEXT),
        lz4(TEXT),
        snappy(TEXT),
        zstd(TEXT),
    ];
    let mut all = vec![
        plain.clone(),
        sparse(),
        pax(),
        [plain.clone(), plain.clone()].concat(),
        gzip(&plain),
        zip(false),
        zip(true),
        // Cut in its directory.
        zip(false)[..zip(false).len() - 40].to_vec(),
        [b"#!/bin/sh\n", &zip(true)[..]].concat(),
        ar(),
        cpio(),
        b"\xFF\xFEa\0\n\0\x3D\xD8\0\xDE".to_vec(),
        b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR".to_vec(),
    ];
    all.push(members(&streams));
    all.extend(streams);
    all
}

fn member(builder: &mut tar::Builder<Vec<u8>>, name: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    builder
        .append_data(&mut header, name, bytes)
        .expect("memory");
}

fn members(streams: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (number, stream) in streams.iter().enumerate() {
        member(&mut builder, &format!("m{number}"), stream);
    }
    builder.into_inner().expect("memory")
}

fn tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    member(&mut builder, "a.txt", TEXT);
    let mut header = tar::Header::new_gnu();
    header.set_size(TEXT.len() as u64);
    let long = "long/".repeat(40);
    builder
        .append_data(&mut header, long + "name", TEXT)
        .expect("memory");
    member(&mut builder, "b.zip", &zip(false));
    builder.into_inner().expect("memory")
}

/// A header of the old GNU form with a map of its holes.
fn sparse() -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_path("sparse").expect("short");
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(8);
    let bytes = header.as_mut_bytes();
    for (at, number) in [(386, 100), (398, 8), (483, 300)] {
        bytes[at..at + 12].copy_from_slice(format!("{number:011o}\0").as_bytes());
    }
    // More of the map follows.
    bytes[482] = 1;
    header.set_cksum();
    let mut all = header.as_bytes().to_vec();
    all.resize(1024, 0);
    all.extend_from_slice(b"in hole\n");
    all.resize(1536, 0);
    all.extend(tar());
    all
}

/// A header of the newest sparse form, with attributes that hold newlines.
fn pax() -> Vec<u8> {
    let records = b"30 SCHILY.xattr.user.n=a\nb\nc\n\n22 GNU.sparse.major=1\n27 GNU.sparse.name=a name\n29 GNU.sparse.realsize=20000\n";
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_path("pax").expect("short");
    header.set_entry_type(tar::EntryType::XHeader);
    header.set_size(records.len() as u64);
    header.set_cksum();
    builder.append(&header, &records[..]).expect("memory");
    let mut data = b"1\n10000\n5\n".to_vec();
    data.resize(512, 0);
    data.extend_from_slice(b"text\n");
    member(&mut builder, "GNUSparseFile.0/a", &data);
    builder.into_inner().expect("memory")
}

/// A zip of two members; `streamed` says that sizes stand behind their data.
fn zip(streamed: bool) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    let deflated = deflate(TEXT);
    for (name, method, data) in [
        (&b"f\x84le"[..], 8_u16, &deflated[..]),
        (b"stored", 0, TEXT),
    ] {
        let sizes: Vec<u8> = [crc32fast::hash(TEXT), data.len() as u32, TEXT.len() as u32]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        let head = |sizes: &[u8]| {
            let flags = if streamed { 8_u16 } else { 0 };
            [
                &flags.to_le_bytes()[..],
                &method.to_le_bytes(),
                &[0; 4],
                sizes,
                &(name.len() as u32).to_le_bytes(),
            ]
            .concat()
        };
        let offset = zip.len() as u32;
        zip.extend_from_slice(b"PK\x03\x04\x14\0");
        zip.extend(head(if streamed { &[0; 12] } else { &sizes }));
        zip.extend_from_slice(name);
        zip.extend_from_slice(data);
        if streamed {
            zip.extend_from_slice(b"PK\x07\x08");
            zip.extend_from_slice(&sizes);
        }
        directory.extend_from_slice(b"PK\x01\x02\x14\0\x14\0");
        directory.extend(head(&sizes));
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(name);
    }
    let (start, size) = (zip.len() as u32, directory.len() as u32);
    zip.extend(directory);
    zip.extend_from_slice(b"PK\x05\x06\0\0\0\0\x02\0\x02\0");
    zip.extend_from_slice(&size.to_le_bytes());
    zip.extend_from_slice(&start.to_le_bytes());
    zip.extend_from_slice(&[0, 0]);
    zip
}

fn ar() -> Vec<u8> {
    let mut all = b"!<arch>\n".to_vec();
    for (name, data) in [
        ("//", &b"a-long-name.txt/\n"[..]),
        ("/0", TEXT),
        ("#1/4", b"nameone\n"),
    ] {
        all.extend(
            format!(
                "{name:<16}0           0     0     100644  {:<10}`\n",
                data.len()
            )
            .as_bytes(),
        );
        all.extend_from_slice(data);
        all.resize(all.len().next_multiple_of(2), b'\n');
    }
    all
}

fn cpio() -> Vec<u8> {
    let mut all = Vec::new();
    for (name, mode, data) in [("a.txt", 0o100_644, TEXT), ("TRAILER!!!", 0, b"")] {
        let fields = [
            1,
            mode,
            0,
            0,
            1,
            0,
            data.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0,
        ];
        all.extend_from_slice(b"070701");
        fields
            .iter()
            .for_each(|field| all.extend(format!("{field:08x}").bytes()));
        all.extend_from_slice(name.as_bytes());
        all.push(0);
        all.resize(all.len().next_multiple_of(4), 0);
        all.extend_from_slice(data);
        all.resize(all.len().next_multiple_of(4), 0);
    }
    all
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn lzma(bytes: &[u8]) -> Vec<u8> {
    let options = liblzma::stream::LzmaOptions::new_preset(0).expect("a preset");
    let stream = liblzma::stream::Stream::new_lzma_encoder(&options).expect("an encoder");
    let mut encoder = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = lz4_flex::frame::FrameEncoder::new(b"\x50\x2A\x4D\x18\x02\0\0\0xx".to_vec());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).expect("memory");
    encoder.into_inner().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory")
}
