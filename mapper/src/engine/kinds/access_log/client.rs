//! `host ident user`: who asked, as servers write it before the time.
//!
//! Whatever a shipper or another format puts in front shifts these fields. So a host must look like
//! one, and a user with blanks is believed only where nothing else can stand there.

use std::net::{IpAddr, Ipv6Addr};

use memchr::{memchr, memrchr};

use super::entry::{Entry, NONE};
use super::servers::Reason;
use super::swar;

/// Why the first field is no host.
pub(super) const NOT_A_HOST: Reason = "the host is neither an IP address nor a name; --skip-prefix passes over what a log shipper puts \
     in front, --line-format describes other formats";
/// Why the fields before the time are not three.
const NOT_THREE: Reason = "what stands before the time is not `host ident user`; --skip-prefix passes over what a log \
     shipper puts in front, --line-format describes other formats";
const TOO_FEW: Reason =
    "fewer than three fields before the time; --line-format describes other formats";
const CONTROL: Reason = "a control character in the user";

/// Parses `host ident user`, with `vhost:port` before it in vhost-combined. Blanks between fields
/// may be several.
pub(super) fn parse_client(text: &[u8]) -> Result<Entry<'_>, Reason> {
    let mut entry = Entry::default();
    let mut fields = trim_blanks(text);
    let (first, rest) = token(fields);
    if let Some(vhost) = vhost_of(first)
        && let Some(rest) = rest
        && rest.split(|&byte| byte == b' ').filter(|field| !field.is_empty()).nth(2).is_some()
        // Else `name:port - Jane Doe` would have the host `-`.
        && token(rest).0 != NONE
    {
        entry.vhost = vhost;
        fields = rest;
    }
    let (host, rest) = host_field(fields);
    entry.host = host_of(host).ok_or(NOT_A_HOST)?;
    let (ident, user) = token(rest.ok_or(TOO_FEW)?);
    entry.user = user.filter(|user| !user.is_empty()).ok_or(TOO_FEW)?;
    if is_address(ident) {
        return Err(NOT_THREE);
    }
    check_user(entry.user, Some(ident))?;
    Ok(entry)
}

/// The text up to a blank, and what is after the run of blanks if there is one.
pub(super) fn token(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr(b' ', text) {
        Some(at) => (&text[..at], Some(skip_blanks(&text[at..]))),
        None => (text, None),
    }
}

/// A text without the blanks that it begins with.
pub(super) fn skip_blanks(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|&&byte| byte == b' ').count()..]
}

/// A text without the blanks that it ends with.
pub(super) fn trim_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|&&byte| byte == b' ').count();
    &text[..text.len() - blanks]
}

/// The first field, which may be a chain of forwarders (`a, b`), and what is after it.
fn host_field(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (first, mut rest) = token(text);
    let mut len = first.len();
    while text[..len].ends_with(b",")
        && let Some(after) = rest
    {
        let (next, more) = token(after);
        len = text.len() - after.len() + next.len();
        rest = more;
    }
    (&text[..len], rest)
}

/// The host that a field names; of a chain of forwarders its first address, the client's.
pub(super) fn host_of(field: &[u8]) -> Option<&[u8]> {
    if memchr(b',', field).is_none() {
        return is_host(field).then_some(field);
    }
    let mut chain = field.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    let client = chain.next()?;
    (is_address(client) && chain.all(is_address)).then_some(client)
}

/// Whether a text is an IP address, if need be in brackets, or a name.
fn is_host(text: &[u8]) -> bool {
    // nginx writes the last for a client on a Unix socket.
    is_name(text) || is_address(text) || text == b"unix:"
}

fn is_name(text: &[u8]) -> bool {
    swar::is_name(text, text.len())
}

