//! Signs of binary files that the list of signatures in use does not know, from file(1)'s magic.

use super::foreign::{is_binary, is_text_at_first};

/// A sign of printable characters that is shorter may begin a text by chance.
const LONG: usize = 16;
/// A record of utmp(5) on Linux.
const LOGIN: usize = 384;

/// What begins with these bytes, at this offset.
const SIGNS: &[(usize, &[u8], &str)] = &[
    (
        0,
        b"LPKSHHRH",
        "systemd journal; journalctl --file prints it",
    ),
    (0, b"ElfFile\0", "Windows event log (EVTX)"),
    (0, b"\x30\0\0\0LfLe", "Windows event log"),
    (0, b"regf", "Windows registry hive"),
    (0, b"L\0\0\0\x01\x14\x02\0", "Windows shortcut"),
    (4, b"SCCA", "Windows prefetch file"),
    (4, b"\xEF\xCD\xAB\x89", "ESE database"),
    (0, b"MDMP\x93\xA7", "minidump"),
    (0, b"PAGEDU", "Windows memory dump"),
    (0, b"\0\0\0\x01Bud1", ".DS_Store"),
    (0, b"bplist", "binary property list"),
    (0, b"\x93NUMPY", "NumPy array"),
    (0, b"\x89HDF\r\n\x1A\n", "HDF5 file"),
    (0, b"CDF\x01", "NetCDF file"),
    (0, b"CDF\x02", "NetCDF file"),
    (0, b"CDF\x05", "NetCDF file"),
    (0, b"GRIB", "GRIB file"),
    (0, b"MATLAB 5.0 MAT-file", "MATLAB file"),
    (0, b"RDX2\nX\n", "R workspace"),
    (0, b"RDX3\nX\n", "R workspace"),
    (0, b"X\n\0\0\0\x02\0", "R object"),
    (0, b"X\n\0\0\0\x03\0", "R object"),
    (0, b"$FL2@(#)", "SPSS file"),
    (0, b"$FL3@(#)", "SPSS file"),
    (0, b"<stata_dta><header>", "Stata file"),
    (0, b"GGUF", "GGUF model"),
    (4, b"TFL3", "TensorFlow Lite model"),
    (0, b"PAR1", "Parquet file"),
    (0, b"PARE", "encrypted Parquet file"),
    (0, b"ORC", "ORC file"),
    (0, b"ARROW1\0\0", "Arrow file"),
    (0, b"FEA1", "Feather file"),
    (0, b"Obj\x01", "Avro file"),
    (0, b"SEQ\x04", "Hadoop sequence file"),
    (0, b"SEQ\x05", "Hadoop sequence file"),
    (0, b"SEQ\x06", "Hadoop sequence file"),
    (0, b"RCF\x01", "RCFile"),
    (0, b"\x3F\xD7\x6C\x17", "Lucene index file"),
    (0, b"PACK\0\0\0", "git pack"),
    (0, b"DIRC\0\0\0", "git index"),
    (0, b"\xFFtOc\0\0\0", "git pack index"),
    (0, b"MIDX\x01", "git multi-pack index"),
    (0, b"CGPH\x01", "git commit graph"),
    (0, b"# v2 git bundle\n", "git bundle"),
    (0, b"# v3 git bundle\n", "git bundle"),
    (0, b"REDIS0", "Redis dump"),
    (0, b"PGDMP", "PostgreSQL dump; pg_restore -f - prints it"),
    (0, b"\xFEbin", "MySQL binary log; mysqlbinlog prints it"),
    (0, b"\xFE\xFE\x07", "MyISAM index"),
    (0, b"\x37\x7F\x06\x82", "SQLite write-ahead log"),
    (0, b"\x37\x7F\x06\x83", "SQLite write-ahead log"),
    (0, b"\xD9\xD5\x05\xF9\x20\xA1\x63\xD7", "SQLite journal"),
    (12, b"\x61\x15\x06\0", "Berkeley DB"),
    (12, b"\x62\x31\x05\0", "Berkeley DB"),
    (12, b"\0\x06\x15\x61", "Berkeley DB"),
    (12, b"\0\x05\x31\x62", "Berkeley DB"),
    (16, b"\xDE\xC0\xEF\xBE", "LMDB database"),
    (0, b"\xCE\x9A\x57\x13", "GNU dbm database"),
    (0, b"\xCF\x9A\x57\x13", "GNU dbm database"),
    (0, b"\0mlocate", "locate database"),
    (0, b"\0plocate", "locate database"),
    (0, b"\0LOCATE02", "locate database"),
    (0, b"\xBA\xAA\xD7\x00", "Prometheus index"),
    (0, b"\x85\xBD\x40\xDD", "Prometheus chunks"),
    (
        0,
        b"\x30\x5C\x72\xA7\x1B\x6D\xFB\xFC",
        "browser cache entry",
    ),
    (0, b"mozLz40\0", "Mozilla lz4 file"),
    (0, b"LUKS\xBA\xBE", "LUKS volume"),
    (0, b"SKUL\xBA\xBE", "LUKS volume"),
    (0, b"\xEB\x52\x90NTFS    ", "NTFS volume"),
    (0, b"hsqs", "SquashFS image"),
    (0, b"\xD0\x0D\xFE\xED", "device tree"),
    (0, b"ANDROID!", "Android boot image"),
    (0, b"b0VIM ", "vim swap file"),
    (0, b"Vim\x9FUnDo\xE5", "vim undo file"),
    (0, b";ELC", "compiled Emacs Lisp"),
    (0, b"TZif", "time zone file"),
    (0, b"VIMspell", "vim spell file"),
    (0, b"VIMsug", "vim spell file"),
    (0, b"Xcur", "X cursor"),
    (0, b"GVariant\0\0\0\0", "GVariant database"),
    (0, b"GOBJ\nMETADATA\r\n\x1A", "GObject type library"),
    (2, b"\xDA\x27\x14\0", "ICU data"),
    (8, b"BEAM", "compiled Erlang"),
    (0, b"\x83h\x03d\0", "Erlang boot script"),
    (0, b"\xA2\xAB\x0B\xF0", "Java class archive"),
    (0, b"\xAC\xED\0\x05", "Java serialization"),
    (0, b"\xCE\xCE\xCE\xCE", "Java key store"),
    (0, b"JAVA PROFILE 1.0.", "Java heap dump"),
    (0, b"FLR\0", "Java flight recording"),
    (0, b"PERFILE2", "perf recording"),
    (0, b"snoop\0\0\0", "snoop capture"),
    (0, b"\0\0\0\x0CjP  \r\n\x87\n", "JPEG 2000 image"),
    (0, b"\0\0\0\x0CJXL \r\n\x87\n", "JPEG XL image"),
    (128, b"DICM", "DICOM file"),
    (0, b"BC\xC0\xDE", "LLVM bitcode"),
];

