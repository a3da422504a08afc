//! Files that other threads help with, and those that one thread writes.

use super::*;

/// Lines of no pattern, so that they cross blocks everywhere and do not compress to nothing.
fn text(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        b'a' + (state >> 60) as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn i6_help_does_not_show_in_the_bytes() {
    let text = text(LARGE + LARGE / 2);
    for compress in [None, Some(Compress::Gz), Some(Compress::Zst)] {
        let files = [false, true].map(|help| {
            let dir = tempfile::tempdir().unwrap();
            let mut out = OutFile::create(dir.path(), "part".into(), compress).unwrap();
            if help {
                out = out.with_help();
            }
            for (at, bytes) in text.chunks(300_000).enumerate() {
                match at % 3 {
                    0 => out.write_shared(&Bytes::copy_from_slice(bytes)).unwrap(),
                    1 => bytes.chunks(77).for_each(|some| out.write(some).unwrap()),
                    _ => out.write(bytes).unwrap(),
                }
            }
            let helped = !matches!(out.stages, Stages::Here(_));
            assert_eq!(helped, help, "{compress:?}");
            let finished = out.finish().unwrap();
            let mut files = std::fs::read_dir(dir.path()).unwrap();
            let written = std::fs::read(files.next().unwrap().unwrap().path()).unwrap();
            assert!(finished.temp.is_some());
            assert_eq!(finished.bytes, written.len() as u64);
            assert_eq!(finished.sha256, hex(&Sha256::digest(&written)));
            written
        });
        assert!(files[0] == files[1], "{compress:?}");
    }
}

#[test]
fn a_stream_that_fails_beside_names_its_reason() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let text = text(LARGE * 4);
    for compress in [None, Some(Compress::Gz), Some(Compress::Zst)] {
        let room = Box::new(Full(LARGE));
        let out = OutFile::stream("part".into(), room, compress, "the stream").unwrap();
        let mut out = out.with_help();
        let written = text.chunks(100_000).try_for_each(|some| out.write(some));
        let error = written.and_then(|()| out.finish()).unwrap_err();
        assert!(error.is_closed_pipe(), "{compress:?}: {error}");
    }
}