fn is_address(text: &[u8]) -> bool {
    let inner = match text {
        [b'[', inner @ .., b']'] => inner,
        bare => bare,
    };
    let (address, zone) = match memchr(b'%', inner) {
        Some(at) => (&inner[..at], Some(&inner[at + 1..])),
        None => (inner, None),
    };
    if zone.is_some_and(|zone| !is_name(zone)) {
        return false;
    }
    if is_ipv6_in_groups(address) {
        return true;
    }
    // Nearly everything that is asked about is not one, which its bytes tell.
    let may_be = |&byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
    if !address.iter().all(may_be) {
        return false;
    }
    let Ok(address) = std::str::from_utf8(address) else {
        return false;
    };
    match zone {
        Some(_) => address.parse::<Ipv6Addr>().is_ok(),
        None => address.parse::<IpAddr>().is_ok(),
    }
}

/// Whether a text is an IPv6 address in hexadecimal groups only (RFC 4291, 2.2, forms 1 and 2).
///
/// The standard library's parser tries an IPv4 address at every group, which takes ten times as
/// long.
pub(super) fn is_ipv6_in_groups(text: &[u8]) -> bool {
    let (mut groups, mut digits, mut left_out) = (0, 0, false);
    for (at, &byte) in text.iter().enumerate() {
        if byte != b':' {
            groups += u32::from(digits == 0);
            digits += 1;
            if digits > 4 || !byte.is_ascii_hexdigit() {
                return false;
            }
        } else if digits > 0 {
            digits = 0;
        } else if at == 0 {
            if !text.starts_with(b"::") {
                return false;
            }
        } else if std::mem::replace(&mut left_out, true) {
            return false;
        }
    }
    // What is left out is one group at least.
    let enough = if left_out { groups <= 7 } else { groups == 8 };
    enough && (digits > 0 || text.ends_with(b"::"))
}

/// The name in `name:port`. An IPv6 address, which has more colons, and a time of day are none.
fn vhost_of(text: &[u8]) -> Option<&[u8]> {
    let colon = memrchr(b':', text)?;
    let (name, port) = (&text[..colon], &text[colon + 1..]);
    let named = match name {
        [b'[', .., b']'] => is_address(name),
        _ => is_name(name) && !name.iter().all(u8::is_ascii_digit),
    };
    (named && is_port(port)).then_some(name)
}