/// What a stream that begins so is: one of the signs, and bytes that no text holds.
pub(super) fn name(head: &[u8]) -> Option<&'static str> {
    if !is_binary(head) {
        return None;
    }
    let sign = SIGNS.iter().find(|(at, sign, _)| {
        let found = head.get(*at..).is_some_and(|rest| rest.starts_with(sign));
        found && (sign.len() >= LONG || !is_text_at_first(head))
    });
    sign.map(|(_, _, name)| *name).or_else(|| by_fields(head))
}

/// The same for what is told by the values of some fields.
fn by_fields(head: &[u8]) -> Option<&'static str> {
    Some(match head {
        [b'B', b'M', rest @ ..] if is_bitmap(rest) => "BMP image",
        // PROTO and its version; what follows is the first operation.
        [
            0x80,
            2..=3,
            b'(' | b'}' | b']' | b'c' | b'X' | b'K' | b'G' | b'N' | b')',
            ..,
        ]
        | [0x80, 4..=5, 0x95, ..] => "pickle",
        // The version of the bytecode, then flags (PEP 552) or, in Python 2, a time.
        [_, 0x0C..=0x0F, b'\r', b'\n', 0..=3, 0, 0, 0, ..] | [0x03, 0xF3, b'\r', b'\n', ..] => {
            "compiled Python"
        }
        // The lengths of the names and of the flags.
        [0x1A, 1, names, 0, flags, 0, ..] | [0x1E, 2, names, 0, flags, 0, ..]
            if *names > 1 && *flags < 64 =>
        {
            "terminal description"
        }
        _ if is_login(head) => "login records (utmp, wtmp); last -f prints them",
        _ => return None,
    })
}

