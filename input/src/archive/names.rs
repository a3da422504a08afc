//! Names of zip members: UTF-8 where it is said, else code page 437 (APPNOTE, appendix D).

/// The characters of code page 437 from 0x80 on.
const CP437: [char; 128] = [
    'Ç', 'ü', 'é', 'â', 'ä', 'à', 'å', 'ç', 'ê', 'ë', 'è', 'ï', 'î', 'ì', 'Ä', 'Å', 'É', 'æ', 'Æ',
    'ô', 'ö', 'ò', 'û', 'ù', 'ÿ', 'Ö', 'Ü', '¢', '£', '¥', '₧', 'ƒ', 'á', 'í', 'ó', 'ú', 'ñ', 'Ñ',
    'ª', 'º', '¿', '⌐', '¬', '½', '¼', '¡', '«', '»', '░', '▒', '▓', '│', '┤', '╡', '╢', '╖', '╕',
    '╣', '║', '╗', '╝', '╜', '╛', '┐', '└', '┴', '┬', '├', '─', '┼', '╞', '╟', '╚', '╔', '╩', '╦',
    '╠', '═', '╬', '╧', '╨', '╤', '╥', '╙', '╘', '╒', '╓', '╫', '╪', '┘', '┌', '█', '▄', '▌', '▐',
    '▀', 'α', 'ß', 'Γ', 'π', 'Σ', 'σ', 'µ', 'τ', 'Φ', 'Θ', 'Ω', 'δ', '∞', 'φ', 'ε', '∩', '≡', '±',
    '≥', '≤', '⌠', '⌡', '÷', '≈', '°', '∙', '·', '√', 'ⁿ', '²', '■', '\u{A0}',
];
/// The Info-ZIP field that holds a name in UTF-8.
const UNICODE_PATH: u16 = 0x7075;

/// A member's name from its bytes, the flag that calls them UTF-8, and the extra fields.
///
/// Info-ZIP on Unix and macOS's Archive Utility write UTF-8 without the flag; valid UTF-8 beyond
/// ASCII is hardly ever anything else, so it is taken for what it is.
pub(crate) fn decode(name: &[u8], is_utf8: bool, extra: &[u8]) -> Vec<u8> {
    if is_utf8 || name.is_ascii() {
        return unicode_path(name, extra).unwrap_or_else(|| name.to_vec());
    }
    if let Some(name) = unicode_path(name, extra) {
        return name;
    }
    if std::str::from_utf8(name).is_ok() {
        return name.to_vec();
    }
    let decoded: String = (name.iter())
        .map(|&byte| match byte.checked_sub(0x80) {
            None => char::from(byte),
            Some(high) => CP437[usize::from(high)],
        })
        .collect();
    decoded.into_bytes()
}

/// The name in the Unicode path field, if it is of this very name (by its CRC-32).
fn unicode_path(name: &[u8], extra: &[u8]) -> Option<Vec<u8>> {
    let found = field(extra, UNICODE_PATH)?;
    let [1, a, b, c, d, path @ ..] = found else {
        return None;
    };
    let matches = u32::from_le_bytes([*a, *b, *c, *d]) == crc32fast::hash(name);
    (matches && !path.is_empty() && std::str::from_utf8(path).is_ok()).then(|| path.to_vec())
}

/// The extra field of this number.
pub(crate) fn field(mut extra: &[u8], wanted: u16) -> Option<&[u8]> {
    while let [a, b, c, d, rest @ ..] = extra {
        let length = usize::from(u16::from_le_bytes([*c, *d]));
        let data = rest.get(..length)?;
        if u16::from_le_bytes([*a, *b]) == wanted {
            return Some(data);
        }
        extra = &rest[length..];
    }
    None
}