/// Whether a text is a port's number.
pub(super) fn is_port(text: &[u8]) -> bool {
    (1..=5).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

/// Checks a user. One with blanks may be fields of another format: it counts only where `ident`, if
/// the format has one, is `-`, and where no part of it is an address or `-`.
pub(super) fn check_user(user: &[u8], ident: Option<&[u8]>) -> Result<(), Reason> {
    if user == NONE {
        return Ok(());
    }
    if has_control(user) {
        return Err(CONTROL);
    }
    let parts = || user.split(|&byte| byte == b' ');
    let is_field =
        |part: &[u8]| part == NONE || is_address(part.strip_suffix(b",").unwrap_or(part));
    let blanks = memchr(b' ', user).is_some();
    if blanks && ident.is_some_and(|ident| ident != NONE) || parts().any(is_field) {
        return Err(NOT_THREE);
    }
    Ok(())
}

/// Whether a text has a byte below the blank.
pub(super) fn has_control(text: &[u8]) -> bool {
    text.iter().any(|&byte| byte < b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Result<[String; 3], Reason> {
        let entry = parse_client(text.as_bytes())?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok([entry.vhost, entry.host, entry.user].map(text))
    }

    #[test]
    fn hosts_are_addresses_or_names() {
        for (text, host) in [
            ("192.0.2.1 - -", "192.0.2.1"),
            ("2001:db8::1 - -", "2001:db8::1"),
            ("0:0:0:0:0:0:0:1 - -", "0:0:0:0:0:0:0:1"),
            ("fe80::1%eth0 - -", "fe80::1%eth0"),
            ("::ffff:192.0.2.1 - -", "::ffff:192.0.2.1"),
            ("[2001:db8::1] - -", "[2001:db8::1]"),
            ("a_b.example-1.org - -", "a_b.example-1.org"),
            ("- - -", "-"),
            ("unix: - -", "unix:"),
            ("203.0.113.7, 198.51.100.2 - -", "203.0.113.7"),
            ("203.0.113.7,198.51.100.2, 2001:db8::1 - -", "203.0.113.7"),
            ("2001:db8::1, 198.51.100.2 - -", "2001:db8::1"),
        ] {
            let expected = Ok(["-", host, "-"].map(str::to_owned));
            assert_eq!(fields(text), expected, "{text}");
        }
    }

    #[test]
    fn groups_of_an_ipv6_address_are_those_of_the_standard_library() {
        let pieces = ["", "0", "1f", "aBc", "2001", "12345", "g", ":"];
        let mut draw = 1u64;
        let mut next = |below: usize| {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (draw >> 33) as usize % below
        };
        let mut found = 0;
        for _ in 0..200_000 {
            let count = 1 + next(10);
            // Long and odd pieces are rare, or nothing would be an address.
            let groups: Vec<_> = (0..count)
                .map(|_| pieces[if next(12) == 0 { next(8) } else { next(5) }])
                .collect();
            let text = groups.join(":");
            let is = text.parse::<Ipv6Addr>().is_ok();
            assert_eq!(is_ipv6_in_groups(text.as_bytes()), is, "{text}");
            found += u32::from(is);
        }
        assert!(found > 1_000, "{found}");
    }

    #[test]
    fn what_cannot_be_the_host_is_not_the_host() {
        for text in [
            "<134>Mar 13 08:15:02 web1 apache: 192.0.2.64 - -",
            "<134>1 2031-03-13T08:15:02Z web1 apache - - - 192.0.2.64 - -",
            "1 2031-03-13T08:15:02Z web1 apache - - - 192.0.2.64 - -",
            "Mar 13 08:15:03 web1 nginx[77]: 192.0.2.65 - bob",
            "Mar  3 08:15:03 web1 nginx[77]: 192.0.2.65 - bob",
            "2031-03-13T08:15:04.123Z 192.0.2.67 - -",
            "2031-03-13T08:15:04.123Z stdout F 192.0.2.67 - -",
            "1930000000.123456 web1 nginx[77]: 192.0.2.67 - -",
            "[   12.345678] web1 nginx[77]: 192.0.2.67 - -",
            "web-1  | 192.0.2.67 - -",
            "\u{1b}[36mweb-1  |\u{1b}[0m 192.0.2.67 - -",
            "a.example.org 192.0.2.10 - -",
            "a.example.org 192.0.2.10 - bob",
            "a.example.org 192.0.2.10 bob",
            "a.example.org - 192.0.2.10 - bob",
            "a.example.org - 192.0.2.10",
            "a.example.org client.example.net - -",
            "a.example.org - client.example.net - -",
            "192.0.2.1 - [192.0.2.1] - -",
            "192.0.2.1 198.51.100.2 - -",
            "203.0.113.7, 198.51.100.2, - -",
            "unknown, 198.51.100.2 - -",
            "192.0.2.1:4711 - -",
            "access.log:192.0.2.1 - -",
            "08:15 192.0.2.1 - - -",
            "12:192.0.2.1 - -",
            "web1:443 - Jane Doe",
            "\x00\x00\x00192.0.2.1 - -",
            "192.0.2.1 - a\tb",
            "192.0.2.1 frank Jane Doe",
            " 192.0.2.1 - -",
            "192.0.2.1 -",
            "192.0.2.1 -  ",
            "",
        ] {
            assert!(fields(text).is_err(), "{text:?}: {:?}", fields(text));
        }
    }

    #[test]
    fn users_may_have_blanks() {
        for (text, expected) in [
            ("h - Jane Q Doe", ["-", "h", "Jane Q Doe"]),
            (
                "h - CN=Jane Doe, O=Works",
                ["-", "h", "CN=Jane Doe, O=Works"],
            ),
            ("h  -  alice ", ["-", "h", "alice"]),
            ("h frank bob", ["-", "h", "bob"]),
            ("v:80 h - Jane Doe", ["v", "h", "Jane Doe"]),
            (
                "[2001:db8::2]:443 2001:db8::3 - -",
                ["[2001:db8::2]", "2001:db8::3", "-"],
            ),
            (
                "v:80 203.0.113.7, 198.51.100.2 - -",
                ["v", "203.0.113.7", "-"],
            ),
        ] {
            assert_eq!(fields(text), Ok(expected.map(str::to_owned)), "{text}");
        }
    }
}