/// Whether the fields of a bitmap follow its sign: two reserved ones, the offset of the pixels and
/// the length of the next header, both short.
fn is_bitmap(rest: &[u8]) -> bool {
    matches!(
        rest,
        [_, _, _, _, 0, 0, 0, 0, _, _, 0, 0, 12..=124, 0, 0, 0, ..]
    )
}

/// Whether a file begins with a record of who logged in, or when the machine started.
fn is_login(head: &[u8]) -> bool {
    let Some(record) = head.get(..LOGIN) else {
        return false;
    };
    let padded = |field: &[u8]| {
        let text = field.iter().take_while(|&&byte| byte != 0).count();
        let (text, zeros) = field.split_at(text);
        text.iter().all(u8::is_ascii_graphic) && zeros.iter().all(|&byte| byte == 0)
    };
    // Its type, two bytes to align; the line (a terminal), its short name and the user; the host is
    // followed by statuses, times and an address; 20 bytes are reserved.
    matches!(record, [1..=8, 0, 0, 0, ..])
        && record[8] != 0
        && padded(&record[8..40])
        && padded(&record[44..76])
        && record[364..].iter().all(|&byte| byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(at: usize, sign: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x80; at];
        bytes.extend_from_slice(sign);
        bytes.extend((0..600_u32).map(|n| (n * n % 251) as u8));
        bytes
    }

    #[test]
    fn every_sign_is_known_with_binary_bytes_and_none_in_text() {
        for (at, sign, expected) in SIGNS {
            assert_eq!(name(&filled(*at, sign)), Some(*expected), "{sign:?}");
            let mut text = b"text ".repeat(40)[..*at].to_vec();
            text.extend(
                sign.iter()
                    .filter(|byte| matches!(byte, b' '..=b'~' | b'\n')),
            );
            text.extend_from_slice(b" is how such a file begins\n");
            assert_eq!(name(&text), None, "{sign:?}");
        }
    }

    #[test]
    fn short_signs_in_a_text_with_a_stray_byte_are_text() {
        for text in [
            &b"PACK my box with five dozen \0 jugs\n"[..],
            b"ORC and goblin, and a NUL: \0\n",
            b"REDIS0 is a magic number \0\n",
            b"GRIB f\xFCr Wetterkarten\n",
            b"BM\0\0 is not enough to be a bitmap\n",
        ] {
            assert_eq!(name(text), None, "{text:?}");
        }
    }

    #[test]
    fn fields_tell_bitmaps_pickles_bytecode_and_logins() {
        let mut bitmap = b"BM\x36\x10\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        bitmap.resize(300, 7);
        assert_eq!(name(&bitmap), Some("BMP image"));
        assert_eq!(name(b"\x80\x04\x95\x10\0\0\0\0\0\0\0}"), Some("pickle"));
        assert_eq!(name(b"\x80\x02]q\0(K\x01e."), Some("pickle"));
        assert_eq!(
            name(b"\xF3\x0D\r\n\0\0\0\0\x12\x34"),
            Some("compiled Python")
        );
        let mut login = vec![0; 768];
        login[0] = 2;
        login[8] = b'~';
        login[44..50].copy_from_slice(b"reboot");
        assert!(name(&login).is_some_and(|name| name.starts_with("login")));
        let terminal = b"\x1A\x01\x19\0\x02\0\x05\0\x87\0u\0";
        assert_eq!(name(terminal), Some("terminal description"));
        login[370] = 1;
        assert_eq!(name(&login), None);
    }
}
